"""The model card: what a served model is, what it is for, and how far it can be trusted."""

import contextlib
import dataclasses
import json
import math
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from serving.inputs import MAX_PEAK
from serving.signatures import Signatures

PATH = "assets.extra/model_card.json"

_NO_LICENCE = "not stated; what the licence of the training data says of models applies"
_USE = (
    "Separation of finished mixtures of music into {stems}. It is no judge of who wrote or "
    "played what, and was not made for speech, surveillance or recordings of other kinds."
)


def write(folder: Path, signatures: Signatures, about: Mapping[str, Any]) -> None:
    """Writes the card of a model into its SavedModel.

    Args:
        folder: Path. The SavedModel.
        signatures: Signatures. What is exported.
        about: mapping. What is known of the training: "loss", "data", "metrics", "test_sdr",
            "configuration". What is missing is told to be unknown.
    """
    card = _plain(_card(signatures, about))
    text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / PATH).write_text(text + "\n")


def _card(signatures: Signatures, about: Mapping[str, Any]) -> dict[str, Any]:
    model, limits = signatures.model, signatures.limits
    return {
        "licence": limits.licence or _NO_LICENCE,
        "intended_use": _USE.format(stems=", ".join(signatures.names)),
        "limits": _limits(signatures),
        "loss": None,
        "data": None,
        "metrics": None,
        "test_sdr": None,
        "configuration": None,
        **about,
        "sources": list(model.source_names),
        "sample_rate": model.audio.sample_rate,
        "model": vars(model.network_config),
        "audio": vars(model.audio),
        "separation": vars(signatures.options),
        "signatures": list(signatures.endpoints()),
        "max_seconds": limits.max_seconds,
        "interface": dataclasses.asdict(signatures.interface()),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "git_commit": _git_commit(),
        "exported": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _limits(signatures: Signatures) -> list[str]:
    model, limits = signatures.model, signatures.limits
    hearing = model.network_config.hearing(model.audio.sample_rate)
    return [
        f"It knows {', '.join(model.source_names)}. What else sounds is dealt out among them.",
        "Stems have remains of other stems, and gaps; test_sdr tells how much, where it is known.",
        "Music unlike that of the training data is separated worse.",
        *([hearing] if hearing else []),
        f"A request has at most {limits.max_batch} songs of {limits.max_seconds:g} s, and samples "
        f"of at most {MAX_PEAK:g}; full scale is 1.",
    ]


def _git_commit() -> str | None:
    # An installed package gives None, even where it lies within a repository of something else.
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        here = Path(__file__).resolve().parents[1]
        top = _said(["git", "rev-parse", "--show-toplevel"], here)
        if Path(top).resolve() == here:
            return _said(command, here)
    return None


def _said(command: list[str], folder: Path) -> str:
    result = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return result.stdout.strip()


def _plain(value: Any) -> Any:
    # JSON knows no NaN and no infinity.
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
