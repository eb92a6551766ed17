"""What a soft threshold does for the losses in dB where sources are silent.

Small networks are trained on mixtures in which a source is silent with a chance of a third: pieces
of the music that `stempeg` ships, each source from another place, and made-up sources. After the
same number of steps, on mixtures of other pieces, it prints

    SI-SDR   of the sources that sound, dB, the mean; so much better than that of the mixture
    SNR      of the same, dB: unlike SI-SDR it tells when estimates have the wrong gain
    leakage  of the estimates of silent sources, dB below the mixture, the mean of decibels
    silenced share of the sources that sound whose estimate is 30 dB softer than they are

    python tests/benchmarks/soft_threshold.py [--steps 200] [--seeds 2] [--losses sisdr_time ...]
        [--thresholds 0 10 20 30 40] [--music excerpt made-up] [--output FILE.csv]

A threshold of 0 stands for none. What stands in FILE is not computed again.
"""

import argparse
import csv
import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import keras
import numpy as np
from excerpt import RATE, read_excerpt

from mss_keras import losses
from mss_keras.config import SOURCES, AudioConfig, ModelConfig
from mss_keras.metrics import si_sdr, snr
from mss_keras.signal.stft import centred_stft
from mss_keras.training.separator import Separator

AUDIO = AudioConfig(sample_rate=RATE, nb_channels=1, nfft=1024, nhop=512)
MODEL = ModelConfig(hidden_size=64, unidirectional=True)
SAMPLES, BATCH, TESTED = RATE, 8, 48
SILENT = 1 / 3
KEYS = ("music", "loss", "threshold", "seed", "steps")

Draw = Callable[[np.random.Generator], np.ndarray]


def of_excerpt(*, test: bool) -> Draw:
    """Draws sources `[4, samples]` from the last 1.6 s of the excerpt, or from what is before."""
    stems = np.stack([read_excerpt()[name].mean(1) for name in SOURCES])
    stems = stems[:, -(SAMPLES * 8 // 5) :] if test else stems[:, : -SAMPLES * 8 // 5]

    def draw(rng):
        starts = rng.integers(0, stems.shape[1] - SAMPLES, 4)
        return np.stack([x[s : s + SAMPLES] for x, s in zip(stems, starts, strict=True)])

    return draw


def made_up(*, test: bool) -> Draw:
    """Draws a gliding voice, bursts of noise, a low tone, and a chord: `[4, samples]`."""
    t = np.arange(SAMPLES) / RATE

    def tone(frequency, harmonics):
        phase = 2 * np.pi * np.cumsum(np.broadcast_to(frequency, t.shape)) / RATE
        return sum(np.sin(h * phase) / h for h in range(1, harmonics + 1))

    def draw(rng):
        glide = rng.uniform(200, 600) * (1 + 0.03 * np.sin(2 * np.pi * rng.uniform(4, 7) * t))
        beats = (t * rng.uniform(2, 6) + rng.uniform()) % 1
        drums = rng.standard_normal(SAMPLES) * np.exp(-12 * beats)
        root = rng.uniform(150, 300)
        chord = sum(tone(root * 2 ** (n / 12), 3) for n in (0, 4, 7))
        return np.stack(
            [0.1 * tone(glide, 8), 0.3 * drums, 0.15 * tone(rng.uniform(40, 90), 3), 0.05 * chord]
        )

    return draw


MUSIC: dict[str, Callable[..., Draw]] = {"excerpt": of_excerpt, "made-up": made_up}


def batch(draw: Draw, rng: np.random.Generator, size: int) -> np.ndarray:
    """Targets, float32 `[size, 4, samples, 1]`, at least one of them sounding in each mixture."""
    gains = rng.uniform(0.25, 1.25, (size, 4)) * (rng.random((size, 4)) >= SILENT)
    gains[np.arange(size), rng.integers(0, 4, size)] += 0.25
    sources = np.stack([draw(rng) for _ in range(size)])
    return (gains[..., None] * sources).astype(np.float32)[..., None]


def train(loss: losses.SeparationLoss, draw: Draw, *, steps: int, seed: int) -> Separator:
    """A separator after some steps of Adam at 1e-3."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    separator = Separator(SOURCES, AUDIO, MODEL)
    mixtures = batch(draw, rng, 16).sum(1)
    magnitudes = np.abs(centred_stft(mixtures, AUDIO.nfft, AUDIO.nhop)).mean((0, 1, 2))
    separator.build()
    separator.network.set_statistics(magnitudes, np.maximum(magnitudes, 1e-4 * magnitudes.max()))
    separator.compile(keras.optimizers.Adam(1e-3), loss)
    for _ in range(steps):
        sources = batch(draw, rng, BATCH)
        separator.train_on_batch({"mixture": sources.sum(1), "sources": sources})
    return separator


def measure(separator: Separator, draw: Draw) -> dict[str, float]:
    """What the module says, on mixtures that are the same for all separators."""
    sources = batch(draw, np.random.default_rng(10**6), TESTED)
    mixture = sources.sum(1)
    estimates = np.concatenate(
        [np.stack(list(separator.separate(x).values()))[None] for x in mixture]
    )
    energy = [np.square(x).sum((-2, -1)) for x in (sources, estimates, mixture[:, None])]
    sounds = energy[0] > 0
    repeated = np.broadcast_to(mixture[:, None], sources.shape)
    below = 10 * np.log10(np.maximum(energy[1] / energy[2], 1e-10))
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = energy[1] / energy[0]
    gained = si_sdr(sources, estimates) - si_sdr(sources, repeated)
    return {
        "SI-SDR": float(np.mean(si_sdr(sources, estimates).numpy()[sounds])),
        "improvement": float(np.mean(gained.numpy()[sounds])),
        "SNR": float(np.mean(snr(sources, estimates).numpy()[sounds])),
        "leakage": float(np.mean(below[~sounds])),
        "silenced": float(np.mean(gain[sounds] < 1e-3)),
    }


def main() -> None:
    names = [x for x in losses.names() if "soft_threshold" in losses.hyperparameters(x)]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--losses", nargs="+", default=names, choices=names)
    parser.add_argument(
        "--thresholds", nargs="+", type=float, default=[0.0, 10.0, 20.0, 30.0, 40.0]
    )
    parser.add_argument("--music", nargs="+", default=list(MUSIC), choices=list(MUSIC))
    parser.add_argument("--output", type=Path, default=None)
    options = parser.parse_args()
    done: dict[tuple[str, ...], dict[str, str]] = {}
    if options.output and options.output.exists():
        with options.output.open() as file:
            done = {tuple(row[key] for key in KEYS): row for row in csv.DictReader(file)}
    todo = [
        (music, name, threshold, seed)
        for music in options.music
        for name in options.losses
        for threshold in options.thresholds
        for seed in range(options.seeds)
    ]
    for music, name, threshold, seed in todo:
        key = tuple(map(str, (music, name, threshold, seed, options.steps)))
        if key not in done:
            loss = losses.get(name, soft_threshold=threshold or None)
            separator = train(loss, MUSIC[music](test=False), steps=options.steps, seed=seed)
            found = measure(separator, MUSIC[music](test=True))
            keras.backend.clear_session()
            row = {**dict(zip(KEYS, key, strict=True)), **{k: f"{x:.4f}" for k, x in found.items()}}
            done[key] = row
            if options.output:
                with options.output.open("a", newline="") as file:
                    writer = csv.DictWriter(file, list(row))
                    if file.tell() == 0:
                        writer.writeheader()
                    writer.writerow(row)
        print(*done[key].values(), sep="\t", flush=True)


if __name__ == "__main__":
    main()
