"""What went wrong in a training, and what to change: only what is certain from its figures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mss_keras.config import DataConfig, RunConfig, TrainingConfig
from mss_keras.data import steps_per_epoch
from mss_keras.reports.tables import counted
from mss_keras.training.scores import MEAN, Score, mean_of, rows_of
from mss_keras.training.state import Row

_FEW_STEPS, _ENOUGH_STEPS = 10, 100  # of an epoch
_EPOCHS = 5  # of fewer it is too early to say that the loss does not fall
_NOTHING = 1e-3  # of the first learning rate
_PREVIEW = "'python -m trainer preview' shows what training gets"


@dataclass(frozen=True)
class Remark:
    """Something to be known, and what to change.

    Args:
        text: str. A sentence or two, with settings in backticks.
        serious: bool. Whether what was made, or will be made, is spoiled by it. Defaults to
            `False`.
    """

    text: str
    serious: bool = False

    @property
    def line(self) -> str:
        """The same for a terminal."""
        return f"{'warning' if self.serious else 'note'}: {self.text}"


def advice(
    config: RunConfig,
    scores: Sequence[Score],
    *,
    history: Sequence[Row],
    best_epoch: int,
    tracks: int,
) -> list[Remark]:
    """What to know before a run is believed, the serious first.

    Args:
        config: RunConfig. Configuration of the run, resolved.
        scores: sequence of Score. Those of its report, of the splits `train` and `valid`.
        history: sequence of dict. A row for each epoch.
        best_epoch: int. Epoch with the lowest validation loss, counted from 1.
        tracks: int. Number of training tracks.

    Returns:
        What there is to say; nothing for a run without faults.
    """
    serious = [
        worse_than_the_mixture(scores, config.training),
        first_epoch_was_best(history, best_epoch, config.training),
        learning_rate_is_gone(history, config.training),
    ]
    found = [
        ended_while_improving(history, best_epoch, config.training),
        few_steps(tracks, config.data),
        one_track(tracks),
    ]
    return [Remark(text, told is serious) for told in (serious, found) for text in told if text]


def worse_than_the_mixture(scores: Sequence[Score], training: TrainingConfig) -> str | None:
    """Says which estimates of the validation excerpt are worse than the mixture as it is."""
    worse = [x for x in rows_of(scores) if x.split == "valid" and x.improvement < 0]
    if not worse:
        return None
    names = _listed(
        [f"{_of(x)} ({x.estimate:.1f} dB, the mixture {x.mixture:.1f} dB)" for x in worse]
    )
    text = f"On the validation excerpt SI-SDR is below that of the mixture left as it is: {names}."
    learned = mean_of(scores, "train")
    if learned is None:
        return text
    if learned.improvement < 0:
        return (
            f"{text} So it is on training music: the network has not learned to separate. What "
            f"helps is more `epochs` than {training.epochs}, "
            f"or another `lr` than {training.lr:g}; {_PREVIEW}."
        )
    return (
        f"{text} On training music the mean is {learned.improvement:.1f} dB above the mixture's: "
        "what was learned there does not hold here. What helps is more tracks, of more kinds."
    )


def first_epoch_was_best(
    history: Sequence[Row], best_epoch: int, training: TrainingConfig
) -> str | None:
    """Says so where the validation loss never fell below that of the first epoch."""
    if best_epoch > 1 or len(history) < _EPOCHS:
        return None
    return (
        f"The validation loss was lowest after the first of {len(history)} epochs: the model is "
        f"that of the first. What helps is a smaller `lr` than {training.lr:g}; {_PREVIEW}."
    )


def learning_rate_is_gone(history: Sequence[Row], training: TrainingConfig) -> str | None:
    """Says so where the learning rate fell until training changed nothing any more."""
    assert training.lr is not None  # resolved
    small = [row["learning_rate"] < _NOTHING * training.lr for row in history]
    if not small or not small[-1]:
        return None
    idle = len(small) if all(small) else small[::-1].index(False)
    return (
        f"The learning rate fell from {training.lr:g} to {history[-1]['learning_rate']:.1g}: the "
        f"last {counted(idle, 'epoch')} of {len(history)} changed next to nothing. What helps is a "
        f"larger `lr_decay_patience` than {training.lr_decay_patience}, or a `patience` below "
        f"{training.patience} to end sooner."
    )


def ended_while_improving(
    history: Sequence[Row], best_epoch: int, training: TrainingConfig
) -> str | None:
    """Says so where the last epoch that was allowed is the best one."""
    if not len(history) == best_epoch == training.epochs:
        return None
    return (
        f"The validation loss was lowest after the last epoch, {best_epoch}, and may fall further: "
        "the same command with more `epochs` goes on."
    )


def few_steps(tracks: int, data: DataConfig) -> str | None:
    """Says so where an epoch is over after a handful of steps.

    Args:
        tracks: int. Number of training tracks.
        data: DataConfig. Examples of a track, and of a batch.
    """
    steps = steps_per_epoch(range(tracks), data)
    if steps >= _FEW_STEPS:
        return None
    enough = math.ceil(_ENOUGH_STEPS * data.batch_size / tracks)
    return (
        f"An epoch has {counted(steps, 'step')} ({counted(tracks, 'track')}, `samples_per_track` "
        f"{data.samples_per_track}, `batch_size` {data.batch_size}): each validation, and each "
        "epoch that patience counts, comes after hardly any training. What helps is "
        f"`samples_per_track` {enough}, which makes {_ENOUGH_STEPS} steps, a smaller `batch_size`, "
        "or more tracks."
    )


def one_track(tracks: int) -> str | None:
    """Says so where all is learned of one song."""
    if tracks > 1:
        return None
    return "There is one training track: what is learned holds for that song alone."


def _of(score: Score) -> str:
    return "the mean of the sources" if score.source == MEAN else score.source


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
