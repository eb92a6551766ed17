"""Fields of a specification, with all that the command line and a resumed run need to know."""

import dataclasses
from collections.abc import Collection
from typing import Any, Literal

from mss_keras.config.errors import UserError

# What goes on in a folder where it was, though a field is another now.
Resumed = Literal["run", "benchmark", "search"]
ALWAYS: tuple[Resumed, ...] = ("run", "benchmark", "search")


def option(
    default: Any, help: str, *, repeated: bool = False, may_change: Collection[Resumed] = ()
) -> Any:
    """A field of a specification, whose help text travels with it.

    Args:
        default: Any. Its default; a mapping is copied for each specification.
        help: str. What it means, with its unit.
        repeated: bool. Whether the flag is given once for each value. Defaults to `False`.
        may_change: collection of str. What may be resumed with another value: `run`,
            `benchmark`, `search`. Defaults to none of them.
    """
    metadata = {"help": help, "repeated": repeated, "may_change": frozenset(may_change)}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def require(condition: bool, field: str, *, found: Any, wanted: str) -> None:
    """Raises `UserError` unless a condition holds.

    Raises:
        UserError: if it does not.
    """
    if not condition:
        raise UserError(field, repr(found), wanted)


def require_positive(config: Any, *fields: str) -> None:
    """Requires that fields of a specification are above 0, where they are given.

    Raises:
        UserError: if one is not.
    """
    for field in fields:
        value = getattr(config, field)
        require(value is None or value > 0, field, found=value, wanted="a number above 0")
