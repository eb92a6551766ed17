"""`python -m trainer`: parse, call the library, print."""

import os
import sys
from collections.abc import Sequence

from jsonargparse import ArgumentError, Namespace

from mss_keras.config import UserError, WorkFailedError
from mss_keras.config.errors import respelled
from mss_keras.jobs.disk_space import want_of_space
from trainer.arguments import parse
from trainer.mistakes import spelled
from trainer.start_up import quicken


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: sequence of str. Words of the command line. Defaults to those of the process.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong input, 130 interrupted.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        _run(parse(given))
    except (ArgumentError, UserError, WorkFailedError) as error:
        if "--traceback" in given:
            raise
        failed = isinstance(error, WorkFailedError)
        print(f"{'failed' if failed else 'error'}: {_one_line(error)}", file=sys.stderr)
        return 1 if failed else 2
    except Exception as error:  # of a full disk, HDF5 and TensorFlow raise whatever they have
        full = want_of_space(error)
        if "--traceback" in given or not (full or isinstance(error, OSError)):
            raise
        line = f"{full}; with space the same command will do" if full else _one_line(error)
        print(f"error: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        anew = {
            "separate",
            "devices",
            "check-data",
            "export",
            "import-openunmix",
            "import-spleeter",
            "correlate",
            "compare",
            "preview",
        } & set(given[:1])
        anew |= {"--dry-run"} & set(given)
        resumes = "" if anew else "; the same command goes on where it was"
        print(f"interrupted{resumes}", file=sys.stderr)
        return 130
    return 0


def _run(options: Namespace) -> None:
    # TensorFlow's own lines would bury ours; whoever wants them sets the variable.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    quicken()
    from trainer import commands

    command = getattr(commands, options.command.replace("-", "_"))
    command(options[options.command])


def _one_line(error: Exception) -> str:
    text = (
        error.spelled(spelled) if isinstance(error, UserError) else respelled(str(error), spelled)
    )
    return " ".join("; ".join([text, *getattr(error, "__notes__", ())]).split())


if __name__ == "__main__":
    sys.exit(main())
