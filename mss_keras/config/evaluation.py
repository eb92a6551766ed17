"""What is scored."""

from dataclasses import dataclass
from typing import Literal

from mss_keras.config.fields import option, require


@dataclass(frozen=True)
class EvaluationConfig:
    """What is scored against a data set's sources."""

    subset: Literal["train", "valid", "test"] = option("test", "Split of the data set to score")
    tracks: int | None = option(None, "Score the first so many tracks alone; all if not given")
    estimates: str | None = option(
        None, "Folder of stems to score, as [SUBSET/]TRACK/SOURCE.wav, made by anyone"
    )
    oracle: tuple[Literal["irm", "ibm", "mwf", "mixture"], ...] = option(
        (),
        "References: ideal ratio mask, ideal binary mask, multichannel Wiener filter of the true "
        "sources; the mixture as every estimate",
    )
    metrics: tuple[str, ...] = option(
        ("si_sdr", "sd_sdr", "snr"),
        "What is read besides BSSEval's SDR, ISR, SIR, SAR: these, names of losses, losses, or all",
    )
    stems: str | None = option(None, "Folder to keep a model's stems in; not kept if not given")
    jobs: int | None = option(
        None, "Tracks scored at a time; as cores and free memory allow if not given"
    )

    def __post_init__(self):
        for field in ("tracks", "jobs"):
            value = getattr(self, field)
            require(value is None or value > 0, field, found=value, wanted="a number above 0")
