"""The catalogue: every loss by name. A new loss is one class and one line here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from mss_keras.config import UserError
from mss_keras.losses.base import SeparationLoss
from mss_keras.losses.regression import L1, L2


@dataclass(frozen=True)
class Entry:
    """One loss of the catalogue.

    Args:
        loss: the class.
        domain: what it compares; see `mss_keras.domains`.
        formula: the formula, in words.
        reference: where it is from.
        learning_rate: Adam's, in the paper's experiments.
        arguments: further arguments of the constructor.
    """

    loss: type[SeparationLoss]
    domain: str
    formula: str
    reference: str
    learning_rate: float = 1e-3
    arguments: Mapping[str, Any] = field(default_factory=dict)


_L1, _L2 = "mean absolute error", "mean squared error"
_SURVEY = "Gusó et al. 2022"

CATALOGUE: dict[str, Entry] = {
    "l1_time": Entry(L1, "waveform", _L1, _SURVEY, learning_rate=1e-5),
    "l2_time": Entry(L2, "waveform", _L2, _SURVEY, learning_rate=1e-5),
    "l1_freq": Entry(L1, "magnitude", _L1, _SURVEY),
    "l2_freq": Entry(L2, "magnitude", _L2, _SURVEY),
}


def names() -> list[str]:
    """Names of all losses."""
    return list(CATALOGUE)


def entry(name: str) -> Entry:
    """The catalogue's line for a loss.

    Raises:
        UserError: for an unknown name; lists those that exist.
    """
    if name not in CATALOGUE:
        raise UserError(f"--loss: found {name!r}, wanted one of {', '.join(names())}")
    return CATALOGUE[name]


def get(name: str, **hyperparameters: Any) -> SeparationLoss:
    """A loss by its name.

    Args:
        name: a name of `names()`.
        **hyperparameters: arguments of the loss's constructor.

    Raises:
        UserError: for an unknown name; lists those that exist.
    """
    found = entry(name)
    return found.loss(
        **{"domain": found.domain, "name": name, **found.arguments, **hyperparameters}
    )


def serialize(loss: SeparationLoss) -> dict[str, Any]:
    """A loss as a plain dictionary."""
    return keras.saving.serialize_keras_object(loss)


def deserialize(config: Mapping[str, Any]) -> SeparationLoss:
    """Inverse of `serialize`."""
    return keras.saving.deserialize_keras_object(dict(config))


def table() -> str:
    """The catalogue as a Markdown table."""
    rows = [
        f"| `{name}` | {line.formula} | {line.domain} | {line.learning_rate:g} | {line.reference} |"
        for name, line in CATALOGUE.items()
    ]
    header = ["| name | formula | domain | learning rate | reference |", "| --- " * 5 + "|"]
    return "\n".join([*header, *rows])
