"""Pages with sounds that are known, for the tests of pages."""

import base64
import io
import re

import numpy as np
import soundfile

from mss_keras.config import AudioConfig
from mss_keras.reports.pages import Example, Page, Section, Stimulus

RATE = 8000
AUDIO = AudioConfig(sample_rate=RATE, nb_channels=1, nfft=256, nhop=64)
HOSTILE = "</script><b onclick=x>&amp;\"'</b><!--"


def noise(seconds: float = 2.0, *, seed: int = 0, channels: int = 1) -> np.ndarray:
    """Noise `[samples, channels]` whose samples 16 bits hold exactly."""
    samples = np.random.default_rng(seed).integers(-(2**13), 2**13, (int(seconds * RATE), channels))
    return samples / 2.0**15


def example(title: str = "Song", *, methods=("estimate",), seconds: float = 2.0) -> Example:
    """A mixture, and two sources with targets and estimates."""
    stimuli = [Stimulus("mixture", "", noise(seconds))]
    for row in ("vocals", "drums"):
        for column in ("target", *methods):
            waveform = noise(seconds, seed=len(stimuli))
            stimuli.append(Stimulus(row, column, waveform, "5.2 dB" if column != "target" else ""))
    return Example(title, stimuli, AUDIO)


def page_of(*examples: Example, **options) -> Page:
    """A page of examples."""
    return Page("A page", [Section("Listen", examples)], **options)


def sounds_in(html: str) -> list[bytes]:
    """The sound files that a page holds, in the order of its stimuli."""
    files = dict(re.findall(r'<script type="text/plain" id="sound-(\w+)">([^<]*)</script>', html))
    return [base64.b64decode(files[name]) for name in re.findall(r'data-sound="(\w+)"', html)]


def decoded(file: bytes) -> tuple[np.ndarray, int]:
    """`[samples, channels]` and the sample rate of a sound file."""
    return soundfile.read(io.BytesIO(file), always_2d=True)


def ratio_at(heard: np.ndarray, waveform: np.ndarray, delay: int) -> float:
    """dB of a waveform above the difference from what is heard at another rate, moved by samples.

    Both have the same duration. They are compared as spectra, up to the lower half of the rates.
    """
    bins = min(len(heard), len(waveform)) // 2 + 1
    ours = np.fft.rfft(waveform)[:bins] / len(waveform)
    error = np.fft.rfft(np.roll(heard, delay))[:bins] / len(heard) - ours
    return float(10 * np.log10(np.sum(np.abs(ours) ** 2) / np.sum(np.abs(error) ** 2)))
