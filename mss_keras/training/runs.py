"""The folder of a run: its configuration, and how a trained model is read back.

RUN/
    config.yaml       the resolved configuration; `train --config` takes it
    statistics.npz    mean and standard deviation of the mixtures, a bin, if the network takes them
    tracks.json       names and lengths of its tracks, by which it knows its music
    checkpoints/      the last two epochs and the best
    history.csv       a row an epoch
    tensorboard/
    report.html       the page of the run
    curves.png  spectrograms.png  stems/
    saved_model/1/    for TensorFlow Serving
"""

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import keras
import yaml

from mss_keras.config import AudioConfig, RunConfig, UserError
from mss_keras.jobs.claims import Claim, read_mapping
from mss_keras.jobs.files import appearing
from mss_keras.models.catalogue import A_MODEL
from mss_keras.models.masking import MaskingModel
from mss_keras.models.model import SeparationModel
from mss_keras.training.checkpoints import Checkpoints, read_weights
from mss_keras.training.scores import Score
from mss_keras.training.separator import Separator


def write_config(config: RunConfig, path: Path) -> None:
    """Writes a configuration as YAML."""
    with appearing(path) as partial:
        partial.write_text(yaml.safe_dump(config.to_flat(), sort_keys=False))


def read_config(path: Path) -> RunConfig:
    """Inverse of `write_config`.

    Raises:
        UserError: if the file is missing or is not a configuration.
    """
    return RunConfig.from_flat(read_mapping(path, "the configuration of a run"))


def begun(folder: Path) -> dict[str, Any] | None:
    """The configuration with which a run was begun, flat; None where there is no run.

    Raises:
        UserError: if the file of the configuration cannot be read.
    """
    path = folder / "config.yaml"
    return read_mapping(path, "the configuration of a run") if path.exists() else None


def claim(folder: Path, config: RunConfig) -> None:
    """Makes a folder the folder of this run, or finds that it is.

    Raises:
        UserError: if it holds the run of another configuration, or cannot be written.
    """
    claim_of(config).take(folder)


def claimed(folder: Path, config: RunConfig) -> AbstractContextManager[None]:
    """Makes a folder the folder of this run, as `claim`, and keeps other processes out of it."""
    return claim_of(config).alone(folder)


def claim_of(config: RunConfig) -> Claim:
    """What a folder is wanted for by a run."""
    settings = config.to_flat()
    may_change = settings.keys() - config.binding("run").keys()
    defaults = RunConfig().to_flat()  # of fields that a run from before them lacks
    return Claim("run", "config.yaml", settings, may_change=may_change, defaults=defaults)


# Keras's dtype policy of a network, by precision.
POLICIES = {"float32": "float32", "float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}


def build(config: RunConfig, replicas: int = 1, *, precision: str | None = None) -> Separator:
    """The separator of a configuration, built, with fresh weights.

    Args:
        config: the configuration.
        replicas: devices that train it; batch statistics are taken over all.
        precision: a key of `POLICIES`. Defaults to the configuration's.
    """
    separator = Separator(
        config.data.sources,
        config.audio,
        config.model,
        synchronized=replicas > 1,
        policy=POLICIES[precision or config.training.mixed_precision or "float32"],
    )
    separator.build()
    return separator


def load(path: str | Path, *, precision: str | None = None, field: str = "model") -> Separator:
    """A trained separator.

    Args:
        path: folder of a run, or a `.keras` file written by `Separator.save`.
        precision: type in which the network computes, a key of `POLICIES`. Weights are kept in
            float32 whatever it is. Defaults to the type in which the model was trained.
        field: name of the argument that the path is of, for the error. Defaults to `model`.

    Raises:
        UserError: if it is neither, or its network cannot be had.
    """
    path = Path(path)
    if path.is_file() and path.suffix == ".keras":
        try:
            # Named, since Keras knows a class only once its module was imported.
            classes = {"mss_keras>MaskingModel": MaskingModel}
            model = keras.saving.load_model(path, custom_objects=classes)
        except UserError:
            raise
        except Exception as error:  # Keras raises whatever the parser at hand raises
            raise UserError(path, _first_line(error), "a model of mss_keras") from error
        if not isinstance(model, SeparationModel):
            raise UserError(path, f"a {type(model).__name__}", "a Separator")
        policy = POLICIES[precision] if precision else model.policy
        if isinstance(model, Separator) and model.policy == policy:
            return model
        return Separator.of(model, policy=policy)
    if not (path / "config.yaml").is_file():
        raise UserError(field, *_without_model(path))
    separator = build(read_config(path / "config.yaml"), precision=precision)
    weights = Checkpoints(path / "checkpoints", lambda line: None).best_weights()
    read_weights(separator, weights)
    return separator


def describe(path: str | Path, *, field: str = "model") -> tuple[tuple[str, ...], AudioConfig]:
    """The names of a trained model's sources, and its audio; of a run without building the model.

    Args:
        path: folder of a run, or a `.keras` file.
        field: as in `load`.

    Raises:
        UserError: as `load`, and if the run has no whole checkpoint.
    """
    path = Path(path)
    if not (path / "config.yaml").is_file():
        model = load(path, field=field)
        return tuple(model.source_names), model.audio
    config = read_config(path / "config.yaml")
    Checkpoints(path / "checkpoints", lambda line: None).best_weights()
    return tuple(config.data.sources), config.audio


def _without_model(path: Path) -> tuple[str, str]:
    # What was found, and what is wanted.
    if path.exists():
        return f"{path}, which is neither", "the folder of a run or a .keras file"
    beside = [str(other) for other in path.parent.glob("*")]
    close = difflib.get_close_matches(str(path), beside, n=1)
    return f"nothing at {path}" + (f" (did you mean {close[0]}?)" if close else ""), A_MODEL


def about(path: str | Path, scores: Sequence[Score] = ()) -> dict[str, Any]:
    """What is known of a trained model, for its model card.

    Args:
        path: folder of a run, or a `.keras` file, of which nothing is known.
        scores: of its report. Defaults to none.

    Returns:
        `loss`, `data`, `metrics` and `configuration`, of plain types and without paths.
    """
    path = Path(path)
    if not (path / "config.yaml").is_file():
        return {}
    config = read_config(path / "config.yaml")
    checkpoints = Checkpoints(path / "checkpoints", lambda line: None)
    metrics: dict[str, Any] = {"best_epoch": checkpoints.best_row()}
    if scores:
        metrics["si_sdr"] = [
            {k: None if v != v else v for k, v in dataclasses.asdict(score).items()}
            for score in scores
        ]
    root = config.data.root
    return {
        "loss": list(config.training.loss),
        "data": {"dataset": root and Path(root).name, **_public(dataclasses.asdict(config.data))},
        "metrics": metrics,
        "configuration": _public(config.to_flat()),
    }


# Fields that hold paths of the machine that trained, which are nobody else's business.
_PATHS = {"root", "prepared", "statistics", "unpaired_root", "unpaired_sources", "pretrained"}


def _public(values: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in values.items() if name not in _PATHS}
    if not str(shown.get("vggish", "https:")).startswith("https:"):
        shown["vggish"] = Path(shown["vggish"]).name
    return shown


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
