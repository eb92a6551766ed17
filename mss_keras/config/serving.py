"""What an exported model offers."""

from dataclasses import dataclass
from typing import Literal

from mss_keras.config.fields import option, require, require_positive


@dataclass(frozen=True)
class ServingConfig:
    """What an exported model offers, and to what length."""

    signatures: tuple[
        Literal["serving_default", "separate_wav", "spectrogram", "fixed_length"], ...
    ] = option(
        ("serving_default", "separate_wav", "spectrogram"),
        "Waveforms to stems, WAV bytes to WAV bytes (for REST), magnitudes to masks; fixed_length: "
        "waveforms of one length, which a server may gather into batches",
    )
    max_seconds: float = option(900.0, "Longest song of a request, seconds; responses end at 2 GiB")
    fixed_seconds: float = option(
        6.0, "Length of the waveforms of fixed_length, seconds; below --chunk-dur"
    )

    def __post_init__(self):
        require_positive(self, "max_seconds", "fixed_seconds")
        require(
            len(self.signatures) > 0 and len(set(self.signatures)) == len(self.signatures),
            "signatures",
            found=list(self.signatures),
            wanted="different names, at least one",
        )
