"""Records what open-unmix gives, for tests/models/test_published.py and test_wiener.py.

    pip install torch; pip install --no-deps openunmix==1.3.0
    python tests/benchmarks/record_openunmix.py

Writes tests/models/openunmix.npz. torch is too heavy for the tests. An empty module
stands in for torchaudio, which open-unmix imports for resampling, not used here.
"""

import sys
import types
from importlib import metadata
from pathlib import Path

import numpy as np

sys.modules.setdefault("torchaudio", types.ModuleType("torchaudio"))

import torch  # noqa: E402
from openunmix import filtering, model  # noqa: E402

MODELS = Path(__file__).parents[1] / "models"
sys.path[:0] = [str(MODELS), str(MODELS.parent)]

from checkpoints import FLAVOURS, TARGETS, state, wiener_case  # noqa: E402
from excerpt import read_excerpt  # noqa: E402


def network(seed: int, sizes: dict) -> model.OpenUnmix:
    unmix = model.OpenUnmix(
        nb_bins=sizes["bins"],
        nb_channels=sizes["channels"],
        hidden_size=sizes["hidden"],
        unidirectional=sizes.get("unidirectional", False),
        max_bin=sizes["max_bin"],
    )
    arrays = {name: torch.from_numpy(array) for name, array in state(seed, **sizes).items()}
    unmix.load_state_dict(arrays)
    return unmix


def separated(sizes: dict, mixture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every third frame and eleventh bin of the magnitudes, every 23rd sample of the stems."""
    nfft = 2 * (sizes["bins"] - 1)
    separator = model.Separator(
        {target: network(seed, sizes) for seed, target in enumerate(TARGETS)},
        niter=0,
        n_fft=nfft,
        n_hop=nfft // 4,
        nb_channels=sizes["channels"],
    ).eval()
    waveform = torch.from_numpy(mixture[None, :, : sizes["channels"]].copy()).transpose(1, 2)
    with torch.no_grad():
        magnitude = separator.complexnorm(separator.stft(waveform))
        magnitudes = [unmix(magnitude)[0] for unmix in separator.target_models.values()]
        stems = separator(waveform)[0]
    # [sources, frames, channels, bins] and [sources, samples, channels]
    magnitudes = torch.stack(magnitudes).permute(0, 3, 1, 2)[:, ::3, :, ::11]
    return magnitudes.numpy(), stems.transpose(1, 2)[:, ::23].numpy()


def main() -> None:
    mixture = read_excerpt()["mixture"][:66150]
    versions = [f"{name} {metadata.version(name)}" for name in ("openunmix", "torch")]
    recorded = {"versions": np.array(versions)}
    for name, sizes in FLAVOURS.items():
        recorded[f"{name}/magnitudes"], recorded[f"{name}/stems"] = separated(sizes, mixture)
    magnitudes, spectrum = wiener_case()
    for niter in (1, 2):
        for softmask in (False, True):
            for residual in (False, True):
                y = filtering.wiener(
                    torch.from_numpy(magnitudes),
                    torch.view_as_real(torch.from_numpy(spectrum.copy())),
                    niter,
                    softmask=softmask,
                    residual=residual,
                ).numpy()
                key = f"wiener/{niter}{int(softmask)}{int(residual)}"
                recorded[key] = y[..., 0, :] + 1j * y[..., 1, :]
    np.savez_compressed(MODELS / "openunmix.npz", **recorded)


if __name__ == "__main__":
    main()
