"""The work of the networks that are compared, and the peer's joint network."""

from typing import Any

RATE, NFFT, NHOP, CHANNELS = 44100, 4096, 1024, 2
TARGETS = ("vocals", "drums", "bass", "other")
BINS, MAX_BIN = NFFT // 2 + 1, 1487


def gflop(hidden: int, heads: int = 1) -> float:
    """Products of open-unmix's network, forward, for one frame; an LSTM in two directions."""
    dense = CHANNELS * MAX_BIN * hidden + 2 * hidden**2 + heads * hidden * CHANNELS * BINS
    lstm = 2 * 4 * (hidden // 2) * (hidden + hidden // 2)
    return 2e-9 * (dense + 3 * lstm)


def frames(seconds: float) -> int:
    """Number of frames of a waveform."""
    return 1 + int(seconds * RATE) // NHOP


def openunmix() -> Any:
    """The package; an empty module stands in for torchaudio, which it does not use here."""
    import sys
    import types

    sys.modules.setdefault("torchaudio", types.ModuleType("torchaudio"))
    from openunmix import model, transforms

    return types.SimpleNamespace(model=model, transforms=transforms)


def theirs(hidden: int) -> Any:
    """Open-unmix's network of one target."""
    return openunmix().model.OpenUnmix(
        nb_bins=BINS, nb_channels=CHANNELS, hidden_size=hidden, max_bin=MAX_BIN
    )


def theirs_joint(hidden: int) -> Any:
    """Open-unmix's trunk with a head for each target, in torch: `[batch, targets, ...]`."""
    import torch

    class Joint(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk = theirs(hidden)
            features = CHANNELS * BINS
            self.heads = torch.nn.ModuleList(
                torch.nn.Sequential(
                    torch.nn.Linear(hidden, features, bias=False), torch.nn.BatchNorm1d(features)
                )
                for _ in TARGETS
            )
            del self.trunk.fc3, self.trunk.bn3

        def forward(self, mixture):  # [batch, channels, bins, frames]
            unmix, mixture = self.trunk, mixture.permute(3, 0, 1, 2)
            length, batch = mixture.shape[:2]
            x = (mixture[..., : unmix.nb_bins] + unmix.input_mean) * unmix.input_scale
            x = unmix.bn1(unmix.fc1(x.reshape(length * batch, -1)))
            x = torch.tanh(x.reshape(length, batch, hidden))
            x = torch.cat([x, unmix.lstm(x)[0]], -1)
            x = torch.relu(unmix.bn2(unmix.fc2(x.reshape(-1, 2 * hidden))))
            shape = (length, batch, CHANNELS, BINS)
            masks = torch.stack([head(x).reshape(shape) for head in self.heads])
            masks = torch.relu(masks * unmix.output_scale + unmix.output_mean)
            return (masks * mixture).permute(
                2, 0, 3, 4, 1
            )  # [batch, targets, channels, bins, frames]

    return Joint()
