"""Keys, ratings and scores of small listening tests that need no audio."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from mss_keras.listening.key import Key, Trial
from mss_keras.listening.scores import read_scores
from mss_keras.listening.simulation import Simulation, simulate, write

SIMULATION = Simulation(careless=0)
SYSTEMS = ("l2", "sisdr", "logl1")


def make_key(
    *, excerpts: int = 4, sources=("vocals", "bass"), systems=SYSTEMS, scale="mushra"
) -> Key:
    """A test of some excerpts of each source, every one of a song of its own."""
    trials: list[Trial] = []
    for source in sources:
        for _ in range(excerpts):
            number = len(trials)
            kinds = ("reference", "anchor", "mixture", *systems)
            stimuli = {f"{number:06x}{place:06x}": kind for place, kind in enumerate(kinds)}
            song = f"song {number}"
            trials.append(
                Trial(
                    f"t{number:02}",
                    track=f"{song} @ 1.5 s",
                    song=song,
                    source=source,
                    start=1.5,
                    seconds=6.0,
                    lufs=-23.0,
                    stimuli=stimuli,
                )
            )
    return Key("0123456789abcdef", scale, "secret", tuple(systems), tuple(trials))


def write_scores(key: Key, folder: Path, *, seed: int = 0, agreement: float = 1.0) -> Path:
    """Scores of all systems and the mixture, as `evaluate` writes them.

    `sdr` is normally distributed, `snr` correlates with it by `agreement`, and `l1_time` falls
    where it rises.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for trial in key.trials:
        for kind in ("mixture", *key.systems):
            sdr, other = generator.normal(0, 1, 2)
            snr = agreement * sdr + np.sqrt(1 - agreement**2) * other
            rows.append(
                {
                    "method": kind,
                    "track": trial.track,
                    "source": trial.source,
                    "sdr": 5 + 3 * sdr,
                    "snr": 4 + 2 * snr,
                    "l1_time": float(np.exp(-sdr)),
                }
            )
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "tracks.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def make_test(
    folder: Path, key: Key, simulation: Simulation = SIMULATION, *, agreement: float = 1.0
) -> Path:
    """The folder of a test with its key, scores and ratings of simulated listeners."""
    key.write(folder)
    write_scores(key, folder / "scores", agreement=agreement)
    scores = read_scores([str(folder / "scores")], key)
    write(simulate(key, scores, simulation), folder / "ratings")
    return folder


def download(key: Key, listener: Any = "a" * 32, **changes) -> dict:
    """What a listener downloads who rates every stimulus 50, the reference 100, the anchor 10."""
    low, high = key.range
    shares = {"reference": 1.0, "anchor": 0.1}
    places = [(t.trial, s, kind) for t in key.trials for s, kind in t.stimuli.items()]
    ratings = [
        {
            "number": number,
            "trial": trial,
            "stimulus": stimulus,
            "rating": round(low + (high - low) * shares.get(kind, 0.5)),
            "at": "2026-01-01T00:00:00Z",
        }
        for number, (trial, stimulus, kind) in enumerate(places, start=1)
    ]
    given = {
        "format": "mss_keras-ratings-1",
        "test": key.test,
        "listener": listener,
        "scale": key.scale,
        "simulated": False,
        "language": "en",
        "headphones": {"correct": 5, "of": 6},
        "finished": True,
        "ratings": ratings,
    }
    return {**given, **changes}


def save(path: Path, given: dict) -> Path:
    """Writes a download."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(given))
    return path
