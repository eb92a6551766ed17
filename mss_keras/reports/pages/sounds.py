"""An example's sounds as files for a browser: within the page while it stays small enough."""

import base64
import hashlib
import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import soundfile

from mss_keras.data.resampling import resampled
from mss_keras.data.stems import to_int16
from mss_keras.jobs.machine import cores
from mss_keras.reports.pages.parts import Example, Stimulus
from mss_keras.reports.tables import counted

LIMIT = 20_000_000  # bytes of a page, all in all
OPUS_RATE = 48000  # Hz; browsers decode Opus to this rate, whatever it was
_NAMED = 4  # sounds, at most, in a sentence of what is wrong with them
_OPUS_LEVEL = 0.5  # libsndfile's: about 256 kbit/s of a stereo sound


@dataclass(frozen=True)
class Sound:
    """A sound file.

    Args:
        name: str. Comes from its bytes: two sounds that are alike have one name.
        base64: str. Its bytes.
    """

    name: str
    base64: str


@dataclass(frozen=True)
class Sounds:
    """The sounds of a page.

    Args:
        codec: str. `flac` or `opus`.
        inside: bool. Whether the page holds them; else they are files beside it.
        examples: sequence of sequence of Sound. One for each stimulus of each example.
        rates: sequence of int. Sample rate of each example's sounds, Hz.
    """

    codec: str
    inside: bool
    examples: Sequence[Sequence[Sound]]
    rates: Sequence[int]

    @property
    def size(self) -> int:
        """Their characters."""
        return sum(map(len, self.files.values()))

    @property
    def files(self) -> dict[str, str]:
        """The sounds in base64, by name."""
        return {sound.name: sound.base64 for example in self.examples for sound in example}


def encode(examples: Sequence[Example], room: int) -> Sounds:
    """The sounds of examples: FLAC in the page, else Opus in the page, else FLAC beside it.

    FLAC (16 bits) keeps every sample: no codec is judged with the separator. Opus is used where
    FLAC would make the page too large.

    Args:
        examples: sequence of Example. Those of a page.
        room: int. Bytes that the page has for sounds, in base64.
    """
    rates = [example.audio.sample_rate for example in examples]
    flac = list(_made(examples, _flac))
    if _size(flac) <= room:
        return Sounds("flac", True, flac, rates)
    opus = _within(room, examples)
    if opus is not None:
        return Sounds("opus", True, opus, [OPUS_RATE] * len(examples))
    return Sounds("flac", False, flac, rates)


def unknown(examples: Sequence[Example]) -> Sounds:
    """Sounds that have no bytes yet, of which a page without its sounds is made.

    Args:
        examples: sequence of Example. Those of a page.
    """
    rates = [example.audio.sample_rate for example in examples]
    numbers = itertools.count()
    empty = [[Sound(f"{next(numbers):032x}", "") for _ in one.stimuli] for one in examples]
    return Sounds("flac", True, empty, rates)


def faults(example: Example) -> list[str]:
    """What had to be changed of an example's sounds, in sentences.

    Example:
        >>> import numpy as np
        >>> from mss_keras.config import AudioConfig
        >>> loud = Stimulus("bass", "target", np.array([[0.5], [1.5]]))
        >>> faults(Example("Song", [loud], AudioConfig(nb_channels=1)))
        ['Beyond full scale, and clipped here: bass, target (1 sample).']
    """
    sentences = {
        "Beyond full scale, and clipped here": lambda values: np.abs(values) > 1,
        "Not finite, and silent here": lambda values: ~np.isfinite(values),
    }
    lines = []
    for sentence, wrong in sentences.items():
        counts = [(s.name, int(wrong(s.waveform).any(axis=1).sum())) for s in example.stimuli]
        named = [f"{name} ({counted(count, 'sample')})" for name, count in counts if count]
        if len(named) > _NAMED:
            named[_NAMED:] = [f"and {len(named) - _NAMED} other sounds"]
        lines += [f"{sentence}: {'; '.join(named)}."] if named else []
    return lines


def _made(
    examples: Sequence[Example], to_bytes: Callable[[np.ndarray, int], bytes]
) -> Iterator[list[Sound]]:
    # The sounds of one example after another.
    with ThreadPoolExecutor(cores()) as pool:
        for example in examples:

            def encoded(stimulus: Stimulus, rate: int = example.audio.sample_rate) -> Sound:
                return _sound(to_bytes(_playable(stimulus.waveform), rate))

            yield list(pool.map(encoded, example.stimuli))


def _within(room: int, examples: Sequence[Example]) -> list[list[Sound]] | None:
    # As Opus, which takes its time: none as soon as it will not do, with examples like the first.
    made: list[list[Sound]] = []
    for sounds in _made(examples, _opus):
        made.append(sounds)
        size = _size(made)
        if size > room or size * len(examples) > 2 * room * len(made):
            return None
    return made


def _size(examples: Sequence[Sequence[Sound]]) -> int:
    return sum({sound.name: len(sound.base64) for one in examples for sound in one}.values())


def _sound(file: bytes) -> Sound:
    digest = hashlib.sha256(file).hexdigest()[:32]
    return Sound(digest, base64.b64encode(file).decode())


def _playable(waveform: np.ndarray) -> np.ndarray:
    finite = np.nan_to_num(waveform.astype(np.float32), posinf=0, neginf=0)
    return np.clip(finite, -1, 1)


def _flac(waveform: np.ndarray, rate: int) -> bytes:
    file = io.BytesIO()
    options = {"format": "FLAC", "subtype": "PCM_16", "compression_level": 1.0}  # the smallest
    soundfile.write(file, to_int16(waveform), rate, **options)
    return file.getvalue()


def _opus(waveform: np.ndarray, rate: int) -> bytes:
    converted = np.concatenate(list(resampled([waveform], rate, OPUS_RATE)))
    file = io.BytesIO()
    options = {"format": "OGG", "subtype": "OPUS", "compression_level": _OPUS_LEVEL}
    soundfile.write(file, converted, OPUS_RATE, **options)
    return file.getvalue()
