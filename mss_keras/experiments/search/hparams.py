"""The trials of a search on TensorBoard's HParams page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from keras_tuner.engine.trial import Trial
from tensorboard.plugins.hparams import api

from mss_keras.experiments.search.plan import Search
from mss_keras.experiments.search.ranges import Choices, Span
from mss_keras.jobs.files import appearing


def write_hparams(trials: Sequence[Trial], search: Search, folder: Path) -> None:
    """Writes a log for TensorBoard.

    Args:
        trials: that were completed.
        search: tells what is searched and the objective.
        folder: of the log; what it held is replaced.
    """
    objective, ranges = search.objective, search.space.ranges
    with appearing(folder) as partial:
        for trial in trials:
            values = {name: trial.hyperparameters.values[name] for name in ranges}
            with tf.summary.create_file_writer(str(partial / trial.trial_id)).as_default():
                api.hparams(values, trial_id=trial.trial_id)
                tf.summary.scalar(objective, trial.score, step=0)
        with tf.summary.create_file_writer(str(partial)).as_default():
            api.hparams_config(
                hparams=[api.HParam(name, _domain(span)) for name, span in ranges.items()],
                metrics=[api.Metric(objective)],
            )


def _domain(span: Span) -> Any:
    if isinstance(span, Choices):
        return api.Discrete(list(span.values))
    return api.RealInterval(float(span.low), float(span.high))
