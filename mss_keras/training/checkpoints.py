"""Checkpoints that appear whole or not at all, and hold all that a run needs to go on.

checkpoints/
    epoch-0007/
        weights.npz   weights, optimiser, state of the dropout's generators
        state.json    callbacks, history, checksum of the weights
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from mss_keras.config import UserError
from mss_keras.jobs.arrays import write_arrays
from mss_keras.jobs.files import appearing
from mss_keras.training.separator import Separator
from mss_keras.training.state import RunState

_WEIGHTS, _STATE = "weights.npz", "state.json"


class Checkpoints:
    """The checkpoints of a run: the last two and the best.

    Args:
        folder: where they lie.
        say: is called with a line for each thing that a user would want to know, such as a
            damaged checkpoint that is passed over.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]):
        self.folder = folder
        self.say = say

    def epochs(self) -> list[int]:
        """Epochs that have a checkpoint, in order."""
        found = (re.fullmatch(r"epoch-(\d{4,})", path.name) for path in self.folder.glob("epoch-*"))
        return sorted(int(match[1]) for match in found if match)

    def save(self, model: Separator, state: RunState) -> None:
        """Writes the checkpoint of an epoch, then drops those no longer needed.

        Args:
            model: built and compiled.
            state: of the run; the checkpoint of its best epoch is kept.

        Raises:
            UserError: if it cannot be written; earlier checkpoints stay.
        """
        try:
            with appearing(self._path(state.epoch)) as partial:
                partial.mkdir()
                write_weights(model, partial / _WEIGHTS)
                text = state.to_json(sha256=_digest(partial / _WEIGHTS))
                (partial / _STATE).write_text(text)
                for path in partial.iterdir():
                    with path.open("rb") as file:
                        os.fsync(file.fileno())
        except OSError as error:
            last = f", the last one is of epoch {self.epochs()[-1]}" if self.epochs() else ""
            raise UserError(
                self.folder,
                f"{error.strerror} while the checkpoint of epoch {state.epoch} was written{last}",
                "a folder to write to",
            ) from error
        for old in self.epochs()[:-2]:
            if old != state.best_epoch:
                shutil.rmtree(self._path(old))

    def restore(self, model: Separator) -> RunState | None:
        """Loads the last whole checkpoint.

        Returns:
            Its state, or None where there is no checkpoint.

        Raises:
            UserError: if there are some and all are damaged.
        """
        epochs = self.epochs()
        for epoch in reversed(epochs):
            state = self._state(epoch, self.say)
            if state is not None:
                read_weights(model, self._path(epoch) / _WEIGHTS)
                return state
            self.say(f"{self._path(epoch)}: damaged, the checkpoint before it is used")
        if epochs:
            raise UserError(self.folder, "all checkpoints damaged", "a whole one")
        return None

    def last(self) -> RunState:
        """The state after the last epoch that has a whole checkpoint.

        Raises:
            UserError: if there is none.
        """
        return self._best()[1]

    def best_weights(self) -> Path:
        """The weights of the best epoch, or of the last one if the best is damaged.

        Raises:
            UserError: if there is no whole checkpoint.
        """
        return self._path(self._best()[0]) / _WEIGHTS

    def best_row(self) -> dict[str, float]:
        """The row of the history that `best_weights` are of.

        Raises:
            UserError: as there.
        """
        epoch, state = self._best()
        for row in state.history:
            if row.get("epoch") == epoch:
                return row
        raise UserError(
            self.folder, f"no row of epoch {epoch} in its history", "a whole checkpoint"
        )

    def _best(self) -> tuple[int, RunState]:
        for epoch in reversed(self.epochs()):
            state = self._state(epoch)
            if state is None:
                continue
            best = state.best_epoch
            if best is not None and self._state(best) is not None:
                epoch = best
            return epoch, state
        raise UserError(self.folder, "no checkpoint", "a run that has finished an epoch")

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:04d}"

    def _state(self, epoch: int, say: Callable[[str], None] = lambda line: None) -> RunState | None:
        """State of an epoch's checkpoint, None if that is damaged or missing."""
        path = self._path(epoch)
        try:
            text = (path / _STATE).read_text()
            whole = json.loads(text)["sha256"] == _digest(path / _WEIGHTS)
            return RunState.from_json(text, say) if whole else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_weights(model: Separator, path: Path) -> None:
    """Writes all variables of a model and of its optimiser as .npz, in their order."""
    write_arrays(path, ((key, np.asarray(x.numpy())) for key, x in _variables(model).items()))


def read_weights(model: Separator, path: Path) -> None:
    """Sets a model's variables, and its optimiser's if it is compiled.

    Raises:
        UserError: if the file is not of such a model.
    """
    variables = _variables(model)
    with np.load(path) as file:
        for key, variable in variables.items():
            if key not in file or file[key].shape != tuple(variable.shape):
                found = file[key].shape if key in file else "nothing"
                raise UserError(path, f"{found} for {key}", f"{tuple(variable.shape)}")
            variable.assign(file[key])


def all_variables(model: Separator) -> list[keras.Variable]:
    """All that a checkpoint of a model holds."""
    return list(_variables(model).values())


def _variables(model: Separator) -> dict[str, keras.Variable]:
    # By place: paths hold counters that depend on what else the process has made.
    optimizer = model.optimizer.variables if model.compiled else []
    parts = {"model": model.variables, "optimizer": optimizer, **model.objective.state()}
    return {f"{part}/{i:04d}": v for part, found in parts.items() for i, v in enumerate(found)}
