"""Records what other people's losses give, for tests/losses/test_values.py.

    pip install torch auraloss torchmetrics
    python tests/benchmarks/record_peers.py

Writes tests/losses/peers.json, with the versions. torch is too heavy for the tests.
"""

import json
import sys
from importlib import metadata
from pathlib import Path

import auraloss
import torch
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

LOSSES = Path(__file__).parents[1] / "losses"
sys.path.insert(0, str(LOSSES))

from statements import peer_tensors  # noqa: E402

LN10 = 2.302585092994046
RESOLUTIONS = [(1024, 120, 600), (2048, 240, 1200), (512, 50, 240)]


def multi_resolution(y_pred, y_true):
    """auraloss's with decimal logarithms: it takes natural ones."""
    convergence, magnitude = (
        auraloss.freq.MultiResolutionSTFTLoss(
            *(list(sizes) for sizes in zip(*RESOLUTIONS, strict=True)),
            w_sc=w_sc,
            w_log_mag=1.0 - w_sc,
            w_lin_mag=0.0,
        )(y_pred, y_true)
        for w_sc in (1.0, 0.0)
    )
    return convergence + magnitude / LN10


def single_resolution(y_pred, y_true):
    """auraloss's at one resolution, with decimal logarithms."""
    convergence = auraloss.freq.STFTLoss(1024, 256, 1024, w_sc=1.0, w_log_mag=0.0)
    magnitude = auraloss.freq.STFTLoss(1024, 256, 1024, w_sc=0.0, w_log_mag=1.0)
    return convergence(y_pred, y_true) + magnitude(y_pred, y_true) / LN10


# Without the mean that auraloss takes off first.
PEERS = {
    ("auraloss", "sisdr_time"): auraloss.time.SISDRLoss(zero_mean=False),
    ("auraloss", "sdsdr_time"): auraloss.time.SDSDRLoss(zero_mean=False),
    ("torch", "l1_time"): torch.nn.L1Loss(),
    ("auraloss", "multi_resolution_stft"): multi_resolution,
    ("auraloss at one resolution", "multi_resolution_stft"): single_resolution,
    ("torchmetrics", "sisdr_time"): lambda pred, true: (
        -scale_invariant_signal_distortion_ratio(pred, true).mean()
    ),
}


def main() -> None:
    """Records every peer on two seeds."""
    cases = []
    for (peer, loss), function in PEERS.items():
        for seed in (1, 2):
            true, pred = (torch.from_numpy(x[:, 0, :, 0])[None] for x in peer_tensors(seed))
            value = float(function(pred, true))
            case: dict[str, object] = {"peer": peer, "loss": loss, "seed": seed, "value": value}
            if function is single_resolution:
                case["resolutions"] = [[1024, 256, 1024]]
            cases.append(case)
    versions = {name: metadata.version(name) for name in ("torch", "auraloss", "torchmetrics")}
    text = json.dumps({"versions": versions, "cases": cases}, indent=1)
    (LOSSES / "peers.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
