"""Times a training step beside open-unmix's: same network, same batch, same optimiser.

    python tests/benchmarks/training_step.py [--networks separate joint] [--rounds 5]

A step is two STFTs, the network forward, the mean squared error of magnitudes, backward, and Adam
with an L2 penalty. `separate` is open-unmix's network of one target, `joint` has one trunk and
four heads; its peer is written in torch of open-unmix's parts. Where the processor multiplies
bfloat16, ours is timed in mixed precision too.
"""

import argparse
import sys
from collections.abc import Callable

import numpy as np
from floor import Work
from machine import our_sides
from networks import BINS, CHANNELS, NFFT, NHOP, RATE, TARGETS, frames, gflop, openunmix
from networks import theirs as network_of_one
from networks import theirs_joint as joint_network
from rows import Row, row, tell
from sides import alternate, parser, serve

_WARM = 3  # torch compiles for its shapes in the second and third step, too
# Hidden size and examples of a batch; the joint network's fits an 8 GiB machine.
SIZES = {"separate": (512, 16), "joint": (1024, 4)}


def batch(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Mixtures, float32 `[batch, samples, channels]`, and sources, `[batch, sources, ...]`."""
    rng, samples = np.random.default_rng(0), round(options.seq_dur * RATE)
    sources = 1 if options.network == "separate" else len(TARGETS)
    shape = (options.batch_size, sources, samples, CHANNELS)
    mixture = 0.1 * rng.standard_normal((shape[0], *shape[2:]), np.float32)
    return mixture, 0.1 * rng.standard_normal(shape, np.float32)


def our_step(options: argparse.Namespace) -> Callable[[], float]:
    import keras
    import tensorflow as tf

    from mss_keras import Separator
    from mss_keras.config import AudioConfig, ModelConfig
    from mss_keras.training.optimizer import AdamL2

    keras.utils.set_random_seed(0)
    names = TARGETS[:1] if options.network == "separate" else TARGETS
    policy = "mixed_bfloat16" if options.side == "bfloat16" else "float32"
    network = ModelConfig("joint", options.hidden_size)
    separator = Separator(names, AudioConfig(), network, policy=policy)
    separator.build()
    separator.compile(AdamL2(1e-3, l2=1e-5), "l2_freq")
    separator.make_train_function()
    data = dict(zip(("mixture", "sources"), map(tf.constant, batch(options)), strict=True))
    return lambda: float(separator.train_function(iter([data]))["loss"])


def their_step(options: argparse.Namespace) -> Callable[[], float]:
    import torch

    torch.manual_seed(0)
    peers = openunmix()
    stft, _ = peers.transforms.make_filterbanks(n_fft=NFFT, n_hop=NHOP, sample_rate=RATE)
    encoder = torch.nn.Sequential(stft, peers.model.ComplexNorm(mono=False))
    make = network_of_one if options.network == "separate" else joint_network
    network = make(options.hidden_size)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, weight_decay=1e-5)
    mixture, sources = (
        torch.from_numpy(np.ascontiguousarray(np.swapaxes(x, -1, -2))) for x in batch(options)
    )
    waveforms = sources.flatten(0, 1)
    # [batch, sources, channels, bins, frames]; one target has no axis of sources.
    shape = (*sources.shape[:3], BINS, -1)
    shape = shape if options.network == "joint" else (shape[0], *shape[2:])

    def step() -> float:
        optimizer.zero_grad()
        estimate, target = network(encoder(mixture)), encoder(waveforms).reshape(shape)
        loss = torch.nn.functional.mse_loss(estimate, target)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def counted(options: argparse.Namespace) -> Work:
    """Forward and backward, which takes twice as much."""
    heads = 1 if options.network == "separate" else len(TARGETS)
    count = options.batch_size * frames(options.seq_dur)
    products = 3 * count * gflop(options.hidden_size, heads)
    return Work(gflop=products, frames=count * CHANNELS * (1 + heads))


def compare(options: argparse.Namespace) -> list[Row]:
    """Rows of a network."""
    arguments = ["--networks", options.network, "--seq-dur", options.seq_dur]
    arguments += ["--hidden-size", options.hidden_size, "--batch-size", options.batch_size]
    sides = our_sides()
    pythons = {**dict.fromkeys(sides, sys.executable), "openunmix": options.peers}
    measured = alternate(__file__, pythons, arguments, rounds=options.rounds, warm=_WARM)
    heads = "one target" if options.network == "separate" else "joint, 4 heads"
    work = (
        f"hidden {options.hidden_size}, {heads}, "
        f"{options.batch_size} excerpts of {options.seq_dur:g} s"
    )
    return [
        row(f"training step, {precision}: {work}", measured,
            peer="openunmix", side=side, counted=counted(options), half=side == "bfloat16",
            rounds=options.rounds)
        for side, precision in sides.items()
    ]  # fmt: skip


def main() -> None:
    made = parser(__doc__, rounds=5)
    made.add_argument("--networks", nargs="+", default=list(SIZES), choices=SIZES)
    made.add_argument("--seq-dur", type=float, default=6.0)
    made.add_argument("--hidden-size", type=int, help="of all; 512 for one target, 1024 for joint")
    made.add_argument("--batch-size", type=int, help="of all; 16 for one target, 4 for joint")
    options = made.parse_args()
    for network in options.networks:
        hidden, examples = SIZES[network]
        chosen = argparse.Namespace(**vars(options))
        chosen.network = network
        chosen.hidden_size = options.hidden_size or hidden
        chosen.batch_size = options.batch_size or examples
        if options.side:
            return serve(their_step if options.side == "openunmix" else our_step, chosen)
        tell(compare(chosen), as_json=options.json)


if __name__ == "__main__":
    main()
