"""A loss that is not finite ends the run."""

import math
from collections.abc import Callable, Sequence

import keras

from mss_keras.config import WorkFailedError


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
