"""What a preview of the data shows."""

from dataclasses import dataclass, fields

from mss_keras.config.audio import AudioConfig
from mss_keras.config.data import DataConfig
from mss_keras.config.fields import option, require_positive


@dataclass(frozen=True)
class PreviewConfig:
    """What a preview of the data shows.

    Example:
        >>> PreviewConfig(examples=0)
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: examples: found 0, wanted a number above 0
    """

    examples: int = option(
        12,
        "Number of examples to listen to; levels are told of 200, or of an epoch if it has fewer",
        section="data",
        everyday=True,
    )

    def __post_init__(self):
        require_positive(self, "examples")


# Fields of `RunConfig` that examples depend on.
PREVIEWED: tuple[str, ...] = (
    *(field.name for field in fields(DataConfig) if field.name not in ("statistics", "in_memory")),
    *(field.name for field in fields(AudioConfig)),
    *("seed", "loss", "unpaired_root", "unpaired_sources"),
)
