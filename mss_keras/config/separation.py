"""How a trained separator is used on songs."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mss_keras.config.errors import UserError
from mss_keras.config.fields import (
    option,
    require,
    require_choices,
    require_positive,
    require_short,
)


@dataclass(frozen=True)
class SeparationConfig:
    """How a trained separator is used on a song of any length.

    Example:
        >>> SeparationConfig(niter=1, targets=("vocals",), residual="accompaniment").niter
        1
        >>> SeparationConfig(targets=("vocals",), residual="vocals")
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: residual: found 'vocals', wanted a name of its own
    """

    targets: tuple[str, ...] = option(
        (),
        "Sources to separate; all sources of the model if not given",
        section="separation",
        everyday=True,
    )
    residual: str | None = option(
        None,
        "Name of one more stem, the mixture less the targets; all stems then sum to the mixture",
        section="separation",
        everyday=True,
    )
    niter: int = option(
        0,
        "Iterations of the multichannel Wiener filter, 0 for none (open-unmix's default is 1)",
        section="separation",
        everyday=True,
    )
    wiener_win_len: int = option(
        300,
        "Number of frames that share a spatial model in the Wiener filter",
        section="separation",
    )
    softmask: bool = option(
        False,
        "Start the Wiener filter from ratio masks instead of the mixture's phase",
        section="separation",
    )
    chunk_dur: float = option(
        7.0, "Length of a chunk, which the network reads at a time, seconds", section="separation"
    )
    context_dur: float = option(
        3.0,
        "Length of what the network hears before and after a chunk, seconds; 1 or more",
        section="separation",
    )

    def two_stems(self, name: str) -> "SeparationConfig":
        """The same with two stems: a source, and the rest of the mixture as `no_NAME`.

        Args:
            name: str. The source.

        Raises:
            UserError: if targets or a residual are chosen already.

        Example:
            >>> two = SeparationConfig().two_stems("vocals")
            >>> two.targets, two.residual
            (('vocals',), 'no_vocals')
        """
        for field in ("targets", "residual"):
            if getattr(self, field):
                raise UserError("two_stems", f"it with `{field}`", "one of the two")
        return dataclasses.replace(self, targets=(name,), residual=f"no_{name}")

    def __post_init__(self):
        require_positive(self, "wiener_win_len", "chunk_dur")
        require_short(self, "chunk_dur", "context_dur")
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
    """Which part of a song is read, and what is written.

    Example:
        >>> SongConfig(format="ogg")
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: format: found 'ogg', wanted one of wav, flac, mp3, ...
    """

    start: float = option(
        0.0, "Place in the song at which separation begins, seconds", section="songs"
    )
    duration: float | None = option(
        None, "Length to separate, seconds; to the song's end if not given", section="songs"
    )
    downmix: bool = option(
        False, "Mix songs of more than two channels down to stereo", section="songs"
    )
    format: Literal["wav", "flac", "mp3", "stem.mp4"] = option(
        "wav",
        "Files to write: a WAV, FLAC or MP3 file for each stem, or one .stem.mp4 (AAC) with the "
        "mixture",
        section="songs",
        everyday=True,
    )
    bits: Literal["16", "24", "float"] = option(
        "float",
        "Samples of WAV and FLAC files; float is not rescaled and cannot clip",
        section="songs",
        everyday=True,
    )
    original_rate: bool = option(
        False, "Write stems at the song's sample rate instead of the model's", section="songs"
    )
    aggregate: Mapping[str, list[str]] = option(
        {},
        "Sums of stems to write in place of the stems, as JSON: "
        '{"accompaniment": ["drums", "bass", "other"]}',
        section="songs",
        everyday=True,
    )

    def __post_init__(self):
        require_choices(self)
        require_positive(self, "duration")
        require(self.start >= 0, "start", found=self.start, wanted="0 or more")
