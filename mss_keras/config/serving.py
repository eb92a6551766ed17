"""What an exported model offers."""

from dataclasses import dataclass
from typing import Literal

from mss_keras.config.fields import (
    option,
    require,
    require_choices,
    require_positive,
    require_short,
)


@dataclass(frozen=True)
class ServingConfig:
    """What an exported model offers, and up to what length.

    Example:
        >>> ServingConfig(("serving_default", "fixed_length"), fixed_seconds=3.0).fixed_seconds
        3.0
        >>> ServingConfig(("serving_default", "serving_default"))
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: signatures: found ['serving_default', ...
    """

    signatures: tuple[
        Literal["serving_default", "separate_wav", "spectrogram", "fixed_length"], ...
    ] = option(
        (),
        "What the model offers: waveforms to stems (serving_default), WAV bytes to WAV bytes, for "
        "REST (separate_wav), magnitudes to masks, if it makes masks (spectrogram), waveforms of "
        "one length, which a server may gather into batches (fixed_length); all but fixed_length "
        "if not given",
        section="serving",
        everyday=True,
    )
    max_seconds: float = option(
        900.0,
        "Longest song of a request, seconds; a response cannot have more than 2 GiB",
        section="serving",
        everyday=True,
    )
    max_batch: int = option(
        16,
        "Most songs of a request",
        section="serving",
    )
    fixed_seconds: float = option(
        6.0,
        "Length of the waveforms of fixed_length, seconds; below `chunk_dur`",
        section="serving",
    )
    licence: str | None = option(
        None,
        "Licence of the model, for its card, such as 'CC BY-NC-SA 4.0'",
        section="serving",
    )
    scores: str | None = option(
        None,
        "Folder of this model's evaluation, whose SDR the card tells",
        section="serving",
    )

    def __post_init__(self):
        require_choices(self)
        require_positive(self, "max_seconds", "max_batch", "fixed_seconds")
        require_short(self, "max_seconds")
        require(
            len(set(self.signatures)) == len(self.signatures),
            "signatures",
            found=list(self.signatures),
            wanted="different names",
        )
