"""Published checkpoints of open-unmix as models of ours."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mss_keras.config import SOURCES, AudioConfig, ModelConfig, UserError
from mss_keras.jobs.files import appearing
from mss_keras.models import published
from mss_keras.models.masking import MaskingModel

# Sample rate and hop of the published models by FFT size, for a checkpoint without
# its separator.json: umx, umxhq, umxl and umxse.
_PUBLISHED = {4096: (44100, 1024), 1024: (16000, 512)}

# A checkpoint can make earlier versions run code, with weights_only, too.
_SAFE = (2, 10)
_TORCH = "torch 2.10 or later: pip install 'mss_keras[openunmix]'"


def import_openunmix(inputs: Sequence[str], output: Path) -> MaskingModel:
    """Turns open-unmix's checkpoints, one for each target, into a model of ours.

    Args:
        inputs: `.pth` files, or one folder of them. A file `vocals-b62c91ce.pth` has the
            target `vocals`. Sample rate and hop are read from the `separator.json` beside
            them; without that file they are those of the published models.
        output: the `.keras` file to write.

    Returns:
        The model, of the network `separate`.

    Raises:
        UserError: if torch is not installed or too old, something is missing, or the targets
            differ in size.
    """
    if output.suffix != ".keras" or output.exists():
        raise UserError("output", output.as_posix(), "a new path that ends with .keras")
    paths = _checkpoints(inputs)
    targets = tuple(paths)
    folder = paths[targets[0]].parent
    states = {target: _read(path) for target, path in paths.items()}
    flavours = {
        target: published.Flavour.of(state, paths[target]) for target, state in states.items()
    }
    if len(set(flavours.values())) > 1:
        sizes = "; ".join(f"{target}: {flavour}" for target, flavour in flavours.items())
        raise UserError(folder, f"targets of different sizes: {sizes}", "one size")
    flavour = flavours[targets[0]]
    model = _build(targets, flavour, _audio(folder, flavour))
    for network, (target, state) in zip(model.network.networks, states.items(), strict=True):
        published.load(network, state, paths[target])
    with appearing(output) as partial:
        model.save(partial)
    return model


def _checkpoints(inputs: Sequence[str]) -> dict[str, Path]:
    paths = []
    for given in map(Path, inputs):
        found = sorted(given.glob("*.pth")) if given.is_dir() else [given]
        if not found or not all(path.is_file() for path in found):
            raise UserError(given, "nothing", ".pth files of open-unmix")
        paths += found
    targets: dict[str, Path] = {}
    for path in paths:
        # torch.hub puts a part of the hash behind the name.
        target = re.sub(r"[-_][0-9a-f]{8}$", "", path.stem)
        if target in targets:
            raise UserError(path, f"the target {target} of {targets[target]} again", "another")
        targets[target] = path
    order = sorted(targets, key=lambda t: (SOURCES.index(t) if t in SOURCES else len(SOURCES), t))
    return {target: targets[target] for target in order}


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError:
        raise UserError(path, "a checkpoint, but nothing that reads it", _TORCH) from None
    if tuple(map(int, re.findall(r"\d+", torch.__version__)[:2])) < _SAFE:
        raise UserError(path, f"a checkpoint, but torch {torch.__version__}", _TORCH)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its unpickler raises
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(path, reason, "a checkpoint of open-unmix") from error
    state = state.get("state_dict", state) if isinstance(state, dict) else {}
    return {key: value.numpy() for key, value in state.items() if torch.is_tensor(value)}


def _audio(folder: Path, flavour: published.Flavour) -> AudioConfig:
    nfft = 2 * (flavour.nb_bins - 1)
    path = folder / "separator.json"
    if path.exists():
        try:
            found: dict[str, Any] = json.loads(path.read_text())
            rate, hop, stated = int(found["sample_rate"]), int(found["nhop"]), int(found["nfft"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            wanted = "sample_rate, nfft and nhop of open-unmix"
            raise UserError(path, repr(error), wanted) from None
        if stated != nfft:
            raise UserError(path, f"nfft {stated}", f"{nfft} as the checkpoints have")
    elif nfft in _PUBLISHED:
        rate, hop = _PUBLISHED[nfft]
    else:
        raise UserError(path, "no such file", "it for the sample rate and the hop")
    return AudioConfig(rate, flavour.nb_channels, nfft, hop)


def _build(
    targets: tuple[str, ...], flavour: published.Flavour, audio: AudioConfig
) -> MaskingModel:
    bin_width = audio.sample_rate / audio.nfft
    bandwidth = min((flavour.max_bin - 0.5) * bin_width, audio.sample_rate / 2)
    config = ModelConfig(
        network="separate",
        hidden_size=flavour.hidden_size,
        bandwidth=bandwidth,
        unidirectional=flavour.unidirectional,
    )
    imported = MaskingModel(targets, audio, config)
    imported.build()
    return imported
