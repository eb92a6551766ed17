"""What a preview of the data shows."""

from dataclasses import dataclass, fields

from mss_keras.config.audio import AudioConfig
from mss_keras.config.data import DataConfig
from mss_keras.config.fields import option, require

_MOST = 100  # nobody listens to more, and the page of a thousand has 70 MB


@dataclass(frozen=True)
class PreviewConfig:
    """What a preview of the data shows.

    Example:
        >>> PreviewConfig(examples=0)
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: examples: found 0, wanted 1 to 100
    """

    examples: int = option(
        12,
        "Number of examples to listen to, 100 at most; levels are told of 200, or of an epoch if it has fewer",
        section="data",
        everyday=True,
    )

    def __post_init__(self):
        known = 1 <= self.examples <= _MOST
        require(known, "examples", found=self.examples, wanted=f"1 to {_MOST}")


# Fields of `RunConfig` that examples depend on.
PREVIEWED: tuple[str, ...] = (
    *(field.name for field in fields(DataConfig) if field.name not in ("statistics", "in_memory")),
    *(field.name for field in fields(AudioConfig)),
    *("seed", "loss", "unpaired_root", "unpaired_sources"),
)
