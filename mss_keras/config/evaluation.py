"""What is scored."""

from dataclasses import dataclass
from typing import Literal

from mss_keras.config.fields import option, require, require_choices, require_positive


@dataclass(frozen=True)
class EvaluationConfig:
    """What is scored against a data set's sources.

    Example:
        >>> EvaluationConfig(oracle=("imr",))
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: oracle: found 'imr' (did you mean irm?), ...
    """

    subset: Literal["train", "valid", "test"] = option(
        "test", "Split of the data set to score", section="scores", everyday=True
    )
    tracks: int | None = option(
        None,
        "Number of tracks to score, the first of the split; all if not given",
        section="scores",
    )
    estimates: tuple[str, ...] = option(
        (),
        "Folders of stems to score, as [SUBSET/]TRACK/SOURCE.wav, made by any separators; "
        "NAME=DIR where there are several",
        section="scores",
        everyday=True,
    )
    oracle: tuple[Literal["irm", "ibm", "mwf", "mixture"], ...] = option(
        (),
        "References: ideal ratio mask (irm), ideal binary mask (ibm) and multichannel Wiener "
        "filter (mwf) of the true sources, or the mixture taken for every source (mixture)",
        section="scores",
        everyday=True,
    )
    metrics: tuple[str, ...] = option(
        ("si_sdr", "sd_sdr", "snr"),
        "Metrics besides SDR, ISR, SIR and SAR of BSSEval: si_sdr, sd_sdr, snr, names of losses, "
        "losses, or all",
        section="scores",
        everyday=True,
    )
    examples: int = option(
        3,
        "Number of excerpts of 10 s that the page has to listen to, each of another song; 0 for "
        "none",
        section="scores",
    )
    stems: str | None = option(
        None, "Folder in which the model's stems are kept; not kept if not given", section="scores"
    )
    jobs: int | None = option(
        None,
        "Number of tracks scored at a time; as cores and free memory allow if not given",
        section="scores",
    )

    def __post_init__(self):
        require_choices(self)
        several = not isinstance(self.estimates, str)
        require(several, "estimates", found=self.estimates, wanted="a tuple of folders")
        require_positive(self, "tracks", "jobs")
        require(self.examples >= 0, "examples", found=self.examples, wanted="0 or more")
