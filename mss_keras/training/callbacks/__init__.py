"""Callbacks of a training run."""

from mss_keras.training.callbacks.diverging import DivergedError, StopOnNaN
from mss_keras.training.callbacks.interrupting import CheckInterrupt
from mss_keras.training.callbacks.saving import SaveState
from mss_keras.training.callbacks.tensorboard_log import TensorBoardLog

__all__ = ["CheckInterrupt", "DivergedError", "SaveState", "StopOnNaN", "TensorBoardLog"]
