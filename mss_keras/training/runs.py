"""The folder of a run: its configuration, and how a trained model is read back.

RUN/
    config.yaml       the resolved configuration; `train --config` takes it
    statistics.npz    mean and standard deviation of the mixtures, a bin
    checkpoints/      the last two epochs and the best
    history.csv       a row an epoch
    tensorboard/
    curves.png  spectrograms.png  stems/
    saved_model/1/    for TensorFlow Serving
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import yaml

from mss_keras.config import Config, UserError, flag_name
from mss_keras.files import appearing
from mss_keras.training.checkpoints import Checkpoints, read_weights
from mss_keras.training.report import Score
from mss_keras.training.separator import Separator

# May change when a run is resumed: the examples and what is learned stay the same.
_FREE = {"epochs", "in_memory", "prepared", "statistics"}


def write_config(config: Config, path: Path) -> None:
    """Writes a configuration as YAML."""
    with appearing(path) as partial:
        partial.write_text(yaml.safe_dump(config.to_flat(), sort_keys=False))


def read_config(path: Path) -> Config:
    """Inverse of `write_config`.

    Raises:
        UserError: if the file is missing or is not a configuration.
    """
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = getattr(error, "strerror", None) or "not YAML"
        raise UserError(f"{path}: {reason}, wanted the configuration of a run") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: found {type(values).__name__}, wanted the configuration of a run")
    return Config.from_flat(values)


def claim(folder: Path, config: Config) -> None:
    """Makes a folder the folder of this run, or finds that it is.

    Raises:
        UserError: if it holds the run of another configuration, or cannot be written.
    """
    path = folder / "config.yaml"
    if path.exists():
        there, here = read_config(path).to_flat(), config.to_flat()
        different = [key for key in here if key not in _FREE and there[key] != here[key]]
        if different:
            found = ", ".join(
                f"{flag_name(key)} {there[key]} (now {here[key]})" for key in different
            )
            raise UserError(
                f"--output: {folder} holds a run of another configuration: {found}; "
                "wanted the same or another folder"
            )
    elif folder.exists() and any(folder.iterdir()):
        raise UserError(
            f"--output: {folder} holds something else, wanted a new or empty folder or a run"
        )
    try:
        write_config(config, path)
    except OSError as error:
        raise UserError(
            f"--output: {folder}: {error.strerror}, wanted a folder to write to"
        ) from None


def build(config: Config, replicas: int = 1) -> Separator:
    """The separator of a configuration, built, with fresh weights.

    Args:
        config: the configuration.
        replicas: devices that train it; batch statistics are taken over all.
    """
    precision = config.training.mixed_precision
    separator = Separator(
        config.data.sources,
        config.audio,
        config.model,
        synchronized=replicas > 1,
        policy=f"mixed_{precision}" if precision else "float32",
    )
    separator.build()
    return separator


def load(path: str | Path) -> Separator:
    """A trained separator.

    Args:
        path: folder of a run, or a `.keras` file written by `Separator.save`.

    Raises:
        UserError: if it is neither.
    """
    path = Path(path)
    if path.is_file() and path.suffix == ".keras":
        try:
            model = keras.saving.load_model(path)
        except Exception as error:  # Keras raises whatever the parser at hand raises
            raise UserError(f"{path}: {_first_line(error)}; wanted a model of mss_keras") from error
        if not isinstance(model, Separator):
            raise UserError(f"{path}: found a {type(model).__name__}, wanted a Separator")
        return model
    if not (path / "config.yaml").is_file():
        raise UserError(f"--model: {path} found, wanted the folder of a run or a .keras file")
    separator = build(read_config(path / "config.yaml"))
    weights = Checkpoints(path / "checkpoints", lambda line: None).best_weights()
    read_weights(separator, weights)
    return separator


def about(path: str | Path, scores: Sequence[Score] = ()) -> dict[str, Any]:
    """What is known of a trained model, for its model card.

    Args:
        path: folder of a run, or a `.keras` file, of which nothing is known.
        scores: of its report. Defaults to none.

    Returns:
        `loss`, `data`, `metrics` and `configuration`, of plain types.
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
    return {
        "loss": list(config.training.loss),
        "data": dataclasses.asdict(config.data),
        "metrics": metrics,
        "configuration": config.to_flat(),
    }


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
