"""Callbacks of a training run."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mss_keras.config import WorkFailedError
from mss_keras.jobs.interrupt import Interrupt
from mss_keras.reports.figures import as_image
from mss_keras.reports.spectrograms import spectrograms
from mss_keras.reports.tables import write_csv
from mss_keras.training.checkpoints import Checkpoints
from mss_keras.training.state import Row, RunState

# What Keras's callbacks forget when training is resumed.
_PLATEAU_STATE = ("best", "wait", "cooldown_counter")
_STOPPING_STATE = ("best", "wait", "best_epoch")


class DivergedError(WorkFailedError):
    """The loss became NaN or infinite."""


class StopOnNaN(keras.callbacks.Callback):
    """Ends the run at the first loss that is found not to be finite, naming the tracks.

    The loss stays on the device, and most steps give no logs (see `StepFunction`). Keras logs the
    mean of the epoch up to now: once a loss is not finite, no later mean is, so none is missed.

    Args:
        tracks_of_steps: Callable. Gives the names of the tracks in the batches from a first to a
            last step, which are counted over all epochs.
        steps_per_epoch: int. Number of steps of an epoch.
        unsound: Callable. Finds the files of validation that hold NaN or infinite samples.
            Defaults to finding none.
    """

    def __init__(
        self,
        tracks_of_steps: Callable[[int, int], Sequence[str]],
        steps_per_epoch: int,
        unsound: Callable[[], Sequence[str]] = list,
    ):
        super().__init__()
        self.tracks_of_steps = tracks_of_steps
        self.steps_per_epoch = steps_per_epoch
        self.unsound = unsound
        self.epoch, self._checked, self._done = 0, 0, 0

    def on_epoch_begin(self, epoch, logs=None):
        """Remembers the epoch."""
        self.epoch, self._checked, self._done = epoch, 0, 0

    def on_train_batch_end(self, batch, logs=None):
        """Checks the loss, where the step tells it."""
        self._done = batch + 1
        if logs:
            self._check(float(logs["loss"]))

    def on_test_begin(self, logs=None):
        """Checks the loss of the steps since the last one that told it."""
        if self._done > self._checked:
            self._check(float(self.model.get_metrics_result()["loss"]))

    def on_epoch_end(self, epoch, logs=None):
        """Checks the loss of the epoch and that of the validation.

        Raises:
            DivergedError: if one is NaN or infinite.
        """
        self._check(float(logs["loss"]))
        loss = float(logs.get("val_loss", 0.0))
        if not math.isfinite(loss):
            files = ", ".join(self.unsound())
            because = f"; samples that are not finite in {files}" if files else ""
            raise DivergedError(f"validation loss is {loss} at epoch {self.epoch + 1}{because}")

    def _check(self, loss: float) -> None:
        first, self._checked = self._checked, self._done
        if math.isfinite(loss):
            return
        start = self.epoch * self.steps_per_epoch
        names = ", ".join(self.tracks_of_steps(start + first, start + self._done - 1))
        steps = f"step {self._done}"
        if first + 1 < self._done:
            steps = f"one of the steps {first + 1} to {self._done}"
        raise DivergedError(
            f"loss is {loss} at epoch {self.epoch + 1}, {steps}; tracks in the batches: {names}"
        )


class CheckInterrupt(keras.callbacks.Callback):
    """Ends `Separator.fit` between two batches once Ctrl-C has been pressed.

    Args:
        interrupt: tells whether it has been.
    """

    def __init__(self, interrupt: Interrupt):
        super().__init__()
        self.interrupt = interrupt

    def on_train_batch_end(self, batch, logs=None):
        """Checks."""
        self.interrupt.check()

    def on_test_batch_end(self, batch, logs=None):
        """Checks."""
        self.interrupt.check()


class SaveState(keras.callbacks.Callback):
    """Checkpoints every epoch, with the state of the other callbacks and the history.

    Stands behind `plateau` and `stopping` in the list of callbacks, so that it sees
    their state after the epoch and sets it after they have reset it.

    Args:
        checkpoints: where to.
        plateau: lowers the learning rate.
        stopping: stops early.
        folder: the run's folder, for `history.csv`.
        phase: number of the phase, counted from 0; see `Phase`.
        state: of the checkpoint that the run goes on from, or None.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        plateau: keras.callbacks.ReduceLROnPlateau,
        stopping: keras.callbacks.EarlyStopping,
        *,
        folder: Path,
        phase: int,
        state: RunState | None,
    ):
        super().__init__()
        self.checkpoints = checkpoints
        self.plateau = plateau
        self.stopping = stopping
        self.folder = folder
        self.phase = phase
        self.state = state
        self.history: list[Row] = list(state.history) if state else []

    def on_train_begin(self, logs=None):
        """Gives the callbacks back the state they had in this phase."""
        if self.state and self.state.phase == self.phase:
            vars(self.plateau).update(self.state.plateau)
            vars(self.stopping).update(self.state.stopping)

    def on_epoch_end(self, epoch, logs=None):
        """Saves."""
        logs = {**logs, **self.model.objective.logs()}
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in logs.items()}}
        self.history.append(row)
        self.state = RunState(
            epoch=epoch + 1,
            best_epoch=self.stopping.best_epoch + 1,
            phase=self.phase,
            stopped=bool(self.model.stop_training),
            history=self.history,
            plateau={name: _plain(getattr(self.plateau, name)) for name in _PLATEAU_STATE},
            stopping={name: _plain(getattr(self.stopping, name)) for name in _STOPPING_STATE},
        )
        self.checkpoints.save(self.model, self.state)
        write_csv(self.folder / "history.csv", self.history)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


class TensorBoardLog(keras.callbacks.Callback):
    """Writes what TensorBoard shows: scalars every epoch, an example when it improves.

    Args:
        folder: log folder.
        example: one validation excerpt, `{"mixture": [samples, channels], "sources":
            [sources, samples, channels]}`.
        stopping: tells which epoch is the best.
    """

    def __init__(
        self,
        folder: Path,
        example: dict[str, np.ndarray],
        stopping: keras.callbacks.EarlyStopping,
    ):
        super().__init__()
        self.folder = folder
        self.example = example
        self.stopping = stopping

    def on_train_begin(self, logs=None):
        """Opens the log, with the mixture and the targets to compare with."""
        splits = ("train", "validation")  # one chart for both, as Keras has it
        self.writers = {
            split: tf.summary.create_file_writer(str(self.folder / split)) for split in splits
        }
        self._audio("mixture", self.example["mixture"], 0)
        for name, target in zip(self.model.source_names, self.example["sources"], strict=True):
            self._audio(f"target/{name}", target, 0)

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self.model.objective.reset_logs()
        self.start, self.waited, self.steps = time.perf_counter(), self.model.data_wait, 0
        self.train_seconds = 0.0

    def on_train_batch_end(self, batch, logs=None):
        """Counts steps."""
        self.steps = batch + 1

    def on_test_begin(self, logs=None):
        """Notes the time of the steps, once `StopOnNaN` has waited for them; without validation."""
        self.train_seconds = time.perf_counter() - self.start

    def on_epoch_end(self, epoch, logs=None):
        """Writes the epoch's scalars and, if it is the best so far, the example."""
        step = epoch + 1
        seconds = max(self.train_seconds, 1e-9)
        run = {
            "run/learning_rate": logs["learning_rate"],
            "run/seconds_per_step": seconds / max(self.steps, 1),
            "run/share_waiting_for_data": (self.model.data_wait - self.waited) / seconds,
        }
        for name, value in {**logs, **self.model.objective.logs(), **run}.items():
            split = "validation" if name.startswith("val_") else "train"
            if name != "learning_rate":
                with self.writers[split].as_default():
                    tf.summary.scalar(name.removeprefix("val_"), float(value), step=step)
        if self.stopping.best_epoch == epoch:
            self._example(step)
        for writer in self.writers.values():
            writer.flush()

    def on_train_end(self, logs=None):
        """Closes the log."""
        for writer in self.writers.values():
            writer.close()

    def _example(self, step: int) -> None:
        stems = self.model.separate(self.example["mixture"])
        for name, stem in stems.items():
            self._audio(f"estimate/{name}", stem, step)
        image = as_image(spectrograms(self.example, stems, self.model.audio))
        with self.writers["validation"].as_default():
            tf.summary.image("spectrograms", image[np.newaxis], step=step)

    def _audio(self, tag: str, waveform: np.ndarray, step: int) -> None:
        audio = np.clip(waveform, -1.0, 1.0)[np.newaxis]
        with self.writers["validation"].as_default():
            tf.summary.audio(tag, audio, self.model.audio.sample_rate, step=step)
