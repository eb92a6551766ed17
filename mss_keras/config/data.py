"""Where the music lies and how examples are cut from it."""

from dataclasses import dataclass
from typing import Literal

from mss_keras.config.fields import ALWAYS, option, require, require_positive
from mss_keras.config.names import SOURCES


@dataclass(frozen=True)
class DataConfig:
    """Where the music lies and how examples are cut from it."""

    root: str | None = option(
        None,
        "Data set: MUSDB18 (.stem.mp4), MUSDB18-HQ, or folders of tracks with a WAV per source",
    )
    sources: tuple[str, ...] = option(
        SOURCES, "Names of the sources, each a WAV in a track's folder"
    )
    prepared: str | None = option(
        None,
        "Where .stem.mp4 files are decoded to WAV, once; ROOT-wav if not given",
        may_change=ALWAYS,
    )
    statistics: str | None = option(
        None,
        "Statistics of another run to use (its statistics.npz) in place of a pass over the data",
        may_change=ALWAYS,
    )
    seq_dur: float = option(6.0, "Length of a training excerpt, seconds")
    samples_per_track: int = option(64, "Examples an epoch for each training track")
    batch_size: int = option(16, "Examples a step, over all devices together")
    augmentations: tuple[Literal["gain", "channelswap"], ...] = option(
        ("gain", "channelswap"),
        "Per source: gain uniform in 0.25 to 1.25, channel swap with probability 0.5",
    )
    in_memory: bool = option(False, "Keep the decoded tracks in memory", may_change=ALWAYS)

    def __post_init__(self):
        require_positive(self, "seq_dur", "samples_per_track", "batch_size")
        require(
            len(self.sources) > 0 and len(set(self.sources)) == len(self.sources),
            "sources",
            found=list(self.sources),
            wanted="different names, at least one",
        )
        require(
            "mixture" not in self.sources,
            "sources",
            found="mixture",
            wanted="names other than mixture",
        )
