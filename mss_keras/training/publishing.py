"""A trained model, published for TensorFlow Serving with what is known of its training."""

import csv
import math
from pathlib import Path
from typing import Any

from mss_keras.config import SeparationConfig, ServingConfig, UserError
from mss_keras.jobs.claims import read_mapping
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
        about["test_sdr"] = _test_sdr(Path(limits.scores), Path(model).stem)
    try:
        return separator.export(folder, separation, limits=limits, about=about)
    except OSError as error:
        found = error.strerror or str(error)
        raise UserError(Path(folder), found, "a folder to write to") from None


def _test_sdr(folder: Path, name: str) -> dict[str, Any]:
    # What `mss_keras.evaluation.evaluate` found for the model of that name.
    wanted = f"the folder of an evaluation of {name}"
    asked = read_mapping(folder / "evaluation.yaml", wanted)
    try:
        with (folder / "summary.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(folder, f"no summary.csv ({error})", wanted) from None
    methods = {name, *(f"{name}-{precision}" for precision in runs.POLICIES)}
    found = {row["source"]: float(row["sdr"]) for row in rows if row.get("method") in methods}
    if not found:
        scored = ", ".join(dict.fromkeys(row.get("method") or "?" for row in rows))
        raise UserError(folder, f"scores of {scored or 'nothing'}", wanted)
    decibels = {source: sdr if math.isfinite(sdr) else None for source, sdr in found.items()}
    unit = "dB, median of frames, then of tracks"
    return {"subset": asked.get("subset"), "unit": unit, "sdr": decibels}
