"""The state of a run between two epochs, as a checkpoint keeps it."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mss_keras.config.fields import admits

# Names that columns of the history had before.
RENAMED = {"val_sdr": "val_snr"}

Row = dict[str, float]


@dataclass(frozen=True)
class RunState:
    """What a run needs besides weights and optimisers to go on as if it had not stopped.

    Args:
        epoch: int. Number of epochs that are finished.
        best_epoch: int or None. Epoch with the lowest validation loss, counted from 1.
        phase: int. Number of the phase, counted from 0. Defaults to `0`.
        stopped: bool. Whether the phase has been ended early. Defaults to `False`.
        history: list of dict. A row of measurements for each epoch. Defaults to none.
        plateau: dict. State of the callback that lowers the learning rate. Defaults to none.
        stopping: dict. State of the callback that stops early. Defaults to none.

    Example:
        >>> state = RunState(epoch=2, best_epoch=1, history=[{"epoch": 1}, {"epoch": 2}])
        >>> RunState.from_json(state.to_json()) == state
        True
    """

    epoch: int
    best_epoch: int | None
    phase: int = 0
    stopped: bool = False
    history: list[Row] = field(default_factory=list)
    plateau: dict[str, Any] = field(default_factory=dict)
    stopping: dict[str, Any] = field(default_factory=dict)

    def ends(self, phase: int, epochs: int) -> bool:
        """Whether a phase, which ends after so many epochs at the latest, is over."""
        if self.phase > phase or self.epoch >= epochs:
            return True
        return self.phase == phase and self.stopped

    def to_json(self, **more: Any) -> str:
        """The state as JSON, with further entries."""
        return json.dumps({**dataclasses.asdict(self), **more})

    @classmethod
    def from_json(cls, text: str, say: Callable[[str], None] = lambda line: None) -> "RunState":
        """Inverse of `to_json`; entries that are not the state's are passed over.

        Args:
            text: what `to_json` gave.
            say: is called with a line for each name of a measurement that is another now.

        Raises:
            ValueError, KeyError, TypeError: if the text is not of a state.
        """
        values = json.loads(text)
        own = {
            name.name: values[name.name] for name in dataclasses.fields(cls) if name.name in values
        }
        for kind in dataclasses.fields(cls):
            if kind.name in own and not admits(kind.type, own[kind.name]):
                raise TypeError(f"{kind.name} is {own[kind.name]!r}")
        for old, new in RENAMED.items():
            if any(old in row for row in own.get("history", [])):
                say(f"the history's {old} is called {new} now")
                own["history"] = [renamed(row) for row in own["history"]]
        return cls(**own)


def renamed(row: Mapping[str, float]) -> Row:
    """A row of a history, with today's names.

    Example:
        >>> renamed({"epoch": 1, "val_sdr": 3.2})
        {'epoch': 1, 'val_snr': 3.2}
    """
    return {RENAMED.get(name, name): value for name, value in row.items()}
