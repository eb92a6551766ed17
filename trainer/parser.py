"""The command line: flags from the fields of the configuration."""

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from dataclasses import Field
from importlib import metadata
from pathlib import Path
from typing import Any

from jsonargparse import ActionConfigFile, ActionYesNo, ArgumentParser

from mss_keras import config

DEMO_CONFIG = Path(__file__).with_name("demo.yaml")

COMMANDS = {
    "train": "train a separator (the command where none is named)",
    "prepare": "decode MUSDB18's .stem.mp4 files to WAV, once",
    "check-data": "list what is wrong with a data set, before hours are spent",
    "separate": "separate songs of any length with a trained model",
    "evaluate": "score stems against a data set's sources",
    "benchmark": "train and score every loss alike: the survey's table",
    "tune": "search the weights of a loss with KerasTuner",
    "import-openunmix": "turn checkpoints of open-unmix into a model",
    "export": "publish a SavedModel for TensorFlow Serving",
}


def make_parser() -> ArgumentParser:
    """The parser of `python -m trainer`."""
    parser = ArgumentParser(
        prog="python -m trainer",
        description="Train music source separators. Without a command, train: "
        "'python -m trainer train --help' lists its flags.",
        version=metadata.version("mss_keras"),
        exit_on_error=False,
    )
    commands = parser.add_subcommands(required=True, dest="command", metavar="COMMAND")
    makers = (
        *(_train, _prepare, _check_data, _separate),
        *(_evaluate, _benchmark, _tune, _import_openunmix, _export),
    )
    for (name, text), make in zip(COMMANDS.items(), makers, strict=True):
        command = ArgumentParser(description=text[0].upper() + text[1:] + ".", exit_on_error=False)
        make(command)
        command.add_argument(
            "--traceback", action="store_true", help="Show where in the code an error arose"
        )
        commands.add_subcommand(name, command, help=text)
    return parser


def _train(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--config", action=ActionConfigFile, help="YAML file of flags, as a run's config.yaml"
    )
    parser.add_argument(
        "--output", type=str | None, default=None, help="Folder of the run; runs/LOSS if not given"
    )
    parser.add_argument(
        "--demo",
        action="store_true",
        help="Train a small network on the 6 s of music that stempeg ships, in minutes",
    )
    _download(parser)
    for field in config.fields().values():
        _field(parser, field)


def _prepare(parser: ArgumentParser) -> None:
    _own_fields(parser, "root")
    parser.add_argument(
        "--output",
        type=str | None,
        default=None,
        help="Folder of the WAV files; ROOT-wav if not given",
    )
    parser.add_argument(
        "--jobs",
        type=int | None,
        default=None,
        help="Tracks decoded at a time; one a core if not given",
    )
    _download(parser)


def _check_data(parser: ArgumentParser) -> None:
    _own_fields(parser, "root", "sources", "sample_rate", "nb_channels")


def _separate(parser: ArgumentParser) -> None:
    parser.add_argument(
        "inputs", nargs="+", type=str, help="Audio or video files, folders of them, patterns"
    )
    _model(parser)
    parser.add_argument(
        "--output", type=str, default="separated", help="Folder; gets SONG/SOURCE.wav for each song"
    )
    _group(parser, config.SeparationConfig)
    _group(parser, config.SongConfig)


def _evaluate(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        type=str | None,
        default=None,
        help="Folder of a run, or a .keras file; none for --estimates or --oracle alone",
    )
    parser.add_argument(
        "--output",
        type=str,
        default="evaluation",
        help="Folder of the scores; goes on where it was",
    )
    _own_fields(parser, "root", "sources", "prepared", "sample_rate", "nb_channels")
    _own_fields(parser, "nfft", "nhop")
    _group(parser, config.EvaluationConfig)
    _group(parser, config.SeparationConfig, but=("targets", "residual"))


def _benchmark(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--config", action=ActionConfigFile, help="YAML file of flags, as a run's config.yaml"
    )
    parser.add_argument(
        "--losses", nargs="+", type=str, default=["all"], help="Names of losses, or all"
    )
    parser.add_argument(
        "--output", type=str, default="benchmark", help="Folder; goes on where it was"
    )
    parser.add_argument(
        "--demo", action="store_true", help="Use the 6 s of music that stempeg ships"
    )
    parser.add_argument(
        "--jobs",
        type=int | None,
        default=None,
        help="Losses trained at a time; as cores and free memory allow if not given",
    )
    for name, field in config.fields().items():
        if name not in ("loss", "loss_weight"):
            _field(parser, field)
    _group(parser, config.EvaluationConfig, but=("estimates", "oracle", "metrics", "stems", "jobs"))


def _tune(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--config", action=ActionConfigFile, help="YAML file of flags, as a run's config.yaml"
    )
    parser.add_argument("--output", type=str, default="search", help="Folder; goes on where it was")
    parser.add_argument(
        "--demo", action="store_true", help="Use the 6 s of music that stempeg ships"
    )
    parser.add_argument(
        "--then-train",
        action="store_true",
        help="Train the best trial's configuration for --epochs, to OUTPUT/best-TRIAL",
    )
    parser.add_argument(
        "--export",
        type=str | None,
        default=None,
        help="Folder of the served model, for what --then-train trains; gets its next version",
    )
    for field in config.fields().values():
        _field(parser, field)
    _group(parser, config.SearchConfig)


def _import_openunmix(parser: ArgumentParser) -> None:
    parser.add_argument(
        "inputs", nargs="+", type=str, help="Folder of a model, or its .pth files, one a target"
    )
    parser.add_argument("--output", type=str, required=True, help="The .keras file to write")


def _export(parser: ArgumentParser) -> None:
    _model(parser)
    parser.add_argument(
        "--output",
        type=str,
        required=True,
        help="Folder of the served model; gets the SavedModel as its next version, 1, 2, ...",
    )
    _group(parser, config.ServingConfig)
    _group(parser, config.SeparationConfig)


def _model(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--model", type=str, required=True, help="Folder of a run, or a .keras file"
    )


def _download(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--download",
        action="store_true",
        help="Fetch musdb's set of 7-second excerpts to ROOT first, if ROOT does not exist",
    )
    parser.add_argument(
        "--download-url",
        type=str | None,
        default=None,
        help="Archive to fetch; musdb's if not given",
    )


def _group(parser: ArgumentParser, group: type, but: Iterable[str] = ()) -> None:
    for field in dataclasses.fields(group):
        if field.name not in but:
            _field(parser, field)


def _own_fields(parser: ArgumentParser, *names: str) -> None:
    for name, field in config.fields().items():
        if name in names:
            _field(parser, field)


def _field(parser: ArgumentParser, field: Field) -> None:
    flag, annotation, text = config.flag_name(field.name), field.type, field.metadata["help"]
    default: Any = config.default_of(field)
    if annotation is bool:
        parser.add_argument(flag, action=ActionYesNo(no_prefix="no-"), default=default, help=text)
    elif annotation == Mapping[str, Any]:
        value = float | bool | str | list  # a number first, text last
        parser.add_argument(
            flag, type=dict[str, value | dict[str, value]], default=default, help=text
        )
    elif typing.get_origin(annotation) is Mapping:
        parser.add_argument(
            flag, type=dict[typing.get_args(annotation)], default=default, help=text
        )
    elif field.metadata.get("repeated"):
        item = typing.get_args(annotation)[0]
        parser.add_argument(flag, type=item | list[item], default=default, help=text)
    elif typing.get_origin(annotation) is tuple:
        item = typing.get_args(annotation)[0]
        parser.add_argument(flag, nargs="*", type=item, default=default, help=text)
    else:
        parser.add_argument(flag, type=annotation, default=default, help=text)


def with_defaults(arguments: Iterable[str]) -> list[str]:
    """Puts in the command where none is named, and the demonstration's configuration."""
    arguments = list(arguments)
    if not arguments or arguments[0] not in (*COMMANDS, "-h", "--help", "--version"):
        arguments.insert(0, "train")
    if arguments[0] in ("train", "benchmark", "tune") and "--demo" in arguments:
        # A benchmark's losses have learning rates of their own.
        own_rate = ["--lr", "null"] if arguments[0] == "benchmark" else []
        arguments[1:1] = ["--config", str(DEMO_CONFIG), *own_rate]
    for field in (*config.fields().values(), *dataclasses.fields(config.SearchConfig)):
        if field.metadata.get("repeated"):
            arguments = _gathered(arguments, config.flag_name(field.name))
    return arguments


def _gathered(arguments: list[str], flag: str) -> list[str]:
    """`--loss a … --loss b`, or `--loss a+b`, as `… --loss ["a", "b"]`.

    argparse would take the last alone.

    (Its `append` would add to what a configuration file says, not replace it.)
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
