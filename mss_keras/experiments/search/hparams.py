"""The trials of a search on TensorBoard's HParams page."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tensorflow as tf
from keras_tuner.engine.trial import Trial, TrialStatus
from tensorboard.plugins.hparams import api, api_pb2, summary

from mss_keras.experiments.search.plan import Search
from mss_keras.experiments.search.ranges import Choices, Span
from mss_keras.jobs.files import appearing

_STATUS = {
    TrialStatus.COMPLETED: api_pb2.STATUS_SUCCESS,
    TrialStatus.FAILED: api_pb2.STATUS_FAILURE,
}


def write_hparams(trials: Iterable[Trial], search: Search, folder: Path) -> None:
    """Adds trials to a log for TensorBoard, which may be looking at it.

    Args:
        trials: that have ended; those that are there already are left as they are.
        search: tells what is searched and the objective.
        folder: of the log, which has a folder for each trial.
    """
    objective, ranges = search.objective, search.space.ranges
    if not (folder / "search").exists():
        with appearing(folder / "search") as partial, _writing(partial):
            api.hparams_config(
                hparams=[api.HParam(name, _domain(span)) for name, span in ranges.items()],
                metrics=[api.Metric(objective)],
            )
    for trial in trials:
        if (folder / trial.trial_id).exists():
            continue
        values = {name: trial.hyperparameters.values[name] for name in ranges}
        with appearing(folder / trial.trial_id) as partial, _writing(partial):
            api.hparams(values, trial_id=trial.trial_id)
            if trial.score is not None:
                tf.summary.scalar(objective, trial.score, step=0)
            end = summary.session_end_pb(_STATUS.get(trial.status, api_pb2.STATUS_UNKNOWN))
            tf.summary.experimental.write_raw_pb(end.SerializeToString(), step=0)


def _writing(folder: Path) -> Any:
    return tf.summary.create_file_writer(str(folder)).as_default()


def _domain(span: Span) -> Any:
    if isinstance(span, Choices):
        return api.Discrete(list(span.values))
    return api.RealInterval(float(span.low), float(span.high))
