"""The parser of the command line."""

import argparse
import contextlib
from collections.abc import Collection
from importlib import metadata
from typing import Any

import yaml
from jsonargparse import ArgumentParser, Namespace

from trainer.flags import Flag, HelpFormatter, add_flags
from trainer.table import COMMANDS


def make_parser() -> ArgumentParser:
    """The parser of `python -m trainer`."""
    parser = _parser(
        prog="python -m trainer",
        usage="%(prog)s [COMMAND] [FLAGS]",
        description="Train music source separators. Without a command it trains: "
        "'python -m trainer train --help' lists the flags.",
        version=metadata.version("mss_keras"),
    )
    subparsers = parser.add_subcommands(
        required=True,
        dest="command",
        title="commands",
        description="'python -m trainer COMMAND --help' lists the flags of a command.",
    )
    for name, command in COMMANDS.items():
        subparser = _parser(description=f"{command.help[0].upper()}{command.help[1:]}.")
        traceback = Flag("traceback", "Show where in the code an error arose", bool)
        subparser.passed_over = command.passed_over
        add_flags(subparser, (*command.flags, traceback), command.fields)
        subparsers.add_subcommand(name, subparser, help=command.help)
        subparser.usage = " ".join(
            filter(None, ("python -m trainer", name, command.usage, "[FLAGS]"))
        )
    return parser


def flags_of(parser: ArgumentParser, command: str) -> list[str]:
    """The flags of a command, with their dashes."""
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return [flag for flag in commands.choices[command]._option_string_actions if flag[-1] != "+"]


def types_of(command: str) -> dict[str, Any]:
    """The types of a command's flags, by their names as in Python."""
    own = {flag.name.replace("-", "_"): flag.type for flag in COMMANDS[command].flags}
    return own | {field.name: field.type for field in COMMANDS[command].fields}


class _Parser(ArgumentParser):
    """A parser that takes configuration files with keys for which it has no flag.

    Attributes:
        passed_over: collection of str. These keys.
    """

    passed_over: Collection[str] = ()

    def parse_string(self, content: str, *args: Any, **kwargs: Any) -> Namespace:
        """Options of a configuration file's text."""
        values: Any = None
        with contextlib.suppress(yaml.YAMLError, ValueError, RecursionError):  # told below
            values = yaml.safe_load(content)
        if self.passed_over and isinstance(values, dict):
            kept = {key: x for key, x in values.items() if key not in self.passed_over}
            content = yaml.safe_dump(kept, sort_keys=False)
        return super().parse_string(content, *args, **kwargs)


def _parser(**options: Any) -> _Parser:
    return _Parser(
        **options,
        formatter_class=HelpFormatter,
        exit_on_error=False,
        allow_abbrev=False,
        print_config="--print-config",
    )
