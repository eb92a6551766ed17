"""Times value and gradient of losses, beside other people's where they are installed.

    python tests/benchmarks/losses.py [--repeats 5] [--losses NAME ...]

On a batch of 4 examples of 4 sources, 6 s of stereo. Each loss and its peer run in
turns in this one process, so that what else the machine does falls on both; the
minimum of the repeats counts. Prints ratios: below 1 ours is the faster. Peers:
auraloss, torch (pip install torch auraloss). To read a ratio, mind that a peer
that lacks the axis of sources gets them as examples.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from mss_keras import losses
from mss_keras.losses.multi_resolution import RESOLUTIONS

SHAPES = {"waveform": (4, 4, 264600, 2), "other": (4, 4, 259, 2, 2049)}


def ours(name: str, y_true: np.ndarray, y_pred: np.ndarray) -> Callable[[], None]:
    """A step of our loss as a compiled graph."""
    loss = losses.get(name)

    @tf.function
    def step(true, pred):
        with tf.GradientTape() as tape:
            tape.watch(pred)
            value = loss(true, pred)
        return value, tape.gradient(value, pred)

    true, pred = tf.constant(y_true), tf.constant(y_pred)
    return lambda: step(true, pred)[1].numpy()


def peers(y_true: np.ndarray, y_pred: np.ndarray) -> dict[str, Callable[[], None]]:
    """Steps of other people's losses, by the name of ours."""
    try:
        import auraloss
        import torch
    except ImportError as error:
        print(f"without peers: {error}")
        return {}
    wave_true, wave_pred = (torch.from_numpy(x) for x in (y_true, y_pred))
    mrstft = auraloss.freq.MultiResolutionSTFTLoss(
        *(list(sizes) for sizes in zip(*RESOLUTIONS, strict=True)), w_lin_mag=0.0
    )

    def folded(tensor):  # [batch * sources * channels, 1, samples]
        return tensor.permute(0, 1, 3, 2).reshape(-1, 1, tensor.shape[2])

    def flat(tensor):  # [batch * sources, 1, everything]
        return tensor.reshape(16, 1, -1)

    functions = {
        "l1_time": lambda p, t: torch.nn.functional.l1_loss(p, t),
        "l2_time": lambda p, t: torch.nn.functional.mse_loss(p, t),
        "sisdr_time": lambda p, t: auraloss.time.SISDRLoss(zero_mean=False)(flat(p), flat(t)),
        "sdsdr_time": lambda p, t: auraloss.time.SDSDRLoss(zero_mean=False)(flat(p), flat(t)),
        "logl2_time": lambda p, t: 10 * torch.log10(((p - t) ** 2).mean((2, 3)) + 1e-10).mean(),
        "logl1_time": lambda p, t: 10 * torch.log10((p - t).abs().mean((2, 3)) + 1e-10).mean(),
        "multi_resolution_stft": lambda p, t: mrstft(folded(p), folded(t)),
    }

    def make(function):
        def step():
            pred = wave_pred.clone().requires_grad_()
            function(pred, wave_true).backward()
            return pred.grad

        return step

    return {name: make(function) for name, function in functions.items()}


# What compares through a network is timed by steps.py.
NAMES = losses.readable()


def seconds(step: Callable[[], None]) -> float:
    """Of one call."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--losses", nargs="*", default=NAMES, choices=NAMES)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    data = {
        kind: [rng.random(shape, np.float32) for _ in range(2)] for kind, shape in SHAPES.items()
    }
    theirs = peers(*data["waveform"])
    baseline = {}
    print(f"{'loss':<28}{'to L2, same domain':>20}{'to the peer':>14}")
    for name in options.losses:
        kind = "waveform" if losses.get(name).domain == "waveform" else "other"
        if kind not in baseline:
            reference = ours("l2_time" if kind == "waveform" else "l2_freq", *data[kind])
            reference()
            baseline[kind] = min(seconds(reference) for _ in range(options.repeats))
        step, peer = ours(name, *data[kind]), theirs.get(name)
        steps = [step, *([peer] if peer else [])]
        for each in steps:  # tracing, memory
            each()
        times = [[seconds(each) for each in steps] for _ in range(options.repeats)]
        best = [min(column) for column in zip(*times, strict=True)]
        ratio = f"{best[0] / best[1]:.2f}" if peer else "-"
        print(f"{name:<28}{best[0] / baseline[kind]:>20.2f}{ratio:>14}", flush=True)


if __name__ == "__main__":
    main()
