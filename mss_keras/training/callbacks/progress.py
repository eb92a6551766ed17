"""What a terminal or a log shows of an epoch."""

import shutil
import sys
from collections.abc import Callable
from typing import Any

import keras
from tqdm import tqdm

from mss_keras.training.callbacks.times import EpochTimes
from mss_keras.training.companions import Phase
from mss_keras.training.wording import decibels, duration, fitting, number

_BAR = "{desc} {bar} {n_fmt}/{total_fmt} {elapsed}<{remaining}{postfix}"
_LOSSES, _RATIOS = ("loss", "val_loss"), ("val_si_sdr", "val_snr")
# What a line has, and what of it goes last where the terminal is narrow.
_SHOWN = ("head", "loss", "val_loss", "val_si_sdr", "val_snr", "took", "waiting", "left", "best")
_ORDER = ("head", "loss", "val_snr", "left", "val_loss", "waiting", "best", "took", "val_si_sdr")


class ShowProgress(keras.callbacks.Callback):
    """Says a line after every epoch, and shows a bar while it lasts.

    In a terminal that is too narrow the line leaves out what matters least. Asks the device for
    nothing: the bar has the loss of the last step that told it. Stands behind `times` and
    `stopping`.

    Args:
        times: EpochTimes. Measures the epoch.
        stopping: keras.callbacks.EarlyStopping. Tells which epoch is the best.
        phase: Phase. The phase of the run, which ends after so many epochs at the latest.
        epochs: int. Number of epochs of the run at most.
        validation_steps: int. Number of steps of a validation.
        say: Callable. Is called with each line.
        live: bool. Whether a bar is shown, on stderr.
    """

    def __init__(
        self,
        times: EpochTimes,
        stopping: keras.callbacks.EarlyStopping,
        phase: Phase,
        *,
        epochs: int,
        validation_steps: int,
        say: Callable[[str], None],
        live: bool,
    ):
        super().__init__()
        self.times, self.stopping, self.phase = times, stopping, phase
        self.epochs, self.validation_steps = epochs, validation_steps
        self.say, self.live = say, live
        self.bar: Any = None
        self._head, self._loss, self._epoch = "", "", 0
        self._took: list[float] = []  # seconds of the epochs of this session
        self._first = 0.0  # seconds of the first step, which is compiled

    def on_epoch_begin(self, epoch, logs=None):
        """Opens the bar."""
        width = len(str(self.epochs))
        self._epoch, self._loss = epoch, ""
        self._head = f"epoch {epoch + 1:>{width}}/{self.epochs}"
        self._open(self._head, self.params["steps"])

    def on_train_batch_end(self, batch, logs=None):
        """Moves the bar on."""
        if batch == 0:
            self._first = self.times.seconds
        if logs:
            self._loss = f"loss {number(float(logs['loss']))}"
        if self.bar is not None:
            told = [self._loss, self._waiting(), self._left(self._rest())]
            self.bar.set_postfix_str(", ".join(filter(None, told)), refresh=False)
            self.bar.update(batch + 1 - self.bar.n)

    def on_test_begin(self, logs=None):
        """Opens the bar of the validation."""
        self._open(f"{self._head} validating", self.validation_steps)

    def on_test_batch_end(self, batch, logs=None):
        """Moves the bar on."""
        if self.bar is not None:
            self.bar.update(batch + 1 - self.bar.n)

    def on_epoch_end(self, epoch, logs=None):
        """Says the line."""
        self.close()
        self._took.append(self.times.seconds)
        told = {
            "head": self._head,
            "took": duration(self._took[-1]),
            "waiting": self._waiting(),
            "left": self._left(self._seconds_an_epoch() * (self.phase.epochs - epoch - 1)),
            "best": "best" if self.stopping.best_epoch == epoch else "",
        }
        told |= {name: f"{name} {number(logs[name])}" for name in _LOSSES if name in logs}
        told |= {name: f"{name} {decibels(logs[name])}" for name in _RATIOS if name in logs}
        parts, order = ([told[x] for x in names if told.get(x)] for names in (_SHOWN, _ORDER))
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        self.say(fitting(parts, order, width))

    def close(self):
        """Takes the bar away, whatever ended the epoch."""
        if self.bar is not None:
            self.bar.close()
        self.bar = None

    def _open(self, head: str, steps: int) -> None:
        self.close()
        if self.live:
            self.bar = tqdm(
                desc=head, total=steps, bar_format=_BAR, leave=False, dynamic_ncols=True
            )

    def _waiting(self) -> str:
        return f"waiting {self.times.share_waiting:.0%}"

    def _left(self, seconds: float) -> str:
        if seconds <= 0:
            return ""
        later = self.phase.epochs < self.epochs  # what is left then takes another time a step
        return duration(seconds) + (f" to epoch {self.phase.epochs}" if later else " left")

    def _rest(self) -> float:
        # Seconds to the end of the phase, from within an epoch; 0 where nothing is known.
        seconds, left = self._seconds_an_epoch(), self.phase.epochs - self._epoch
        return max(0.0, seconds * left - self.times.seconds) if seconds else 0.0

    def _seconds_an_epoch(self) -> float:
        # The first epoch of a session, which is compiled, counts where there is no other.
        if took := self._took[1:] or self._took:
            return sum(took) / len(took)
        steps = self.times.steps - 1
        each = (self.times.seconds - self._first) / steps if steps > 0 else 0.0
        return each * self.params["steps"]
