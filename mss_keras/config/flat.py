"""Specifications to and from flat mappings: configuration files, and flags of a command."""

import dataclasses
import math
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from mss_keras.config.fields import admits, described, require

Specification = TypeVar("Specification")

# Fields that had another name once, by that name.
RENAMED = {"architecture": "network"}


def renewed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by name of a field, where a file may have names that fields had once.

    Example:
        >>> renewed({"architecture": "joint", "hidden_size": 8})
        {'network': 'joint', 'hidden_size': 8}
    """
    return {RENAMED.get(name, name): value for name, value in values.items()}


def from_options(group: type[Specification], options: Mapping[str, Any]) -> Specification:
    """A specification, from a mapping that may hold keys for others too.

    Args:
        group: type. Class of the specification.
        options: mapping. Values by name of a field. Fields that it lacks take their defaults.

    Raises:
        UserError: for a value of another type or out of range.
    """
    of: Any = group  # mypy has no bound for classes of dataclasses
    types = {field.name: field.type for field in dataclasses.fields(of)}
    values = {n: _frozen(types[n], options[n]) for n in types if n in options}
    for name, value in values.items():
        wanted = types[name]
        require(admits(wanted, value), name, found=plain(value), wanted=described(wanted))
        if isinstance(value, float):
            require(math.isfinite(value), name, found=value, wanted="a finite number")
    return group(**values)


def default_of(field: dataclasses.Field) -> Any:
    """Default of a field, of types that YAML and JSON know."""
    made = field.default_factory
    return plain(field.default if made is dataclasses.MISSING else made())


def plain(value: Any) -> Any:
    """A value of a field, of types that YAML and JSON know."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _frozen(annotation: Any, value: Any) -> Any:
    if typing.get_origin(annotation) is tuple:
        return tuple(value) if isinstance(value, (list, tuple)) else (value,)
    return value
