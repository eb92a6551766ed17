"""The commands, with the flags of each."""

import dataclasses
from collections.abc import Collection
from typing import Literal

from mss_keras import config
from trainer.flags import CONFIG, Flag


@dataclasses.dataclass(frozen=True)
class Command:
    """A command as its help shows it.

    Args:
        help: str. What the command does.
        flags: tuple of Flag. Flags of its own.
        fields: tuple of Field. Fields of specifications that are its flags too.
        usage: str. What has to follow the command's name. Defaults to nothing.
        passed_over: collection of str. Keys that a configuration file may have, such as a run's,
            though the command has no use for them. Defaults to none.
    """

    help: str
    flags: tuple[Flag, ...]
    fields: tuple[dataclasses.Field, ...] = ()
    usage: str = ""
    passed_over: Collection[str] = ()


def _fields(*groups: type, but: Collection[str] = ()) -> tuple[dataclasses.Field, ...]:
    fields = (field for group in groups for field in dataclasses.fields(group))
    return tuple(field for field in fields if field.name not in but)


def _named(*names: str) -> tuple[dataclasses.Field, ...]:
    return tuple(field for name, field in config.fields().items() if name in names)


_RUN = tuple(config.GROUPS.values())
_MODEL = Flag(
    "model",
    "Folder of a run, a .keras file, or the name of a published model, such as umxhq",
    required=True,
)
_PRECISION = Flag(
    "precision",
    "Type in which the network computes, float32, float16 or bfloat16; that in which the model was "
    "trained if not given. On CPUs float32 is often the fastest",
    Literal["float32", "float16", "bfloat16"] | None,
    section="machine",
)
_DOWNLOAD = (
    Flag(
        "download",
        "Fetch musdb's set of 7-second excerpts to ROOT first if ROOT does not exist",
        bool,
        section="data",
    ),
    Flag(
        "download-url",
        "Address of the archive to fetch; musdb's if not given",
        str | None,
        section="data",
    ),
)
_DEMO = Flag("demo", "Use the 6 s of music that stempeg ships, and small sizes", bool)

COMMANDS = {
    "train": Command(
        "train a separator (the command where none is named)",
        (
            CONFIG,
            Flag("output", "Folder of the run; runs/LOSS if not given", str | None),
            dataclasses.replace(
                _DEMO,
                help="Train a small network on the 6 s of music that stempeg ships, in minutes",
            ),
            Flag(
                "dry-run",
                "Take some steps of training and one of validation, tell their time and memory, "
                "and write no run; .stem.mp4 files are decoded first, as they would be",
                bool,
            ),
            Flag(
                "tensorboard",
                "Print the command that shows the run in TensorBoard, while it trains and later",
                bool,
            ),
            *_DOWNLOAD,
        ),
        _fields(*_RUN),
    ),
    "prepare": Command(
        "decode MUSDB18's .stem.mp4 files to WAV, once",
        (
            Flag("output", "Folder of the WAV files; ROOT-wav if not given", str | None),
            Flag("jobs", "Number of tracks decoded at a time; one a core if not given", int | None),
            *_DOWNLOAD,
        ),
        _named("root"),
        usage="--root ROOT",
    ),
    "check-data": Command(
        "list what is wrong with a data set, before hours are spent",
        (),
        _named("root", "sources", "sample_rate", "nb_channels"),
        usage="--root ROOT",
    ),
    "preview": Command(
        "listen to what training gets: examples, their levels, what is wrong with them",
        (
            Flag(
                "config",
                "YAML file of flags, such as a run's config.yaml, of which what examples "
                "depend on is taken",
            ),
            Flag("output", "Folder of the page", default="preview"),
        ),
        (*_fields(config.PreviewConfig), *_named(*config.PREVIEWED)),
        usage="--root ROOT",
        passed_over=set(config.fields()) - set(config.PREVIEWED),
    ),
    "devices": Command(
        "tell which devices training would use, and how",
        (),
        _named("devices", "mixed_precision", "jit_compile"),
    ),
    "separate": Command(
        "separate songs of any length with a trained model",
        (
            Flag("inputs", "Audio or video files, folders of them, or patterns", metavar="SONG"),
            _MODEL,
            Flag("output", "Folder; it gets SONG/SOURCE.wav for each song", default="separated"),
            Flag(
                "two-stems",
                "A source; what is written is its stem and the rest of the mixture, no_SOURCE",
                str | None,
                section="separation",
            ),
            _PRECISION,
        ),
        _fields(config.SongConfig, config.SeparationConfig),
        usage="SONG [SONG ...] --model MODEL",
    ),
    "evaluate": Command(
        "score stems against a data set's sources",
        (
            Flag(
                "model",
                "Folder of a run, a .keras file, or the name of a published model; none is needed "
                "with --estimates or --oracle",
                str | None,
            ),
            Flag(
                "output",
                "Folder of the scores; the same command goes on with it",
                default="evaluation",
            ),
            _PRECISION,
        ),
        (
            *_named("root", "sources", "prepared", "sample_rate", "nb_channels", "nfft", "nhop"),
            *_fields(config.EvaluationConfig),
            *_fields(config.SeparationConfig, but=("targets", "residual")),
        ),
        usage="--root ROOT",
    ),
    "compare": Command(
        "hear the same excerpts through several separators, on one page",
        (
            Flag(
                "models",
                "Folders of runs, .keras files, or names of published models, [NAME=]RUN; none are "
                "needed with --estimates",
                default=(),
                metavar="RUN",
            ),
            Flag(
                "output",
                "Folder of the page; what the command wrote there before is replaced",
                default="comparison",
            ),
            _PRECISION,
        ),
        (
            *_named("root", "sources", "prepared", "sample_rate", "nb_channels", "nfft", "nhop"),
            *_fields(config.CompareConfig),
            *_fields(config.SeparationConfig, but=("targets", "residual")),
        ),
        usage="RUN [RUN ...] --root ROOT",
    ),
    "benchmark": Command(
        "train and score every loss alike: the survey's table",
        (
            Flag("config", "YAML file of flags"),  # a run's has a loss, which is no flag here
            Flag("losses", "Names of losses, or all", default=["all"], metavar="LOSS"),
            Flag(
                "output",
                "Folder of the benchmark; the same command goes on with it",
                default="benchmark",
            ),
            _DEMO,
            Flag(
                "jobs",
                "Number of losses trained at a time; if not given, one for each GPU, or without "
                "GPUs as many as the cores allow, and fewer if free memory is short",
                int | None,
            ),
            Flag(
                "shared",
                "Share the losses out among machines that run the same command on the same OUTPUT",
                bool,
            ),
        ),
        (
            *_fields(*_RUN, but=("loss", "loss_weight")),
            *_fields(
                config.EvaluationConfig, but=("estimates", "oracle", "metrics", "stems", "jobs")
            ),
        ),
    ),
    "tune": Command(
        "search the weights of a loss with KerasTuner",
        (
            CONFIG,
            Flag(
                "output", "Folder of the search; the same command goes on with it", default="search"
            ),
            _DEMO,
            Flag(
                "then-train",
                "Train the best trial's configuration for --epochs, to OUTPUT/best-TRIAL",
                bool,
            ),
            Flag(
                "export",
                "Folder of the served model; what --then-train trains becomes its next version",
                str | None,
            ),
        ),
        _fields(*_RUN, config.SearchConfig),
    ),
    "listen": Command(
        "build a listening test from estimates, or host one",
        (
            Flag(
                "output",
                "Folder of the test; the same command goes on with it. listening if not given, "
                "runs/listening-demo with --demo",
                str | None,
            ),
            Flag("serve", "Host the test in OUTPUT, and keep ratings as they are made", bool),
            dataclasses.replace(
                _DEMO,
                help="Make a complete test from the 6 s of music that stempeg ships, with two "
                "networks that train for half a minute each",
            ),
            _PRECISION,
        ),
        (
            *_named("root", "sources", "prepared", "sample_rate", "nb_channels"),
            *_fields(config.ListeningConfig, config.HostingConfig),
            *_fields(config.SeparationConfig, but=("targets", "residual")),
        ),
        usage="--root ROOT --systems NAME=PATH [NAME=PATH ...]",
    ),
    "correlate": Command(
        "find out which metrics agree with the ratings of a listening test",
        (
            Flag(
                "ratings",
                "Files of ratings, .json, .csv or .jsonl, or folders of them",
                default=[],
                metavar="FILE",
            ),
            Flag(
                "scores",
                "Folders that evaluate wrote of what was rated; NAME=DIR renames the system of one",
                default=[],
                metavar="DIR",
            ),
            Flag(
                "test",
                "Folder of the test; if not given, one above the first file of ratings, and "
                "runs/listening-demo with --demo",
                str | None,
            ),
            Flag(
                "output",
                "Folder of what is found; correlation if not given, runs/correlation-demo with "
                "--demo",
                str | None,
            ),
            dataclasses.replace(
                _DEMO,
                help="Analyse simulated listeners of the test that listen --demo makes; it is made "
                "first if it is not there",
            ),
        ),
        _fields(config.CorrelationConfig),
        usage="--ratings FILE [FILE ...] --scores [NAME=]DIR [[NAME=]DIR ...]",
    ),
    "models": Command(
        "list the models that others published, or fetch them",
        (
            Flag("fetch", "Names of models to fetch and convert, once", default=[], metavar="NAME"),
            Flag(
                "from",
                "Folder of the files that were fetched elsewhere, or the file itself where a model "
                "has one, in place of the network",
                str | None,
            ),
        ),
    ),
    "import-openunmix": Command(
        "turn checkpoints of open-unmix into a model",
        (
            Flag("inputs", "Folder of a model, or its .pth files, one a target", metavar="PATH"),
            Flag("output", "The .keras file to write", required=True),
        ),
        usage="PATH [PATH ...] --output OUTPUT",
    ),
    "import-spleeter": Command(
        "turn a checkpoint of Spleeter into a model",
        (
            Flag("inputs", "Folder of a published model of Spleeter", metavar="FOLDER"),
            Flag(
                "configuration",
                "Spleeter's configuration: 2stems, 4stems or 5stems, or with -16kHz behind it, "
                "which separates up to 16 kHz instead of 11; the folder's name if not given",
                str | None,
            ),
            Flag("output", "The .keras file to write", required=True),
        ),
        usage="FOLDER --output OUTPUT",
    ),
    "export": Command(
        "publish a SavedModel for TensorFlow Serving",
        (
            _MODEL,
            Flag(
                "output",
                "Folder of the served model; the SavedModel becomes its next version, 1, 2, ...",
                required=True,
            ),
            _PRECISION,
        ),
        _fields(config.ServingConfig, config.SeparationConfig),
        usage="--model MODEL --output OUTPUT",
    ),
}
