"""What the parser says of a wrong command line, told as the library tells errors."""

import functools
import re
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from jsonargparse import ArgumentError

from mss_keras import config
from mss_keras.config import UserError, flag_name
from trainer.parser import types_of
from trainer.table import COMMANDS

_WITHOUT_DASHES = {"command", "inputs", "models"}

_NUMBERS = {int: "a whole number", float: "a number"}


def spelled(field: str) -> str:
    """The name of an argument on the command line; another word, such as a song's, is quoted.

    Example:
        >>> spelled("batch_size"), spelled("inputs"), spelled("id")
        ('--batch-size', 'inputs', '`id`')
    """
    if field in _WITHOUT_DASHES:
        return field
    name = flag_name(field)
    return name if name.split(".")[0] in _flags() else f"`{field}`"


def explained(error: ArgumentError, command: str, flags: Collection[str]) -> Exception:
    """The error that the user is shown for an error of the parser.

    Args:
        error: ArgumentError. The error of the parser.
        command: str. Name of the command.
        flags: collection of str. Flags of the command, with their dashes.

    Returns:
        A `UserError` for a mistake of a known kind, or else the error of the parser.
    """
    message = " ".join(str(error).split())
    for pattern, explain in _EXPLANATIONS.items():
        if found := re.search(pattern, message):
            return explain(_Mistake(found, command, flags))
    return error


@functools.cache
def _flags() -> frozenset[str]:
    # Those of any command: one may tell of another's, as `evaluate` does of those of `train`.
    fields = [field.name for command in COMMANDS.values() for field in command.fields]
    own = [flag.name for command in COMMANDS.values() for flag in command.flags]
    return frozenset(map(flag_name, [*config.fields(), *fields, *own]))


@dataclass(frozen=True)
class _Mistake:
    found: re.Match[str]
    command: str
    flags: Collection[str]

    @property
    def help(self) -> str:
        return f"'python -m trainer {self.command} --help'"


def _unknown_flag(mistake: _Mistake) -> UserError:
    word = mistake.found[1].split("=")[0]
    _, *keys = word.split(".")
    names = [".".join([flag, *keys]) for flag in mistake.flags if word.startswith("-")]
    wanted = f"flags that {mistake.help} lists"
    return UserError.unknown(f"'{mistake.command}'", word, names, wanted=wanted)


def _unknown_key(mistake: _Mistake) -> UserError:
    names = [_field(flag) for flag in mistake.flags]
    wanted = f"names of flags that {mistake.help} lists"
    return UserError.unknown("config", mistake.found[1], names, wanted=wanted)


def _missing(mistake: _Mistake) -> UserError:
    return UserError(_field(mistake.found[1]), "nothing", f"a value; see {mistake.help}")


def _without_value(mistake: _Mistake) -> UserError:
    return UserError(_field(mistake.found[1]), "no value", f"one; see {mistake.help}")


def _with_value(mistake: _Mistake) -> UserError:
    return UserError(_field(mistake.found[1]), mistake.found[2], "no value")


def _wrong_type(mistake: _Mistake) -> Exception:
    field, value = mistake.found[1], mistake.found[2]
    annotation = types_of(mistake.command).get(field)
    if names := config.choices(annotation):
        return UserError.unknown(field, value, names)
    wanted = next((kind for number, kind in _NUMBERS.items() if number in _parts(annotation)), None)
    if wanted is None:
        is_mapping = typing.get_origin(annotation) is Mapping
        wanted = "a mapping, as JSON" if is_mapping else f"another value; see {mistake.help}"
    return UserError(field, repr(value), wanted)


def _parts(annotation: Any) -> tuple[Any, ...]:
    return (annotation, *typing.get_args(annotation))


def _no_file(mistake: _Mistake) -> UserError:
    return UserError("config", f"no file {mistake.found[1]}", "a YAML file of flags")


def _no_yaml(mistake: _Mistake) -> UserError:
    return UserError("config", f"no YAML ({mistake.found[1]})", "a YAML file of flags")


# What the parser's message looks like, and what is made of it.
_EXPLANATIONS: dict[str, Callable[[_Mistake], Exception]] = {
    r"unrecognized arguments: (\S+)": _unknown_flag,
    r"does not accept option '(.+?)'": _unknown_key,
    r"arguments are required: (?:[\w-]+\.)?(\w+)": _missing,
    r"^argument (--[\w-]+)\S*: expected": _without_value,
    r"^argument (--[\w-]+)\S*: ignored explicit argument (.+)": _with_value,
    r"File does not exist: (\S+)": _no_file,
    r"^Problems parsing config: (.+)": _no_yaml,
    r'Parser key "(?:[\w-]+\.)?(\w+)".*(?:Got|Given) value: ?(.*)$': _wrong_type,
}


def _field(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")
