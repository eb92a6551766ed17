"""Times separation beside open-unmix's: same networks, same song.

    python tests/benchmarks/separate.py [--seconds 60] [--niter 0 1] [--rounds 5]

Four networks of random weights. Ours reads and gives its result in blocks, as `trainer separate`
does; open-unmix takes and gives the whole song. Where the processor multiplies bfloat16, ours is
timed in mixed precision too.
"""

import argparse
import sys
from collections.abc import Callable

import numpy as np
from floor import Work
from machine import our_sides
from networks import CHANNELS, RATE, TARGETS, frames, gflop, openunmix, theirs
from rows import Row, row, tell
from sides import alternate, parser, serve


def song(seconds: float) -> np.ndarray:
    """Noise, float32 `[samples, channels]`."""
    shape = (round(seconds * RATE), CHANNELS)
    return 0.1 * np.random.default_rng(0).standard_normal(shape, np.float32)


def ours(options: argparse.Namespace) -> Callable[[np.ndarray], None]:
    from mss_keras.config import AudioConfig, ModelConfig, SeparationConfig
    from mss_keras.models.masking import MaskingModel

    policy = "mixed_bfloat16" if options.side == "bfloat16" else "float32"
    network = ModelConfig("separate", options.hidden_size)
    model = MaskingModel(TARGETS, AudioConfig(), network, policy=policy)
    model.build()
    streaming = model.streaming(SeparationConfig(niter=options.niter[0]))

    def separate(waveform: np.ndarray) -> None:
        blocks = (waveform[i : i + RATE] for i in range(0, len(waveform), RATE))
        assert sum(len(part) for part in streaming.stream(blocks)) == len(waveform)

    return separate


def open_unmix(options: argparse.Namespace) -> Callable[[np.ndarray], None]:
    import torch

    model = openunmix().model
    networks = {name: theirs(options.hidden_size) for name in TARGETS}
    separator = model.Separator(networks, niter=options.niter[0]).eval()
    separator.freeze()

    def separate(waveform: np.ndarray) -> None:
        with torch.no_grad():
            stems = separator(torch.from_numpy(waveform.T.copy())[None])
        assert stems.shape[-1] == len(waveform)

    return separate


def make(options: argparse.Namespace) -> Callable[[], None]:
    """The work of a side, which has separated a short song."""
    separate = (open_unmix if options.side == "openunmix" else ours)(options)
    waveform = song(options.seconds)
    separate(waveform[: 8 * RATE])  # traces, allocates
    return lambda: separate(waveform)


def compare(options: argparse.Namespace, niter: int) -> list[Row]:
    """Rows of a number of iterations."""
    arguments = ["--seconds", options.seconds, "--niter", niter]
    arguments += ["--hidden-size", options.hidden_size]
    sides = our_sides()
    pythons = {**dict.fromkeys(sides, sys.executable), "openunmix": options.peers}
    rounds = options.rounds
    measured = alternate(__file__, pythons, arguments, rounds=rounds, warm=int(rounds > 1))
    count = len(TARGETS) * frames(options.seconds)
    transforms = frames(options.seconds) * CHANNELS * (1 + len(TARGETS))
    counted = Work(gflop=count * gflop(options.hidden_size), frames=transforms)
    work = f"{options.seconds:g} s, 4 networks of {options.hidden_size}, `--niter {niter}`"
    return [
        row(f"separation, {precision}: {work}", measured, peer="openunmix", side=side,
            counted=counted, half=side == "bfloat16", rounds=rounds)
        for side, precision in sides.items()
    ]  # fmt: skip


def main() -> None:
    made = parser(__doc__, rounds=5)
    made.add_argument("--seconds", type=float, default=60)
    made.add_argument("--niter", type=int, nargs="+", default=[0, 1])
    made.add_argument("--hidden-size", type=int, default=512)
    options = made.parse_args()
    if options.side:
        return serve(make, options)
    for niter in options.niter:
        tell(compare(options, niter), as_json=options.json)


if __name__ == "__main__":
    main()
