"""What several commands need: data sets, configurations, and how they print."""

import dataclasses
import sys
from pathlib import Path

from jsonargparse import Namespace

from mss_keras import config
from mss_keras.config import RunConfig, UserError
from mss_keras.config.errors import respelled
from trainer.mistakes import spelled


def run_config(options: Namespace) -> RunConfig:
    """The configuration of a run, of the options of a command.

    Raises:
        UserError: for a wrong value, or an unknown loss.
    """
    run = RunConfig.from_flat({name: options[name] for name in config.fields() if name in options})
    config.require_known(run.training.loss, "loss", config.LOSSES)
    return run


def require_root(options: Namespace) -> None:
    """Requires a data set, where it is not made or fetched.

    Raises:
        UserError: if none is named, or none is there.
    """
    if options.root is not None and not options.get("download"):
        from mss_keras.data.tracks import find_kind  # which needs no TensorFlow

        find_kind(options.root)
    if options.root is None and not options.get("demo"):
        raise UserError("root", "nothing", "the folder of a data set")


def with_music(run: RunConfig, options: Namespace, output: Path) -> RunConfig:
    """The configuration with its data set: --demo makes one beside OUTPUT, --download fetches it.

    Raises:
        UserError: for --demo beside a data set.
    """
    fetch(options)
    if not options.demo:
        return run
    if options.root is not None:
        raise UserError("demo", "it with `root`", "one of the two")

    from mss_keras import data

    root = str(data.make_demo(output.with_name(f"{output.name}-data")))
    return dataclasses.replace(run, data=dataclasses.replace(run.data, root=root))


def fetch(options: Namespace) -> None:
    """Fetches the data set of --download, where it is asked for and not there.

    Raises:
        UserError: if it has no folder to go to.
    """
    if not options.get("download"):
        return
    if options.root is None:
        raise UserError("root", "nothing", "the folder that `download` is to make")
    if not Path(options.root).exists():
        from mss_keras import data

        data.download(options.root, options.download_url)


def model_path(given: str | Path, field: str = "model") -> Path:
    """The path of a model that is given by path or by name; a published one is fetched.

    Raises:
        UserError: if it cannot be.
    """
    from mss_keras import separation

    return separation.model_path(given, say=say, progress=sys.stderr.isatty(), field=field)


def fetch_pretrained(run: RunConfig, output: Path) -> None:
    """Fetches the model that training begins with, where it has a name and training has not begun.

    The configuration keeps the name: another machine may have the model elsewhere.

    Raises:
        UserError: as `model_path`.
    """
    given = run.adversarial.pretrained
    if given and not any(output.glob("checkpoints/epoch-*")):
        model_path(given, "pretrained")


def say(line: str) -> None:
    """Prints a line, with settings spelled as flags."""
    print(respelled(line, spelled), flush=True)
