"""`python -m trainer`: parse, call the library, print."""

import os
import re
import sys
from collections.abc import Sequence

from jsonargparse import ArgumentError, Namespace

from mss_keras.config import UserError, flag_name
from trainer.parser import COMMANDS, make_parser, with_defaults


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: of the command line. Defaults to those of the process.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong input, 130 interrupted.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        options = make_parser().parse_args(with_defaults(given))
        return _run(options)
    except (ArgumentError, UserError, OSError) as error:  # OSError: a full disk, say
        if "--traceback" in given:
            raise
        print(f"error: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        resumes = "" if given[:1] == ["separate"] else "; the same command goes on where it was"
        print(f"interrupted{resumes}", file=sys.stderr)
        return 130


def _run(options: Namespace) -> int:
    # TensorFlow's own lines would bury ours; whoever wants them sets the variable.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from trainer import commands

    command = getattr(commands, options.command.replace("-", "_"))
    return command(options[options.command])


def _one_line(error: Exception) -> str:
    told = error.told(flag_name) if isinstance(error, UserError) else str(error)
    line = " ".join(told.split())
    if not isinstance(error, ArgumentError):
        return line
    # jsonargparse names wrong and missing values by their keys.
    line = re.sub(r'Parser key "([^"]+)"', r"\1", line)
    commands = "|".join(COMMANDS)
    line = re.sub(rf"\b(?:{commands})\.(\w+)", lambda match: flag_name(match[1]), line)
    return re.sub(r"^(\w+)(?=:| element \d)", lambda match: flag_name(match[1]), line)


if __name__ == "__main__":
    sys.exit(main())
