"""A small listening test of sines and noise, for the page."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile

RATE = 8000
SECONDS = 0.3


def described(**changes: Any) -> dict[str, Any]:
    """A description as the page reads it: two trials and one for training, of three stimuli."""
    trials = [trial("t01", "vocals", "a"), trial("t02", "bass", "b")]
    made = {
        "format": 1,
        "test": "0123456789abcdef",
        "title": "Vocals and bass",
        "scale": "mushra",
        "simulated": False,
        "demonstration": False,
        "seed": "5eed",
        "lufs": -23.0,
        "trials": trials,
        "training": [trial("p01", "drums", "c")],
    }
    return {**made, **changes}


def trial(name: str, source: str, digit: str, stimuli: int = 3) -> dict[str, Any]:
    """A trial, whose ids are of a digit of its own."""
    return {
        "trial": name,
        "source": source,
        "seconds": SECONDS,
        "sample_rate": RATE,
        "channels": 2,
        "reference": f"{digit}00000000000",
        "stimuli": [f"{digit}{number:011x}" for number in range(1, stimuli + 1)],
    }


def sounds(test: dict[str, Any], seconds: float = SECONDS) -> Iterator[tuple[str, bytes]]:
    """A sine and more and more noise for each trial."""
    time = np.arange(round(seconds * RATE)) / RATE
    random = np.random.default_rng(7)
    for place, entry in enumerate([*test["trials"], *test["training"]]):
        sine = np.sin(2 * np.pi * 220 * (place + 2) * time)
        names = [entry["reference"], *entry["stimuli"]]
        for noise, name in enumerate(name for name in names if name):
            waveform = 0.2 * sine + 0.02 * noise * random.standard_normal(len(time))
            yield name, wav(np.stack([waveform, waveform], axis=1))


def wav(waveform: np.ndarray, rate: int = RATE) -> bytes:
    """The bytes of a 16-bit WAV file of a waveform [samples, channels]."""
    file = io.BytesIO()
    soundfile.write(file, waveform, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()
