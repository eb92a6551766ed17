"""Times separation beside open-unmix: same network, same song, a process each.

    python tests/benchmarks/separate.py [--seconds 60] [--niter 1]

With `pip install torch; pip install --no-deps openunmix==1.3.0` it prints the ratios of
times and of peak memory. Ours reads and gives its result in blocks, as `trainer separate`
does; open-unmix takes and gives the whole song. An empty module stands in for torchaudio.
"""

import argparse
import importlib.util
import os
import resource
import subprocess
import sys
import time
import types
from collections.abc import Callable

import numpy as np

RATE, HIDDEN = 44100, 512
TARGETS = ("vocals", "drums", "bass", "other")


def song(seconds: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal((seconds * RATE, 2))).astype("float32")


def ours(niter: int) -> Callable[[np.ndarray], None]:
    from mss_keras.config import AudioConfig, ModelConfig, SeparationConfig
    from mss_keras.models.masking import MaskingModel

    model = MaskingModel(TARGETS, AudioConfig(), ModelConfig("separate", HIDDEN))
    model.build()
    streaming = model.streaming(SeparationConfig(niter=niter))

    def separate(waveform: np.ndarray) -> None:
        blocks = (waveform[i : i + RATE] for i in range(0, len(waveform), RATE))
        assert sum(len(part) for part in streaming.stream(blocks)) == len(waveform)

    return separate


def theirs(niter: int) -> Callable[[np.ndarray], None]:
    sys.modules.setdefault("torchaudio", types.ModuleType("torchaudio"))
    import torch
    from openunmix import model

    networks = {
        name: model.OpenUnmix(nb_bins=2049, nb_channels=2, hidden_size=HIDDEN, max_bin=1487)
        for name in TARGETS
    }
    separator = model.Separator(networks, niter=niter).eval()
    separator.freeze()

    def separate(waveform: np.ndarray) -> None:
        with torch.no_grad():
            stems = separator(torch.from_numpy(waveform.T.copy())[None])
        assert stems.shape[-1] == len(waveform)

    return separate


def measure(name: str, seconds: int, niter: int) -> None:
    separate = {"ours": ours, "open-unmix": theirs}[name](niter)
    waveform = song(seconds)
    separate(waveform[: 8 * RATE])  # traces, allocates
    start, before = time.perf_counter(), time.process_time()
    separate(waveform)
    figures = [
        time.perf_counter() - start,
        time.process_time() - before,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    ]
    print(*figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--niter", type=int, default=1)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        return measure(options.measure, options.seconds, options.niter)
    there = all(importlib.util.find_spec(name) for name in ("torch", "openunmix"))
    figures, quiet = {}, {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    for name in ("ours", "open-unmix") if there else ("ours",):
        command = [sys.executable, __file__, "--measure", name]
        command += ["--seconds", str(options.seconds), "--niter", str(options.niter)]
        result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=quiet)
        figures[name] = np.array([float(word) for word in result.stdout.split()])
        wall, cpu, peak = figures[name]
        print(f"{name:<12}{wall:>8.1f} s{cpu:>8.1f} s of CPU{peak:>8.2f} GiB at the peak")
    if there:
        ratio = figures["ours"] / figures["open-unmix"]
        print(f"{'ratio':<12}{ratio[0]:>8.2f}  {ratio[1]:>8.2f}         {ratio[2]:>8.2f}")


if __name__ == "__main__":
    main()
