"""Listeners that are computed: what they prefer is known, so that an analysis can be checked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mss_keras.config import require
from mss_keras.jobs.files import appearing
from mss_keras.listening.key import Key
from mss_keras.listening.rating_files import FORMAT
from mss_keras.listening.scores import Scores, sign_of

_REFERENCE, _ANCHOR, _UNSCORED = 0.97, 0.2, 0.4  # of the scale
_STARTED = "2026-01-01T00:00:00Z"
_BOTTOM, _TOP = 0.15, 0.9  # what the worst and the best score tend to, of the scale


@dataclass(frozen=True)
class Simulation:
    """How simulated listeners rate.

    A listener's rating of a stimulus is a rising function of one metric, plus the listener's
    bias, plus noise. Careless listeners rate at random, so that the rules find them.

    Args:
        metric: str. The metric that rules all ratings. Defaults to `sdr`.
        listeners: int. Number of listeners, careless ones included. Defaults to `14`.
        careless: int. How many of them rate at random. Defaults to `2`.
        bias: float. Standard deviation of the listeners' biases, share of the scale. Defaults to
            `0.05`.
        noise: float. Standard deviation of the noise, share of the scale. Defaults to `0.1`.
        missing: float. Share of stimuli that a listener does not rate. Defaults to `0`.
        seed: int. Seed of everything that is drawn. Defaults to `42`.
    """

    metric: str = "sdr"
    listeners: int = 14
    careless: int = 2
    bias: float = 0.05
    noise: float = 0.1
    missing: float = 0.0
    seed: int = 42

    def __post_init__(self):
        right = 0 <= self.careless <= self.listeners
        require(right, "careless", found=self.careless, wanted="a part of `listeners`")
        require(0 <= self.missing < 1, "missing", found=self.missing, wanted="a share below 1")


def qualities(key: Key, scores: Scores, metric: str) -> dict[str, float]:
    """What each stimulus is worth to simulated listeners, as a share of the scale.

    The logistic function of the metric's distance from its median, in standard deviations.

    Args:
        key: Key. The key of the test.
        scores: Scores. Of what is rated.
        metric: str. The metric; a loss counts less the larger it is.
    """
    values = scores.table[metric] * sign_of(metric)
    spread = values.std() or 1.0
    raised = 1 / (1 + np.exp(-(values - values.median()) / spread))
    places = zip(scores.table["trial"], scores.table["system"], strict=True)
    worth = dict(zip(places, raised, strict=True))
    found = {}
    for trial in key.trials:
        for stimulus, kind in trial.stimuli.items():
            share = worth.get((trial.trial, kind), np.nan)
            scored = _BOTTOM + (_TOP - _BOTTOM) * share if np.isfinite(share) else _UNSCORED
            found[stimulus] = {"reference": _REFERENCE, "anchor": _ANCHOR}.get(kind, scored)
    return found


def simulate(key: Key, scores: Scores, simulation: Simulation) -> list[dict[str, Any]]:
    """Ratings of simulated listeners, in the form of a listener's download.

    Args:
        key: Key. The key of the test.
        scores: Scores. Of what is rated.
        simulation: Simulation. How the listeners rate.
    """
    generator = np.random.default_rng(simulation.seed)
    worth = qualities(key, scores, simulation.metric)
    return [
        _listener(key, worth, generator, careless=number < simulation.careless, how=simulation)
        for number in range(simulation.listeners)
    ]


def _listener(
    key: Key,
    worth: Mapping[str, float],
    generator: np.random.Generator,
    *,
    careless: bool,
    how: Simulation,
) -> dict[str, Any]:
    low, high = key.range
    bias = generator.normal(0, how.bias)
    ratings: list[dict[str, Any]] = []
    for trial in key.trials:
        for stimulus, kind in trial.stimuli.items():
            share = worth[stimulus] + bias + generator.normal(0, how.noise)
            if kind == "reference":  # nearly always recognised, as by people
                share = min(1.0, worth[stimulus] + abs(generator.normal(0, 0.02)))
            if careless:
                share = generator.uniform()
            if generator.uniform() < how.missing:
                continue
            number = len(ratings) + 1
            ratings.append(
                {
                    "number": number,
                    "trial": trial.trial,
                    "stimulus": stimulus,
                    "rating": int(np.clip(np.rint(low + (high - low) * share), low, high)),
                    "at": _STARTED,
                }
            )
    return {
        "format": FORMAT,
        "test": key.test,
        "listener": generator.bytes(16).hex(),
        "scale": key.scale,
        "simulated": True,
        "language": "en",
        "started": _STARTED,
        "headphones": None,
        "finished": how.missing == 0,
        "ratings": ratings,
    }


def write(listeners: list[dict[str, Any]], folder: Path) -> list[Path]:
    """Writes each listener's ratings to a file of their own, and returns the files."""
    paths = [folder / f"{listener['listener']}.json" for listener in listeners]
    for path, listener in zip(paths, listeners, strict=True):
        with appearing(path) as partial:
            partial.write_text(json.dumps(listener, indent=1) + "\n", encoding="utf-8")
    return paths
