"""Fields of a specification, with all that the command line and a resumed run need to know."""

import dataclasses
import numbers
import os
import types
import typing
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from mss_keras.config.errors import UserError

# Sections of a command's help, by name, in their order.
SECTIONS = {
    "data": "data",
    "search": "search",
    "scores": "scores",
    "listening": "listening test",
    "songs": "songs and stems",
    "serving": "served model",
    "hosting": "server of a listening test",
    "loss": "loss",
    "training": "training",
    "network": "network",
    "audio": "audio",
    "separation": "separation",
    "machine": "devices, precision and speed",
    "deep_feature": "loss deep_feature",
    "adversarial": "loss adversarial",
}

# Kinds of work that can be resumed in their folder.
Resumed = Literal["run", "benchmark", "search"]
ALWAYS: tuple[Resumed, ...] = ("run", "benchmark", "search")


def option(
    default: Any,
    help: str,
    *,
    section: str,
    everyday: bool = False,
    repeated: bool = False,
    may_change: Collection[Resumed] = (),
) -> Any:
    """A field of a specification, whose help text travels with it.

    Args:
        default: Any. Default of the field. A mapping is copied for each specification.
        help: str. What the field means, with its unit.
        section: str. Section of the help; see `SECTIONS`.
        everyday: bool. Whether the flag is among the first of its section. Defaults to `False`.
        repeated: bool. Whether the flag is given once for each value. Defaults to `False`.
        may_change: collection of str. Kinds of work that may be resumed with another value:
            `run`, `benchmark`, `search`. Defaults to none of them.
    """
    metadata = {
        "help": help,
        "section": section,
        "everyday": everyday,
        "repeated": repeated,
        "may_change": frozenset(may_change),
    }
    if isinstance(default, dict):
        return dataclasses.field(default_factory=default.copy, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def choices(annotation: Any) -> tuple[str, ...]:
    """The names that a type admits; none for a type without a `Literal`.

    Example:
        >>> choices(tuple[Literal["gain", "swap"], ...]), choices(float)
        (('gain', 'swap'), ())
    """
    if typing.get_origin(annotation) is Literal:
        return typing.get_args(annotation)
    inner = (choices(argument) for argument in typing.get_args(annotation))
    return next((names for names in inner if names), ())


def optional(annotation: Any) -> bool:
    """Whether a type is a union with `None`."""
    return types.NoneType in typing.get_args(annotation)


def named_folder(given: str) -> tuple[str | None, Path]:
    """The name and the folder of `[NAME=]DIR`.

    Args:
        given: str. What was given. The whole is the folder where it has no `=`, or where a
            folder of that name exists.

    Returns:
        The name, `None` where there is none, and the folder.

    Example:
        >>> named_folder("l2=runs/l2"), named_folder("runs/l2")
        (('l2', PosixPath('runs/l2')), (None, PosixPath('runs/l2')))
    """
    name, equals, folder = given.partition("=")
    if not equals or Path(given).is_dir():
        return None, Path(given)
    return name, Path(folder)


# What a type admits, and how that is called.
_PLAIN: dict[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((numbers.Integral,), "a whole number"),
    float: ((numbers.Real,), "a number"),
    str: ((str, os.PathLike), "a text"),
    types.NoneType: ((types.NoneType,), "null"),
}


def admits(annotation: Any, value: Any) -> bool:
    """Whether a value, as a file may have it, is of a type. Names of a `Literal` are not compared.

    Example:
        >>> admits(int | None, 3), admits(int | None, "3"), admits(float, True)
        (True, False, False)
        >>> admits(tuple[str, ...], ("a", "b")), admits(list[dict[str, float]], [{"a": None}])
        (True, False)
        >>> admits(Literal["a", "b"], "c"), admits(Literal["a", "b"], [])
        (True, False)
    """
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(admits(each, value) for each in inner)
    if origin in (tuple, list):
        return isinstance(value, (list, tuple)) and all(admits(inner[0], x) for x in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        is_mapping = isinstance(value, Mapping)
        return is_mapping and all(admits(inner[1], x) for x in value.values())
    if origin is Literal:
        return not isinstance(value, (list, tuple, Mapping))
    if annotation not in _PLAIN:
        return True
    if type(value).__name__ in ("bool", "bool_"):  # NumPy's, too, which takes time to import
        return annotation is bool
    return isinstance(value, _PLAIN[annotation][0])


def described(annotation: Any) -> str:
    """What `admits` wants, in words.

    Example:
        >>> described(int | None), described(tuple[str, ...])
        ('a whole number or null', 'a list, each a text')
    """
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(described, inner))
    if origin in (tuple, list):
        return f"a list, each {described(inner[0])}"
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"a mapping, each value {described(inner[1])}"
    return _PLAIN[annotation][1] if annotation in _PLAIN else "a value"


def require(condition: bool, field: str, *, found: Any, wanted: str) -> None:
    """Raises an error unless a condition holds.

    Args:
        condition: bool. The condition.
        field: str. Name of the argument, as in `UserError`.
        found: Any. Value of the argument; a text is quoted.
        wanted: str. What would be right.

    Raises:
        UserError: if the condition does not hold.
    """
    if not condition:
        raise UserError(field, repr(found), wanted)


def require_known(names: Collection[str], field: str, known: Collection[str]) -> None:
    """Requires that all names are known ones.

    Args:
        names: collection of str. The names.
        field: str. Name of the argument that they are of, as in `UserError`.
        known: collection of str. The names that exist.

    Raises:
        UserError: for the first that is not.
    """
    for name in names:
        if name not in known:
            raise UserError.unknown(field, name, known)


def require_positive(config: Any, *fields: str) -> None:
    """Requires that the named fields of a specification are `None` or above 0.

    Raises:
        UserError: if a field is 0 or below.
    """
    for field in fields:
        value = getattr(config, field)
        require(value is None or value > 0, field, found=value, wanted="a number above 0")


def require_short(config: Any, *fields: str) -> None:
    """Requires that the named fields, seconds, are 12 hours at most: samples are counted in int32.

    Raises:
        UserError: if a field is longer.
    """
    for field in fields:
        value = getattr(config, field)
        require(value <= 43200, field, found=value, wanted="43200 s, 12 hours, or less")


def require_choices(config: Any) -> None:
    """Requires that fields of `Literal` types hold names that their types admit.

    Raises:
        UserError: for another name.
    """
    for field in dataclasses.fields(config):
        value, names = getattr(config, field.name), choices(field.type)
        for name in value if isinstance(value, (list, tuple)) else (value,):
            if names and name not in names and not (name is None and optional(field.type)):
                raise UserError.unknown(field.name, name, names)
