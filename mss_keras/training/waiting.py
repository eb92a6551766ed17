"""Training that waits for data is told what to change."""

import time
from collections.abc import Callable

import keras

from mss_keras.config import DataConfig
from mss_keras.data import MusicSet
from mss_keras.jobs.machine import cores

_SHARE = 0.2  # of the time of training
_STEPS, _SECONDS = 5, 10.0  # fewer and shorter ones say little


class TellWaiting(keras.callbacks.Callback):
    """Says so, once, where steps spend more than a fifth of their time waiting for data.

    A GPU may be at work while the host waits, and then nothing is lost. So only those waits count
    that follow a step whose logs were read, which are those of a device without work. Stands behind
    `StopOnNaN`, which reads them. The first step of an epoch does not count.

    Args:
        advice: str. What to change.
        say: Callable. Is called with the line.
    """

    def __init__(self, advice: str, say: Callable[[str], None]):
        super().__init__()
        self.advice, self.say = advice, say
        self.told = False
        self.waits: list[float] = []
        self.steps, self.seconds = 0, 0.0
        self._now, self._waited, self._idle = 0.0, 0.0, False  # at the end of the step before

    def on_train_batch_end(self, batch, logs=None):
        """Notes the time of the step, and the wait of a device without work."""
        now, waited = time.perf_counter(), self.model.data_wait
        if batch > 0:
            self.steps += 1
            self.seconds += now - self._now
            if self._idle:
                self.waits.append(waited - self._waited)
        self._now, self._waited, self._idle = now, waited, bool(logs)

    def on_epoch_end(self, epoch, logs=None):
        """Says what there is to say."""
        if self.told or len(self.waits) < _STEPS or self.seconds < _SECONDS:
            return
        wait, step = sum(self.waits) / len(self.waits), self.seconds / self.steps
        if wait > _SHARE * step:
            self.told = True
            share = min(wait / step, 1.0)
            self.say(
                f"{share:.0%} of the time of training is spent waiting for data: {self.advice}"
            )


def advice(data: DataConfig, music: MusicSet) -> str:
    """What would make the data come faster.

    Args:
        data: DataConfig. How the data of the run is read.
        music: MusicSet. Tracks of the run.
    """
    helps = [f"more processors than the {cores()} that it may use"]
    if not data.in_memory:
        helps = ["`in_memory`, which reads every file once", "a faster disk", *helps]
        read = [x for track in music.train for file in track.files for x in file.files]
        if any(file.dtype != "int16" for file in read):
            helps.insert(1, "WAV files of 16 bits")
    return "what helps is " + ", or ".join(helps)
