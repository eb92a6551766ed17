"""Published checkpoints of open-unmix as models of ours."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mss_keras.config import SOURCES, AudioConfig, ModelConfig, UserError
from mss_keras.jobs.files import appearing
from mss_keras.models import published
from mss_keras.models.masking import MaskingModel
from mss_keras.separation import torch_files

# Sample rate and hop of the published models by FFT size, for a checkpoint without
# its separator.json: umx, umxhq, umxl and umxse.
_PUBLISHED = {4096: (44100, 1024), 1024: (16000, 512)}


def import_openunmix(inputs: Sequence[str], output: Path) -> MaskingModel:
    """Turns open-unmix's checkpoints, one for each target, into a model of ours, and writes it.

    Args:
        inputs: `.pth` files, or one folder of them, as `read_openunmix` takes them.
        output: the `.keras` file to write.

    Returns:
        The model, of the `separate` architecture.

    Raises:
        UserError: as `read_openunmix`, or if the output cannot become a `.keras` file.
    """
    if output.suffix != ".keras" or output.exists():
        raise UserError("output", output.as_posix(), "a new path that ends with .keras")
    model = read_openunmix(inputs)
    with appearing(output) as partial:
        model.save(partial)
    return model


def read_openunmix(inputs: Sequence[str | Path]) -> MaskingModel:
    """The model that open-unmix's checkpoints, one for each target, become.

    Args:
        inputs: `.pth` files, or one folder of them. A file `vocals-b62c91ce.pth` has the
            target `vocals`. Sample rate and hop are read from the `separator.json` beside
            them; without that file they are those of the published models.

    Returns:
        The model, of the `separate` architecture.

    Raises:
        UserError: if something is missing, a file holds no tensors, or the targets differ in
            size.
    """
    paths = _checkpoints(inputs)
    targets = tuple(paths)
    folder = paths[targets[0]].parent
    states = {target: torch_files.read(path) for target, path in paths.items()}
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
    return model


def convert_openunmix(folder: Path, name: str) -> MaskingModel:
    """The converter of `Published` models of open-unmix, whose files are all that is needed."""
    return read_openunmix([folder])


def _checkpoints(inputs: Sequence[str | Path]) -> dict[str, Path]:
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
        architecture="separate",
        hidden_size=flavour.hidden_size,
        bandwidth=bandwidth,
        unidirectional=flavour.unidirectional,
    )
    imported = MaskingModel(targets, audio, config)
    imported.build()
    return imported
