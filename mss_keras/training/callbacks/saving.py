"""Checkpoints and the history of a run, every epoch."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from mss_keras.reports.tables import write_csv
from mss_keras.training.checkpoints import Checkpoints
from mss_keras.training.state import Row, RunState

# What Keras's callbacks forget when training is resumed.
_PLATEAU_STATE = ("best", "wait", "cooldown_counter")
_STOPPING_STATE = ("best", "wait", "best_epoch")


class SaveState(keras.callbacks.Callback):
    """Checkpoints every epoch, with the state of the other callbacks and the history.

    Stands behind `plateau` and `stopping` in the list of callbacks, so that it sees
    their state after the epoch and sets it after they have reset it.

    Args:
        checkpoints: where to, or None on a machine that leaves it to another.
        plateau: lowers the learning rate.
        stopping: stops early.
        folder: the run's folder, for `history.csv`.
        phase: number of the phase, counted from 0; see `Phase`.
        state: of the checkpoint that the run goes on from, or None.
    """

    def __init__(
        self,
        checkpoints: Checkpoints | None,
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
        if self.checkpoints is not None:
            self.checkpoints.save(self.model, self.state)
            write_csv(self.folder / "history.csv", self.history)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
