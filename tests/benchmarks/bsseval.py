"""Times BSSEval v4 beside museval's, and measures its memory.

    python tests/benchmarks/bsseval.py [--seconds 60] [--rounds 2]

Four stereo sources at 44.1 kHz and 16 bits: the bundled excerpt over and over, each time
at another offset and gain; estimates have leakage, filters and noise. Memory is what a process
grows by while it scores, beyond the waveforms. museval needs about 1 GB for each minute. The
largest differences of the ratios are told, too.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rows import row, tell
from sides import alternate, parser, serve

RATE = 44100
NAMES = ("sdr", "isr", "sir", "sar")


def make(folder: Path, seconds: float) -> None:
    """Writes targets and estimates, float64 `[sources, samples, channels]`."""
    import scipy.signal

    from mss_keras.config import SOURCES
    from mss_keras.data.musdb import demo_stem
    from mss_keras.data.stems import stem_blocks, to_int16

    blocks: dict[str, list[np.ndarray]] = {}
    for name, _, block in stem_blocks(demo_stem()):
        blocks.setdefault(name, []).append(block)
    excerpt = np.stack([np.concatenate(blocks[name]) for name in SOURCES])
    rng = np.random.default_rng(0)
    samples = round(seconds * RATE)

    def variation() -> np.ndarray:
        offsets, gains = rng.integers(excerpt.shape[1], size=4), rng.uniform(0.5, 1, 4)
        pairs = zip(excerpt, offsets, gains, strict=True)
        return np.stack([gain * np.roll(source, offset, 0) for source, offset, gain in pairs])

    repeats = [variation() for _ in range(-(-samples // excerpt.shape[1]))]
    y_true = to_int16(np.concatenate(repeats, axis=1)[:, :samples]) / 2.0**15
    taps = rng.standard_normal(32) * np.exp(-np.arange(32) / 6)
    y_pred = 0.4 * y_true + 0.1 * y_true.sum(0)
    y_pred += scipy.signal.lfilter(taps / np.abs(taps).sum(), 1, y_true, axis=1)
    y_pred += 1e-3 * rng.standard_normal(y_pred.shape)
    np.save(folder / "y_true.npy", y_true)
    np.save(folder / "y_pred.npy", to_int16(y_pred) / 2.0**15)


def scoring(options: argparse.Namespace) -> Callable[[], None]:
    """Scores, and writes the ratios."""
    folder = Path(options.folder)
    if options.side == "ours":
        from mss_keras.metrics import bss_eval
    else:
        sys.path.insert(0, str(Path(__file__).parents[1] / "metrics"))
        from museval_peer import metrics
    y_true, y_pred = (np.load(folder / f"{name}.npy") for name in ("y_true", "y_pred"))

    def score() -> None:
        if options.side == "ours":
            scores = bss_eval(y_true, y_pred)
            ratios = [getattr(scores, name) for name in NAMES]
        else:
            ratios = metrics.bss_eval(y_true, y_pred, window=RATE, hop=RATE)[:4]
        np.save(folder / f"{options.side}.npy", ratios)

    return score


def main() -> None:
    made = parser(__doc__, rounds=2)
    made.add_argument("--seconds", type=float, default=60)
    made.add_argument("--folder", help=argparse.SUPPRESS)
    made.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = made.parse_args()
    if options.make:
        return make(options.make, options.seconds)
    if options.side:
        return serve(scoring, options)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--seconds", str(options.seconds), "--make", folder]
        subprocess.run(command, check=True)
        pythons = dict.fromkeys(("ours", "museval"), sys.executable)
        arguments = ["--folder", folder]
        measured = alternate(__file__, pythons, arguments, rounds=options.rounds, warm=0)
        scores = {name: np.load(Path(folder, f"{name}.npy")) for name in measured.sides}
    work = f"BSSEval v4: {options.seconds:g} s, 4 stereo sources"
    found = row(work, measured, peer="museval", memory="grown", rounds=options.rounds)
    tell([found], as_json=options.json)
    if "museval" in scores and not options.json:
        for name, *pair in zip(NAMES, scores["ours"], scores["museval"], strict=True):
            largest = np.nanmax(np.abs(np.subtract(*pair)))
            print(f"largest difference of {name}: {largest:.1e} dB")


if __name__ == "__main__":
    main()
