"""Callbacks of a training run."""

from mss_keras.training.callbacks.diverging import DivergedError, StopOnNaN
from mss_keras.training.callbacks.interrupting import CheckInterrupt
from mss_keras.training.callbacks.progress import ShowProgress
from mss_keras.training.callbacks.saving import SaveState
from mss_keras.training.callbacks.tensorboard_log import TensorBoardLog
from mss_keras.training.callbacks.times import EpochTimes

__all__ = [
    "CheckInterrupt",
    "DivergedError",
    "EpochTimes",
    "SaveState",
    "ShowProgress",
    "StopOnNaN",
    "TensorBoardLog",
]
