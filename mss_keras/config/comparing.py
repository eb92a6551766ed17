"""Which excerpts are heard through several separators."""

from dataclasses import dataclass
from typing import Literal

from mss_keras.config.fields import (
    option,
    require,
    require_choices,
    require_positive,
    require_short,
)

# Of what is shorter, metrics and spectrograms say nothing.
SHORTEST_EXCERPT = 1.0


@dataclass(frozen=True)
class CompareConfig:
    """Which excerpts of a data set are heard through several separators.

    Example:
        >>> CompareConfig(duration=0.5)
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: duration: found 0.5, wanted 1 second or more
    """

    subset: Literal["train", "valid", "test"] = option(
        "test",
        "Split of the data set that excerpts are taken from",
        section="scores",
        everyday=True,
    )
    examples: int = option(
        3, "Number of excerpts, each of another song", section="scores", everyday=True
    )
    duration: float = option(
        10.0,
        "Length of an excerpt, seconds; a song that is shorter is heard whole",
        section="scores",
        everyday=True,
    )
    estimates: tuple[str, ...] = option(
        (),
        "Folders of stems that take part, [NAME=]DIR with [SUBSET/]TRACK/SOURCE.wav, made by any "
        "separators",
        section="scores",
        everyday=True,
    )
    oracle: tuple[Literal["irm", "ibm", "mwf", "mixture"], ...] = option(
        (),
        "References that take part: ideal ratio mask (irm), ideal binary mask (ibm) and "
        "multichannel Wiener filter (mwf) of the excerpt's true sources, or the mixture taken for "
        "every source (mixture)",
        section="scores",
        everyday=True,
    )
    seed: int = option(42, "Seed of the draw of songs and places", section="scores")

    def __post_init__(self):
        require_choices(self)
        require_positive(self, "examples")
        require_short(self, "duration")
        require(
            self.duration >= SHORTEST_EXCERPT,
            "duration",
            found=self.duration,
            wanted=f"{SHORTEST_EXCERPT:g} second or more",
        )
