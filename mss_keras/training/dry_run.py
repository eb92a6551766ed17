"""Some steps on the real configuration, before hours are spent."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from mss_keras import data
from mss_keras.config import RunConfig, require
from mss_keras.training import loop
from mss_keras.training.callbacks import DivergedError
from mss_keras.training.devices import uses

_STEPS = 4


@dataclass(frozen=True)
class DryRun:
    """What steps of training and of validation took.

    Args:
        first: float. Seconds of the first step of training, in which its graph is made.
        step: float. Seconds of a step of training after it, the median of some.
        validation: float. Seconds of the first step of validation, in which its graph is made.
        peak: int. Largest memory in use, bytes.
        steps: int. Number of steps of an epoch.
    """

    first: float
    step: float
    validation: float
    peak: int
    steps: int

    def lines(self) -> list[str]:
        """The same in words."""
        return [
            f"first step, with its graph: {self.first:.1f} s",
            f"a step of training: {self.step:.2f} s; an epoch has {self.steps}: "
            f"{self.step * self.steps / 60:.1f} min without validation",
            f"a step of validation, with its graph: {self.validation:.1f} s",
            f"peak memory: {self.peak / 2**30:.2f} GiB",
        ]


class _Clock(keras.callbacks.Callback):
    """Times every step and looks at its loss, for which it waits for the device."""

    def __init__(self):
        super().__init__()
        self.times: list[float] = []

    def on_train_batch_begin(self, batch, logs=None):
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.times.append(time.perf_counter() - self.start)
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise DivergedError(f"loss is {loss} at step {batch + 1}")


def dry_run(
    config: RunConfig, *, say: Callable[[str], None] = lambda line: None, progress: bool = False
) -> DryRun:
    """Takes some steps of training and one of validation on the real data, and writes no run.

    What has to be decoded once is decoded. The statistics of the data are not computed, so that
    the losses mean nothing. With the adversarial loss the steps are adversarial; those of the
    pretraining are faster.

    Args:
        config: RunConfig. What is trained on what.
        say: Callable. Is called with each line that a user would want to know.
        progress: bool. Whether bars are shown. Defaults to `False`.

    Raises:
        UserError: as `mss_keras.training.loop.train`.
        DivergedError: if a loss is NaN or infinite.
    """
    wanted = "one machine, of which dry runs are"
    require(config.machines.strategy is None, "strategy", found="multiworker", wanted=wanted)
    config = loop.resolve(config)
    used = loop.set_up(config)
    say(loop.on_what(config, used))
    for name, use in uses(used, config.training).items():
        say(f"{name}: {use}")
    chosen = loop.fetched_losses(config, say)
    music = data.open_set(data.as_wav(config.data, say=say, progress=progress), config.audio)
    unpaired = loop.open_unpaired(config, say, progress=progress)
    separator = loop.make_separator(config, chosen, used)
    examples = data.training_examples(
        music.train,
        config.data,
        config.audio,
        seed=config.training.seed,
        unpaired=unpaired,
        mixed=False,
    )
    validation = data.validation_examples(music.valid, config.data, config.audio)
    clock = _Clock()
    separator.fit(
        used.prefetched(examples),
        steps_per_epoch=_STEPS,
        shuffle=False,
        callbacks=[clock],
        verbose=0,
    )
    start = time.perf_counter()
    separator.evaluate(used.prefetched(validation), steps=1, verbose=0)
    return DryRun(
        clock.times[0],
        float(np.median(clock.times[1:])),
        time.perf_counter() - start,
        used.peak_bytes(),
        data.steps_per_epoch(music.train, config.data),
    )
