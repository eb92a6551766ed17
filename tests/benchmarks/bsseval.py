"""Time and memory of BSSEval v4, ours beside museval's.

    python tests/benchmarks/bsseval.py [--seconds 60] [--repeats 3]

Four stereo sources at 44.1 kHz and 16 bits: the bundled excerpt over and over, each time
at another offset and gain; estimates have leakage, filters and noise. Each scorer runs
in processes of its own, ours before and behind museval's, so that what else the machine
does falls on both; the minimum of our repeats counts. Memory is what a process grows by
while it scores, beyond the waveforms. museval needs about 1 GB for each minute.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

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


def score(folder: Path, scorer: str) -> dict[str, float]:
    """Seconds and megabytes of one scoring; writes the ratios."""
    if scorer == "ours":
        from mss_keras.metrics import bss_eval
    else:
        sys.path.insert(0, str(Path(__file__).parents[1] / "metrics"))
        from museval_peer import metrics
    y_true, y_pred = (np.load(folder / f"{name}.npy") for name in ("y_true", "y_pred"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    if scorer == "ours":
        scores = bss_eval(y_true, y_pred)
        ratios = [getattr(scores, name) for name in NAMES]
    else:
        ratios = metrics.bss_eval(y_true, y_pred, window=RATE, hop=RATE)[:4]
    seconds = time.perf_counter() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    np.save(folder / f"{scorer}.npy", ratios)
    return {"seconds": seconds, "megabytes": grown / 1024}


def stage(name: str, folder: Path, seconds: float) -> dict[str, float]:
    """Runs a stage in a process of its own."""
    command = [sys.executable, __file__, "--seconds", str(seconds), "--stage", name, str(folder)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output)


def main() -> None:
    """Prints the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--stage", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        name, folder = options.stage[0], Path(options.stage[1])
        if name == "make":
            make(folder, options.seconds)
        print(json.dumps({} if name == "make" else score(folder, name)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        stage("make", folder, options.seconds)
        runs = [stage("ours", folder, options.seconds)]
        peer = stage("museval", folder, options.seconds)
        runs += [stage("ours", folder, options.seconds) for _ in range(options.repeats - 1)]
        ours = {key: min(run[key] for run in runs) for key in peer}
        difference = np.abs(np.load(folder / "ours.npy") - np.load(folder / "museval.npy"))
    print(f"{options.seconds:g} s of 4 stereo sources, 16 bits")
    print(f"{'':<10}{'seconds':>10}{'MB beyond the waveforms':>26}")
    for name, run in (("ours", ours), ("museval", peer)):
        print(f"{name:<10}{run['seconds']:>10.2f}{run['megabytes']:>26.0f}")
    speed, memory = (peer[key] / ours[key] for key in ("seconds", "megabytes"))
    print(f"{'ratio':<10}{speed:>10.1f}{memory:>26.1f}")
    print("all of ours:", ", ".join(f"{run['seconds']:.2f} s" for run in runs))
    for name, values in zip(NAMES, difference, strict=True):
        print(f"largest difference of {name}: {np.nanmax(values):.1e} dB")


if __name__ == "__main__":
    main()
