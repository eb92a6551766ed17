"""From the words of the command line to options."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from jsonargparse import ArgumentError, Namespace

from mss_keras import config
from mss_keras.config import UserError
from trainer import mistakes
from trainer.idle import refuse_idle
from trainer.parser import flags_of, make_parser
from trainer.table import COMMANDS

DEMO_CONFIG = Path(__file__).with_name("demo.yaml")

# Flags by which --demo differs from DEMO_CONFIG.
_DEMO_FLAGS: dict[str, tuple[str, ...]] = {
    "train": (),
    "benchmark": ("--lr", "null", "--subset", "valid"),  # each loss has its own learning rate
    "tune": (),
}


def parse(arguments: Iterable[str]) -> Namespace:
    """Options of a command line.

    Args:
        arguments: iterable of str. Words of the command line.

    Returns:
        The name of the command as `command`, and under that name its options.

    Raises:
        UserError: for an unknown command, flag or value, or a flag that would do nothing.
        ArgumentError: for another mistake.
    """
    words = with_defaults(arguments)
    parser = make_parser()
    try:
        options = parser.parse_args(words)
    except ArgumentError as error:
        raise mistakes.explained(error, words[0], flags_of(parser, words[0])) from error
    except UserError:
        raise
    except (ValueError, RecursionError) as error:  # bytes, numbers or nesting beyond the parser
        reason = str(error).split(";")[0]
        raise UserError("config", f"no YAML ({reason})", "a YAML file of flags") from error
    refuse_idle(words[0], options[words[0]], words)
    return options


def with_defaults(arguments: Iterable[str]) -> list[str]:
    """Adds the command where none is named, and the configuration of a demonstration.

    Raises:
        UserError: for an unknown command.
    """
    words = list(arguments)
    if not words or words[0].startswith("-"):
        if words[:1] not in (["-h"], ["--help"], ["--version"]):
            words.insert(0, "train")
    elif words[0] not in COMMANDS:
        raise UserError.unknown("command", words[0], COMMANDS)
    if words[0] in _DEMO_FLAGS and "--demo" in words:
        words[1:1] = ["--config", str(DEMO_CONFIG), *_DEMO_FLAGS[words[0]]]
    for field in (*config.fields().values(), *dataclasses.fields(config.SearchConfig)):
        if field.metadata["repeated"]:
            words = _gathered(words, config.flag_name(field.name))
    return words


def _gathered(arguments: list[str], flag: str) -> list[str]:
    """`--loss a … --loss b`, or `--loss a+b`, as `… --loss ["a", "b"]`.

    argparse would take the last alone, and its action that appends would add to what a
    configuration file says instead of replacing it.
    """
    values, rest = [], []
    words = iter(arguments)
    for word in words:
        if word == flag:
            values += [value for value in [next(words, None)] if value is not None]
        elif word.startswith(f"{flag}="):
            values.append(word.removeprefix(f"{flag}="))
        else:
            rest.append(word)
    if flag == "--loss":
        values = [name for value in values for name in value.split("+")]
    return [*rest, flag, f"[{', '.join(values)}]"] if len(values) > 1 else arguments
