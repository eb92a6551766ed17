"""Scores of a data set's stems: a model's, anyone's, an oracle's, or the mixture's.

OUTPUT/
    evaluation.yaml          what was asked for; another evaluation is refused here
    METHOD/TRACK.json        scores of a track, as museval writes them
    tracks.csv summary.csv   every track and source; medians and means of tracks
    summary.md scores.png    the summary as a table and as box plots
    report.html              all of it, and excerpts to listen to
"""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

from mss_keras import losses
from mss_keras.config import (
    AudioConfig,
    CompareConfig,
    DataConfig,
    EvaluationConfig,
    SeparationConfig,
    UserError,
)
from mss_keras.evaluation import tables
from mss_keras.evaluation.comparing.examples import Comparison, compared
from mss_keras.evaluation.comparing.hearing import Hearing
from mss_keras.evaluation.estimates import name_of_model
from mss_keras.evaluation.evaluation import NO_SCORE, Evaluation
from mss_keras.evaluation.metric_names import resolve_metrics
from mss_keras.evaluation.pages import PAGE, Report
from mss_keras.evaluation.scoring import FAILED
from mss_keras.jobs.files import working_folder
from mss_keras.models.model import SeparationModel


def evaluate(
    output: Path,
    settings: EvaluationConfig,
    *,
    dataset: DataConfig,
    audio: AudioConfig = AudioConfig(),
    model: SeparationModel | None = None,
    name: str = "model",
    separation: SeparationConfig = SeparationConfig(),
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> tuple[str, int]:
    """Scores stems against the sources of a data set and writes tables, a picture and a page.

    A script calls it under `if __name__ == "__main__"`, since the processes that run BSSEval
    import the script.

    Args:
        output: folder of the scores; an evaluation that was stopped goes on in it.
        settings: what to score and how.
        dataset: the data set. Its `sources` are the model's where there is a model.
        audio: sample rate, channels and sizes of the STFT; the model's where there is one.
        model: a separator to evaluate. Defaults to none.
        name: the model's name in the tables; that of an oracle is not taken, see `name_of_model`.
        separation: how the model separates.
        say: called with a line for each thing that a user would want to know.
        progress: whether a bar is shown.

    Returns:
        The summary as text, empty where no track has scores, and the number of tracks that
        failed.

    Raises:
        UserError: as `Evaluation.run`.
    """
    if model is not None:
        audio, dataset = model.audio, dataclasses.replace(dataset, sources=model.source_names)
    notes: list[str] = []

    def tell(line: str) -> None:
        if line.startswith((FAILED, NO_SCORE)):
            notes.append(line)
        say(line)

    evaluation = Evaluation(dataset, audio, settings, separation, tell, progress)
    with evaluation.scored(output, model, name) as (scores, failed):
        if not scores:
            return "", failed
        text = tables.write_evaluation(scores, output)
        began = time.monotonic()
        with working_folder(output) as work:
            comparison = _comparison(evaluation, scores, work, model=model, name=name)
            Report(scores, settings.subset, notes, comparison).write(output)
        heard = comparison.length if comparison else "no examples"
        say(f"{output / PAGE}: {heard}, in {time.monotonic() - began:.0f} s")
        return text, failed


def _comparison(
    evaluation: Evaluation,
    scores: tables.Scores,
    work: Path,
    *,
    model: SeparationModel | None,
    name: str,
) -> Comparison | None:
    # Of songs of which all methods have scores. What is wrong with one costs the examples alone.
    settings = evaluation.settings
    if not settings.examples:
        return None
    scored = [{track.track for track in tracks} for tracks in scores.values()]
    try:
        tracks = [x for x in evaluation.tracks() if all(x.name in names for names in scored)]
        if not tracks:
            evaluation.say("no examples: there is no song of which all methods have scores")
            return None
        metrics = [x for x in resolve_metrics(settings.metrics) if x in losses.readable()]
        return compared(
            evaluation.contestants(model, name_of_model(name)),
            tracks,
            CompareConfig(subset=settings.subset, examples=settings.examples),
            hearing=Hearing(
                evaluation.dataset.sources,
                evaluation.audio,
                metrics,
                work,
                say=evaluation.say,
                progress=evaluation.progress,
            ),
        )
    except UserError as error:
        evaluation.say(f"no examples: {error.quoted}")
        return None
