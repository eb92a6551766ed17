"""Weights of another model that training begins with, and the settings that they want."""

from pathlib import Path
from typing import Any

import numpy as np

from mss_keras.config import RunConfig, UserError
from mss_keras.models.catalogue import fetched_path
from mss_keras.models.openunmix import sizes
from mss_keras.training import runs
from mss_keras.training.separator import Separator


def check(folder: Path, config: RunConfig) -> None:
    """Finds that the model that a run begins with, if it does, has its settings.

    Args:
        folder: of the run; one that has a checkpoint goes on with that.
        config: of the run, resolved.

    Raises:
        UserError: as `pretrained_weights`.
    """
    given = config.adversarial.pretrained
    if given is not None and not any(folder.glob("checkpoints/epoch-*")):
        pretrained_weights(given, runs.build(config))


def pretrained_weights(given: str, separator: Separator) -> list[np.ndarray]:
    """The weights of a run, `.keras` file or published model, for a separator of the same network.

    Raises:
        UserError: if there is no such model here, or if it has other sources, another network or
            another STFT; the error names the settings that differ.
    """
    before = runs.load(fetched_path(given, "pretrained"), field="pretrained")
    found, wanted = ([tuple(w.shape) for w in x.weights] for x in (before, separator))
    same = found == wanted and before.source_names == separator.source_names
    same &= before.network_config.network_args == separator.network_config.network_args
    kinds = {
        (x.flow.domain, getattr(x.network, "mask_activation", None)) for x in (before, separator)
    }
    if not same or len(kinds) > 1 or before.audio != separator.audio:
        differ = _differences(before, separator)
        raise UserError(
            "pretrained",
            f"{given}, which has other settings than this run",
            ", ".join(differ) or "one whose weights have the shapes of this run's",
        )
    return before.get_weights()


def _differences(model: Separator, run: Separator) -> list[str]:
    # Each as what the run's setting would have to be, and what it is.
    wanted, found = _settings(model), _settings(run)
    bins = {sizes(x.audio, x.network_config)["max_bin"] for x in (model, run)}
    if len(bins) == 1:  # the same, whatever the bandwidths in Hz
        del wanted["bandwidth"], found["bandwidth"]
    return [
        f"`{name}` {_told(wanted.get(name))} (found {_told(found.get(name))})"
        for name in {**wanted, **found}
        if wanted.get(name) != found.get(name)
    ]


def _settings(model: Separator) -> dict[str, Any]:
    # By the names of a run's settings; dropout makes no difference to weights.
    config = vars(model.network_config)
    network = {name: config[name] for name in config if name not in ("dropout", "network_args")}
    return {
        "sources": model.source_names,
        **vars(model.audio),
        **network,
        "mask_activation": getattr(model.network, "mask_activation", None),
        **{f"network_args.{name}": x for name, x in config["network_args"].items()},
    }


def _told(value: Any) -> str:
    if value is None:
        return "its default"
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
