"""What losses in dB share: a soft threshold, so that silence does not rule them."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from mss_keras.config import require
from mss_keras.losses.base import SeparationLoss, inner_axes


class ThresholdedLoss(SeparationLoss):
    """A loss in dB whose logarithm may have a floor that goes with the mixture.

    As the formulas are written, the error of a silent source is divided by nothing: at −40 dB of
    leakage its gradient is 40 times that of a sounding source, at −60 dB 400 times, and a network
    learns to be silent. A soft threshold adds τ = 10^(−threshold/10) of the mixture's energy
    (of its mean modulus in LOGL1) to the error inside the logarithm; in SI-SDR times α², as gains
    are free there. The mixture is the sum of the targets over the sources; of magnitudes it is
    the sum of their magnitudes.

    Where a threshold is set, validation does not count what the estimates of silent sources leak.

    Shape: as `SeparationLoss`.

    Args:
        domain: str. See `SeparationLoss`.
        soft_threshold: float or None. The threshold, dB below the mixture. Defaults to `None`,
            the formula as it is written.
        **kwargs: as `SeparationLoss`.

    Raises:
        UserError: if the threshold is not above 0.

    Reference: Wisdom et al., "Unsupervised sound separation using mixture invariant training",
        NeurIPS 2020; "What's all the fuss about free universal sound separation data?",
        ICASSP 2021, for sources that are silent.
    """

    def __init__(self, domain: str, *, soft_threshold: float | None = None, **kwargs: Any):
        super().__init__(domain, **kwargs)
        require(
            soft_threshold is None or soft_threshold > 0,
            "soft_threshold",
            found=soft_threshold,
            wanted="a number of dB above 0, or null for the formula without",
        )
        self.soft_threshold = soft_threshold

    @property
    def hears_silence(self) -> bool:
        """See `SeparationLoss.hears_silence`."""
        return self.soft_threshold is None

    def floor(
        self, y_true: tf.Tensor, measure: Callable[[tf.Tensor, list[int]], tf.Tensor]
    ) -> tf.Tensor | None:
        """What is added to the errors of all sources of an example; None without a threshold.

        Args:
            y_true: targets, `[batch, sources, ...]`.
            measure: of the mixture `[batch, 1, ...]`, over the given axes.
        """
        if self.soft_threshold is None:
            return None
        mixture = tf.reduce_sum(y_true, axis=1, keepdims=True)
        return 10 ** (-self.soft_threshold / 10) * measure(mixture, inner_axes(y_true))

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "soft_threshold": self.soft_threshold}
