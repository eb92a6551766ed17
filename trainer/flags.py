"""Flags of a command: its own, and those from the fields of specifications."""

import argparse
import copy
import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from jsonargparse import ActionConfigFile, ActionYesNo, ArgumentParser, DefaultHelpFormatter

from mss_keras import config

_PLACEHOLDERS = {int: "N", float: "X"}


@dataclasses.dataclass(frozen=True)
class Flag:
    """A flag that no specification has.

    Args:
        name: str. Name of the flag without dashes, or of positional arguments if `metavar`
            is given.
        help: str. What it means.
        type: type. Type of its value; `bool` for a flag without a value. Defaults to `str`.
        default: object. Its default; an empty tuple of positional arguments that may be left
            out. Defaults to `None`.
        required: bool. Whether it has to be given. Defaults to `False`.
        metavar: str or None. What stands for the values, one or more, in the help. Defaults to
            `None`, which means a single value.
        section: str or None. Section of the help, as in `SECTIONS`. Defaults to `None`, which
            is the first section.
    """

    name: str
    help: str
    type: Any = str
    default: Any = None
    required: bool = False
    metavar: str | None = None
    section: str | None = None


CONFIG = Flag("config", "YAML file of flags, such as a run's config.yaml")


class HelpFormatter(DefaultHelpFormatter):
    """Prints help texts as they are written; each says by itself what its default is."""

    def _get_help_string(self, action: argparse.Action) -> str:
        return action.help or ""

    def _format_action(self, action: argparse.Action) -> str:
        if isinstance(action, argparse._SubParsersAction):  # the commands alone, without a heading
            return "".join(map(self._format_action, action._get_subactions()))
        return super()._format_action(action)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        shown = copy.copy(action)  # without jsonargparse's second form, `--loss+`
        shown.option_strings = [text for text in action.option_strings if not text.endswith("+")]
        return super()._format_action_invocation(shown)


def add_flags(
    parser: ArgumentParser, flags: Iterable[Flag], fields: Iterable[dataclasses.Field]
) -> None:
    """Adds flags to the parser of a command, in sections, everyday flags first.

    Args:
        parser: ArgumentParser. The parser.
        flags: iterable of Flag. Flags of the command's own.
        fields: iterable of Field. Fields that `mss_keras.config.option` made.
    """
    own, given = list(flags), list(fields)
    for flag in own:
        if flag.section is None:
            _add_flag(parser, flag)
    for section, title in config.SECTIONS.items():
        chosen = [field for field in given if field.metadata["section"] == section]
        more = [flag for flag in own if flag.section == section]
        if chosen or more:
            group = parser.add_argument_group(title)
            for field in sorted(chosen, key=lambda field: not field.metadata["everyday"]):
                _add_field(group, field)
            for flag in more:
                _add_flag(group, flag)


def _add_flag(group: Any, flag: Flag) -> None:
    text = described(flag.help, flag.type, flag.default)
    if flag.name == "config":
        group.add_argument("--config", action=ActionConfigFile, help=text)
    elif flag.type is bool:
        group.add_argument(f"--{flag.name}", action="store_true", help=text)
    elif flag.metavar and flag.default in (None, ()):
        positional: dict[str, Any] = {"nargs": "+"} if flag.default is None else {"nargs": "*"}
        group.add_argument(flag.name, type=flag.type, metavar=flag.metavar, help=text, **positional)
    else:
        options: dict[str, Any] = {"type": flag.type, "default": flag.default, "help": text}
        if number := _number(flag.type):
            options |= {"metavar": _PLACEHOLDERS[number]}
        if flag.metavar:
            options |= {"nargs": "+", "metavar": flag.metavar}
        if flag.required:
            options |= {"required": True, "help": f"{text} (required)"}
        group.add_argument(f"--{flag.name}", **options)


def _add_field(group: Any, field: dataclasses.Field) -> None:
    annotation: Any = field.type
    default = config.default_of(field)
    text = described(
        config.respelled(field.metadata["help"], config.flag_name), annotation, default
    )
    if annotation is bool:
        reading: dict[str, Any] = {"action": ActionYesNo(no_prefix="no-")}
    else:
        reading = _reading(annotation, field.metadata["repeated"])
    group.add_argument(config.flag_name(field.name), default=default, help=text, **reading)


def _reading(annotation: Any, repeated: bool) -> dict[str, Any]:
    # How jsonargparse reads a value of a field's type.
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation == Mapping[str, Any]:
        value = None | float | bool | str | list  # null and a number first, text last
        return {"type": dict[str, value | dict[str, value]], "metavar": "JSON"}
    if origin is Mapping:
        return {"type": types.GenericAlias(dict, inner), "metavar": "JSON"}
    item: Any = inner[0] if origin is tuple else annotation
    shown: dict[str, Any] = {}
    if number := _number(item):
        shown = {"metavar": _PLACEHOLDERS[number]}
    if names := config.choices(item):  # the specification compares them: it knows the closest
        item = str | None if config.optional(item) else str
        shown = {"metavar": f"{{{','.join(names)}}}"}
    if repeated:
        return {"type": item | types.GenericAlias(list, item), **shown}
    if origin is tuple:
        return {"type": item, "nargs": "*", **shown}
    return {"type": item, **shown}


def described(text: str, annotation: Any, default: Any) -> str:
    """A help text with the type of a number, and with the default unless the text tells it.

    Example:
        >>> described("Hop, samples", int, 1024)
        'Hop, samples (type: int, default: 1024)'
        >>> described("Names of the sources", tuple[str, ...], ["vocals", "drums"])
        'Names of the sources (default: vocals drums)'
    """
    number, notes = _number(annotation), []
    if number:
        notes.append(f"type: {number.__name__}")
    if default not in (None, False, [], (), {}) or (number and default == 0):
        shown = " ".join(map(str, default)) if isinstance(default, list) else str(default)
        notes.append(f"default: {shown}")
    return f"{text} ({', '.join(notes)})" if notes else text


def _number(annotation: Any) -> type | None:
    kinds = (annotation, *typing.get_args(annotation))
    return next((kind for kind in (int, float) if kind in kinds), None)
