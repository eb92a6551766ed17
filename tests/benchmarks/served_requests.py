"""Time and memory of a request to an exported model, by the loader TensorFlow Serving uses.

    python tests/benchmarks/served_requests.py [--seconds 30 120 600] [--niter 0] [--update]

Each request runs in a process of its own that imports neither TensorFlow nor Keras (see
tests/serving/native.py), on random weights of the default size, four sources in stereo at
44.1 kHz. With --update the table goes into serving/README.md. Exit code 1: peak memory
grows faster than twice the outputs.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

RATE, CHANNELS = 44100, 2
SOURCES = ("vocals", "drums", "bass", "other")
ROOT = Path(__file__).parents[2]
README = ROOT / "serving/README.md"
BEGIN = "<!-- figures of tests/benchmarks/served_requests.py -->\n"
END = "<!-- end of figures -->\n"


def export(folder: Path, niter: int) -> tuple[Path, Path, str, str]:
    """The SavedModel, the wheel's library, the operation to feed and the ones to fetch."""
    import tensorflow as tf
    from tensorflow.python.saved_model import loader_impl

    from mss_keras import Separator
    from mss_keras.config import SeparationConfig, ServingConfig

    separator = Separator(SOURCES)
    separator.build()
    limits = ServingConfig(signatures=("serving_default",))
    path = separator.export(folder, SeparationConfig(niter=niter), limits=limits)
    (graph,) = loader_impl.parse_saved_model(str(path)).meta_graphs
    signature = graph.signature_def["serving_default"]
    fetches = ",".join(f"{name}={info.name}" for name, info in signature.outputs.items())
    library = Path(tf.sysconfig.get_lib()) / "libtensorflow_cc.so.2"
    return path, library, signature.inputs["waveform"].name.split(":")[0], fetches


def measure(folder: Path, exported: tuple[Path, Path, str, str], seconds: float) -> tuple:
    """Wall seconds of the run and peak bytes of the process."""
    path, library, feed, fetches = exported
    samples = round(seconds * RATE)
    noise = 0.1 * np.random.default_rng(0).standard_normal((1, samples, CHANNELS))
    np.savez(folder / "feeds.npz", **{feed: noise.astype("float32")})
    native = ROOT / "tests/serving/native.py"
    arguments = [native, library, path, folder / "feeds.npz", fetches, "-"]
    result = subprocess.run(
        [sys.executable, *map(str, arguments)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
    )
    wall, peak = result.stdout.split()
    return float(wall), int(peak)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, nargs="+", default=[30.0, 120.0, 600.0])
    parser.add_argument("--niter", type=int, default=0, help="Iterations of the Wiener filter")
    parser.add_argument("--update", action="store_true", help="Put the table into README.md")
    options = parser.parse_args()
    from tabulate import tabulate

    rows, points = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        exported = export(folder / "model", options.niter)
        for seconds in options.seconds:
            wall, peak = measure(folder, exported, seconds)
            output = len(SOURCES) * round(seconds * RATE) * CHANNELS * 4
            points.append((output, peak))
            rows.append([f"{seconds:g} s", f"{wall:.1f} s", f"{output / 2**20:.0f} MiB",
                         f"{peak / 2**20:.0f} MiB"])  # fmt: skip
            print(*rows[-1], sep="\t", flush=True)
    (first, low), (last, high) = points[0], points[-1]
    growth = (high - low) / (last - first) if last > first else float("nan")
    headers = ["request", "time", "outputs", "peak of the process"]
    table = tabulate(rows, headers, tablefmt="github", disable_numparse=True)
    text = f"{table}\n\nFrom first to last the peak grows by {growth:.2f} times the outputs.\n"
    print(f"\n{text}")
    if options.update:
        readme = README.read_text()
        readme = re.sub(f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n{text}\n{END}", readme, flags=re.S)
        README.write_text(readme)
    return int(growth > 2)


if __name__ == "__main__":
    sys.exit(main())
