"""How a trained separator is used on songs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mss_keras.config.fields import option, require, require_positive


@dataclass(frozen=True)
class SeparationConfig:
    """How a trained separator is used on a song of any length."""

    targets: tuple[str, ...] = option((), "Sources to separate; all of the model if not given")
    residual: str | None = option(
        None, "Name of one more stem: the mixture less the targets; they then sum to the mixture"
    )
    niter: int = option(
        0, "Iterations of the multichannel Wiener filter (open-unmix's default is 1); 0 for none"
    )
    wiener_win_len: int = option(300, "Frames that share a spatial model in the Wiener filter")
    softmask: bool = option(
        False, "Start the Wiener filter from ratio masks instead of the mixture's phase"
    )
    chunk_dur: float = option(14.0, "Length of a chunk that the network takes at a time, seconds")
    context_dur: float = option(
        3.0, "What the network hears before and after a chunk, seconds; 1 or more"
    )

    def __post_init__(self):
        require_positive(self, "wiener_win_len", "chunk_dur")
        require(self.niter >= 0, "niter", found=self.niter, wanted="0 or more")
        require(
            self.context_dur >= 1, "context_dur", found=self.context_dur, wanted="1 second or more"
        )
        require(
            len(set(self.targets)) == len(self.targets),
            "targets",
            found=list(self.targets),
            wanted="different names",
        )
        require(
            self.residual is None or self.residual not in ("", *self.targets),
            "residual",
            found=self.residual,
            wanted="a name of its own",
        )


@dataclass(frozen=True)
class SongConfig:
    """Which part of a song is read, and what is written."""

    start: float = option(0.0, "Where in the song to begin, seconds")
    duration: float | None = option(None, "How much of the song to separate, seconds; to its end")
    downmix: bool = option(False, "Mix songs of more than two channels down to stereo")
    format: Literal["wav", "flac", "stem.mp4"] = option(
        "wav", "Files: a WAV or FLAC for each stem, or one .stem.mp4 (AAC) with the mixture"
    )
    bits: Literal["16", "24", "float"] = option(
        "float", "Samples of WAV and FLAC files; float is not rescaled and cannot clip"
    )
    original_rate: bool = option(
        False, "Write stems at the song's sample rate in place of the model's"
    )
    aggregate: Mapping[str, list[str]] = option(
        {},
        "Sums of stems to write in place of the stems, as JSON: "
        '{"accompaniment": ["drums", "bass", "other"]}',
    )

    def __post_init__(self):
        require(self.start >= 0, "start", found=self.start, wanted="0 or more")
        require(
            self.duration is None or self.duration > 0,
            "duration",
            found=self.duration,
            wanted="a number above 0",
        )
