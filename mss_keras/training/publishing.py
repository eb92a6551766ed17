"""A trained model, published for TensorFlow Serving with what is known of its training."""

import csv
import math
from pathlib import Path
from typing import Any

from mss_keras.config import SeparationConfig, ServingConfig, UserError
from mss_keras.jobs.claims import read_mapping
from mss_keras.jobs.digests import digest_of
from mss_keras.training import runs


def publish(
    model: str | Path,
    folder: str | Path,
    separation: SeparationConfig,
    *,
    limits: ServingConfig,
    precision: str | None = None,
) -> Path:
    """Publishes a trained model as the next version of a served model.

    Args:
        model: str or Path. Folder of a run, or a `.keras` file.
        folder: str or Path. Folder of the served model.
        separation: SeparationConfig. How songs are separated.
        limits: ServingConfig. What the served model offers.
        precision: str or None. Type in which the network computes; see `runs.load`. Defaults to
            `None`.

    Returns:
        The folder of the version.

    Raises:
        UserError: if there is no such model, if the evaluation that `limits` names has no
            scores of it, or if the folder cannot be written.
        serving.checks.ExportError: if a server could not run the SavedModel.
    """
    separator, about = runs.load(model, precision=precision), runs.about(model)
    if limits.scores:
        weights = digest_of(weight.numpy() for weight in separator.weights)
        about["test_sdr"] = scores_of(Path(limits.scores), weights)
    try:
        return separator.export(folder, separation, limits=limits, about=about)
    except OSError as error:
        found = error.strerror or str(error)
        raise UserError(Path(folder), found, "a folder to write to") from None


def scores_of(folder: Path, weights: str) -> dict[str, Any]:
    """What `mss_keras.evaluation.evaluate` found for a model, whatever it was called there.

    Args:
        folder: Path. Folder of the evaluation.
        weights: str. Digest of the model's weights; see `mss_keras.jobs.digests`.

    Returns:
        "subset" of the data set, "unit", and the "sdr" of each source, which is None where it
        is not finite.

    Raises:
        UserError: if the evaluation scored no model or one of other weights, or if its files
            cannot be read.
    """
    wanted = f"the folder of an evaluation of this model, weights {weights}"
    asked = read_mapping(folder / "evaluation.yaml", wanted)
    name, _, scored = str(asked.get("model") or "").rpartition(", weights ")
    if scored != weights:
        found = f"{name}, weights {scored}" if scored else "no model"
        raise UserError("scores", f"scores of {found} in {folder}", wanted)
    try:
        with (folder / "summary.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row.get("method") == name]
        found_sdr = {row["source"]: float(row["sdr"]) for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError("scores", f"no summary.csv in {folder} ({error})", wanted) from None
    except (KeyError, TypeError, ValueError):
        raise UserError("scores", f"no SDR in {folder / 'summary.csv'}", wanted) from None
    if not found_sdr:
        raise UserError("scores", f"no scores of {name} in {folder / 'summary.csv'}", wanted)
    decibels = {source: sdr if math.isfinite(sdr) else None for source, sdr in found_sdr.items()}
    unit = "dB, median of frames, then of tracks"
    return {"subset": asked.get("subset"), "unit": unit, "sdr": decibels}
