"""Times value and gradient of losses beside an L2 and beside other people's.

    python tests/benchmarks/losses.py [--losses NAME ...] [--rounds 5] [--batch-size 4]

On examples of 4 sources, 6 s of stereo. L2 is `l2_time` for losses of waveforms, `l2_freq` for
the others. Peers are auraloss's and torch's; to read a ratio, mind that a peer that lacks the
axis of sources gets them as examples. Memory is what a process grows by beyond the tensors. With
--json only those with a peer are told: their median, the slowest beside its peer, and
multi_resolution_stft.
"""

import argparse
import sys
from collections.abc import Callable
from statistics import median_low

import numpy as np
from floor import Work
from rows import Row, row, tell
from sides import Measured, alternate, parser, serve

# What has a peer; the losses through a network are timed by steps.py.
PEERS = ("l1_time", "l2_time", "sisdr_time", "sdsdr_time", "logl1_time", "logl2_time",
         "multi_resolution_stft")  # fmt: skip
RESOLUTIONS = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))
SOURCES, SAMPLES, CHANNELS = 4, 264600, 2
_WARM = 2  # in the first rounds memory is claimed, which costs more than a small loss


def tensors(domain: str, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Targets and estimates, float32, uniform in 0 to 1."""
    rest = (SAMPLES, CHANNELS) if domain == "waveform" else (259, CHANNELS, 2049)
    rng, shape = np.random.default_rng(0), (batch_size, SOURCES, *rest)
    return rng.random(shape, np.float32), rng.random(shape, np.float32)


def ours(options: argparse.Namespace) -> Callable[[], np.ndarray]:
    """Our loss, or L2 of its domain, as a compiled graph."""
    import tensorflow as tf

    from mss_keras import losses
    from mss_keras.losses.multi_resolution import RESOLUTIONS as DEFAULT

    assert tuple(map(tuple, DEFAULT)) == RESOLUTIONS
    loss = losses.get(options.losses[0])
    domain = loss.domain
    if options.side == "l2":
        loss = losses.get("l2_time" if domain == "waveform" else "l2_freq")

    @tf.function
    def step(true, pred):
        with tf.GradientTape() as tape:
            tape.watch(pred)
            value = loss(true, pred)
        return value, tape.gradient(value, pred)

    true, pred = map(tf.constant, tensors(domain, options.batch_size))
    return lambda: step(true, pred)[1].numpy()


def theirs(options: argparse.Namespace) -> Callable[[], object]:
    """The peer's loss."""
    import auraloss
    import torch

    true, wave = map(torch.from_numpy, tensors("waveform", options.batch_size))
    resolutions = [list(sizes) for sizes in zip(*RESOLUTIONS, strict=True)]
    multi_resolution = auraloss.freq.MultiResolutionSTFTLoss(*resolutions, w_lin_mag=0.0)

    def folded(tensor):  # [batch * sources * channels, 1, samples]
        return tensor.permute(0, 1, 3, 2).reshape(-1, 1, tensor.shape[2])

    def flat(tensor):  # [batch * sources, 1, everything]
        return tensor.reshape(tensor.shape[0] * SOURCES, 1, -1)

    function = {
        "l1_time": lambda p, t: torch.nn.functional.l1_loss(p, t),
        "l2_time": lambda p, t: torch.nn.functional.mse_loss(p, t),
        "sisdr_time": lambda p, t: auraloss.time.SISDRLoss(zero_mean=False)(flat(p), flat(t)),
        "sdsdr_time": lambda p, t: auraloss.time.SDSDRLoss(zero_mean=False)(flat(p), flat(t)),
        "logl2_time": lambda p, t: 10 * torch.log10(((p - t) ** 2).mean((2, 3)) + 1e-10).mean(),
        "logl1_time": lambda p, t: 10 * torch.log10((p - t).abs().mean((2, 3)) + 1e-10).mean(),
        "multi_resolution_stft": lambda p, t: multi_resolution(folded(p), folded(t)),
    }[options.losses[0]]

    def step():
        pred = wave.clone().requires_grad_()
        function(pred, true).backward()
        return pred.grad

    return step


def counted(name: str, batch_size: int) -> Work:
    """Two tensors read and one written; transforms forward of both and backward of one."""
    waveforms = batch_size * SOURCES * CHANNELS
    gib = 1.5 * 4 * waveforms * SAMPLES / 2**30
    if name != "multi_resolution_stft":
        return Work(gib=gib)
    # In transforms of 4096 samples.
    each = [SAMPLES / hop * nfft * np.log2(nfft) / (4096 * 12) for nfft, hop, _ in RESOLUTIONS]
    return Work(gib=gib, frames=3 * waveforms * sum(each))


def measure(name: str, options: argparse.Namespace) -> Measured:
    arguments = ["--losses", name, "--batch-size", options.batch_size]
    pythons = {"ours": sys.executable, "l2": sys.executable}
    if name in PEERS:
        pythons["auraloss, torch"] = options.peers
    if options.json:
        del pythons["l2"]
    return alternate(__file__, pythons, arguments, rounds=options.rounds, warm=_WARM)


def rows(found: dict[str, Row]) -> list[Row]:
    """The rows of the claim: the median, the slowest beside its peer, the largest in memory."""
    chosen = {}
    ratios = {name: ratio for name in found if (ratio := found[name].ratio("wall")) is not None}
    if ratios:
        middle = median_low(ratios.values())
        (chosen["the median of seven"],) = (n for n, r in ratios.items() if r == middle)
        chosen["the slowest beside its peer"] = max(ratios, key=lambda name: ratios[name])
    told = []
    for what, name in chosen.items():
        told.append(found[name])
        told[-1].work += f" ({what})"
    large = "multi_resolution_stft"
    return told if large in chosen.values() or large not in found else [*told, found[large]]


def main() -> None:
    made = parser(__doc__, rounds=5)
    made.add_argument("--losses", nargs="+", default=PEERS, metavar="NAME")
    made.add_argument("--batch-size", type=int, default=4)
    options = made.parse_args()
    if options.side:
        return serve(ours if options.side in ("ours", "l2") else theirs, options)
    found = {}
    if not options.json:
        print(f"{'loss':<24}{'to L2':>8}{'to the peer':>15}{'floor':>8}{'GiB an example':>16}")
    for name in options.losses:
        measured = measure(name, options)
        work = f"losses: {name}, value and gradient, {options.batch_size} examples of 6 s"
        peer = "auraloss, torch" if name in PEERS else ""
        found[name] = row(work, measured, peer=peer, rounds=options.rounds, memory="grown",
                          counted=counted(name, options.batch_size))  # fmt: skip
        if not options.json:
            ratio, own = found[name].ratio("wall"), found[name].ours
            told = f"{own['wall'] / measured.sides['l2']['wall']:>8.2f}"
            missing = "not installed" if peer else "-"
            told += f"{ratio:>15.2f}" if ratio is not None else f"{missing:>15}"
            told += f"{(found[name].floor or 0) / own['wall']:>8.2f}"
            print(f"{name:<24}{told}{own['memory'] / options.batch_size:>16.3f}", flush=True)
    if options.json:
        tell(rows(found), as_json=True)


if __name__ == "__main__":
    main()
