"""The excerpts of a finished run: separated, scored, and written as stems and pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mss_keras import data
from mss_keras.config import AudioConfig
from mss_keras.data import MusicSet
from mss_keras.data.writing import sound_file
from mss_keras.jobs.files import appearing
from mss_keras.reports import figures
from mss_keras.reports.spectrograms import spectrograms
from mss_keras.training.scores import Score, score
from mss_keras.training.separator import Separator

_SECONDS = 20.0  # of four sources in stereo a page holds no more in one file


@dataclass(frozen=True)
class Separated:
    """The beginning of a track, with its stems.

    Args:
        split: str. Split of the track, `train` or `valid`.
        track: str. Name of the track.
        mixture: np.ndarray. `[samples, channels]`.
        sources: np.ndarray. `[sources, samples, channels]`.
        stems: mapping. `[samples, channels]` for each source, in the order of `sources`.
        scores: sequence of Score. One for each source.
    """

    split: str
    track: str
    mixture: np.ndarray
    sources: np.ndarray
    stems: Mapping[str, np.ndarray]
    scores: Sequence[Score]

    def title(self, audio: AudioConfig) -> str:
        """Song, split and seconds."""
        return f"{self.track}, {self.split}, 0 to {len(self.mixture) / audio.sample_rate:.3g} s"


def separate_excerpts(separator: Separator, music: MusicSet) -> list[Separated]:
    """Separates the beginning of the first track of each split, up to 20 s, and scores it."""
    separated = []
    for split, tracks in (("train", music.train), ("valid", music.valid)):
        excerpt = data.excerpt(tracks[0], separator.audio, _SECONDS)
        mixture, sources = excerpt["mixture"], excerpt["sources"]
        stems = separator.separate(mixture)
        scores = score(split, mixture, targets=sources, estimates=stems)
        separated.append(Separated(split, tracks[0].name, mixture, sources, stems, scores))
    return separated


def write_excerpts(separated: Sequence[Separated], folder: Path, audio: AudioConfig) -> None:
    """Writes `stems/`, and `spectrograms.png` of the last one.

    Args:
        separated: what is written.
        folder: of the run.
        audio: sample rate, and sizes of the STFT that is drawn.
    """
    for each in separated:
        write_stems(each.stems, folder / "stems" / each.split, audio.sample_rate)
    excerpt = {"mixture": each.mixture, "sources": each.sources}
    drawn = spectrograms(excerpt, each.stems, audio, title=each.title(audio))
    figures.save(drawn, folder / "spectrograms.png")


def write_stems(stems: Mapping[str, np.ndarray], folder: Path, sample_rate: int) -> None:
    """Writes `SOURCE.wav` files of 32-bit floats.

    Args:
        stems: `[samples, channels]` for each source.
        folder: made if it is missing.
        sample_rate: Hz.
    """
    for name, stem in stems.items():
        with (
            appearing(folder / f"{name}.wav") as partial,
            sound_file(partial, sample_rate, stem.shape[1], subtype="FLOAT") as file,
        ):
            file.write(stem)
