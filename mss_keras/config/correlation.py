"""How listeners' ratings are screened and compared with metrics."""

from dataclasses import dataclass
from typing import Literal

from mss_keras.config.fields import option, require, require_choices


@dataclass(frozen=True)
class CorrelationConfig:
    """How listeners' ratings are screened and compared with metrics.

    Example:
        >>> CorrelationConfig(allowed_share=15.0)
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: allowed_share: found 15.0, wanted a share, 0 to 1
    """

    rank_by: Literal["spearman", "pearson", "kendall"] = option(
        "spearman",
        "Correlation with the ratings by which metrics are ranked",
        section="listening",
        everyday=True,
    )
    mixture: bool = option(
        True,
        "Whether the rated mixture takes part in correlations, besides the systems",
        section="listening",
    )
    keep_all: bool = option(
        False, "Keep all listeners: leave none out by the rules below", section="listening"
    )
    reference_below: float | None = option(
        None,
        "A hidden reference rated below this was missed; 90 (MUSHRA) or 4 (MOS) if not given",
        section="listening",
    )
    anchor_above: float | None = option(
        None,
        "An anchor rated above this was missed; 90 (MUSHRA) or 4 (MOS) if not given",
        section="listening",
    )
    allowed_share: float = option(
        0.15,
        "Share of trials in which a listener may miss the hidden reference, and the anchor",
        section="listening",
    )
    confidence: float = option(0.95, "Confidence of intervals, 0 to 1", section="listening")
    resamples: int = option(
        2000, "Number of times that excerpts are drawn anew for intervals", section="listening"
    )
    seed: int = option(42, "Seed of these draws", section="listening")

    def __post_init__(self):
        require_choices(self)
        share, within = self.allowed_share, 0 < self.confidence < 1
        require(0 <= share <= 1, "allowed_share", found=share, wanted="a share, 0 to 1")
        for name in ("reference_below", "anchor_above"):
            border = getattr(self, name)
            right = border is None or 0 <= border <= 100
            require(right, name, found=border, wanted="a rating, 0 to 100")
        wanted = "a number between 0 and 1"
        require(within, "confidence", found=self.confidence, wanted=wanted)
        wanted = "100 or more"
        require(self.resamples >= 100, "resamples", found=self.resamples, wanted=wanted)
        require(self.seed >= 0, "seed", found=self.seed, wanted="0 or more")
