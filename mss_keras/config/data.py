"""Where the music lies and how examples are cut from it."""

from dataclasses import dataclass
from typing import Literal

from mss_keras.config.fields import (
    ALWAYS,
    option,
    require,
    require_choices,
    require_positive,
    require_short,
)
from mss_keras.config.names import SOURCES


@dataclass(frozen=True)
class DataConfig:
    """Where the music lies and how examples are cut from it.

    Example:
        >>> DataConfig(sources=("flute", "flute"))
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: sources: found ['flute', 'flute'], wanted different ...
    """

    root: str | None = option(
        None,
        "Folder of the data set: MUSDB18 (.stem.mp4), MUSDB18-HQ, or folders of tracks with a WAV "
        "file for each source",
        section="data",
        everyday=True,
        may_change=["run"],  # to where the same music lies, see training/resuming.py
    )
    sources: tuple[str, ...] = option(
        SOURCES,
        "Names of the sources, each a WAV file in a track's folder; accompaniment may be the sum "
        "of drums, bass and other",
        section="data",
    )
    prepared: str | None = option(
        None,
        "Folder to which .stem.mp4 files are decoded once; ROOT-wav if not given",
        section="data",
        may_change=ALWAYS,
    )
    statistics: str | None = option(
        None,
        "File of another run's statistics (its statistics.npz), to save a pass over the data",
        section="data",
        may_change=ALWAYS,
    )
    seq_dur: float = option(
        6.0, "Length of a training excerpt, seconds", section="data", everyday=True
    )
    samples_per_track: int = option(
        64, "Examples in an epoch for each training track", section="data"
    )
    batch_size: int = option(
        16, "Examples in a step, over all devices together", section="training", everyday=True
    )
    augmentations: tuple[Literal["gain", "channelswap"], ...] = option(
        ("gain", "channelswap"),
        "Changes to each source: gain uniform in 0.25 to 1.25, channel swap with probability 0.5",
        section="data",
    )
    in_memory: bool = option(
        False, "Keep the decoded tracks in memory", section="data", may_change=ALWAYS
    )

    def __post_init__(self):
        require_choices(self)
        require_positive(self, "seq_dur", "samples_per_track", "batch_size")
        require_short(self, "seq_dur")
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
