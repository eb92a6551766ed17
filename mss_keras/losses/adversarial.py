"""L2 of magnitudes, and what discriminators make of the estimates; least squares throughout."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import keras
import tensorflow as tf

from mss_keras.losses.base import SeparationLoss, mean_per_example
from mss_keras.losses.network import NetworkLoss
from mss_keras.losses.regression import L2

# Labels of what is real and what is not, smoothed.
REAL, FAKE = 0.9, 0.1

Network = Callable[[tf.Tensor], tf.Tensor]


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class Adversarial(NetworkLoss):
    """L2_freq + γ L_sep, L_sep = mean_k [ (D_k(f(X)_k) − 0.9)² + (D_k(f(X̂)_k) − 0.9)² ].

    D_k scores a source's magnitudes; X̂ is a mixture whose sources are not known. The
    discriminators learn in a step of their own, by `discriminator_terms`: see
    `mss_keras.training.opponents`. Called with a pair alone, as any other loss, only
    the first of the squares is there.

    Args:
        domain: str. Only `"magnitude"`.
        gamma: float. γ. Defaults to `0.01`. L2_freq is of magnitudes that reach
            `nfft / 4`, L_sep of scores about 1.
        network: callable, `[batch, sources, frames, channels, bins]` → scores `[batch,
            sources]`, with an attribute `description` if the loss is to be saved; or such a
            description, a mapping with `filters`, of which training makes the network.
            Defaults to discriminators as `mss_keras.models.discriminator` has them.
        **kwargs: as `SeparationLoss`.

    Raises:
        ValueError: for another domain, a negative weight, or, when called, for want of a
            network.

    Reference: the survey's adversarial loss; Stoller, Ewert, Dixon, "Adversarial
        semi-supervised audio source separation applied to singing voice extraction",
        ICASSP 2018; Mao et al., "Least squares generative adversarial networks", ICCV 2017.
    """

    companion: ClassVar[str | None] = "discriminators"

    def __init__(
        self,
        domain: str = "magnitude",
        *,
        gamma: float = 0.01,
        network: Network | Mapping[str, Any] | None = None,
        **kwargs,
    ):
        super().__init__(domain, network, **kwargs)
        if not gamma >= 0:
            raise ValueError(f"gamma: found {gamma}, wanted 0 or more")
        self.gamma = gamma

    @property
    def weights(self) -> Mapping[str, float]:
        """1 and γ."""
        return {"l2_freq": 1.0, "separator": self.gamma}

    @property
    def unopposed(self) -> SeparationLoss:
        """L2_freq, by which the separator is trained first, and validated."""
        return L2(self.domain, name=self.name, reduction=self.reduction, dtype=self.dtype)

    def summands(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> dict[str, tf.Tensor]:
        """See `SeparationLoss.terms`."""
        return {
            "l2_freq": mean_per_example(tf.square(y_pred - y_true)),
            "separator": self.separator_term(y_pred),
        }

    def separator_term(self, y_pred: tf.Tensor) -> tf.Tensor:
        """Mean over sources of (D_k(Ỹ_k) − 0.9)²; magnitudes as in `call` → `[batch]`.

        Raises:
            ValueError: for want of a network.
        """
        scores = tf.cast(self.ready()(y_pred), y_pred.dtype)
        return tf.reduce_mean(tf.square(scores - REAL), axis=1)

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "gamma": self.gamma}


def discriminator_terms(real: tf.Tensor, fake: tf.Tensor) -> dict[str, tf.Tensor]:
    """The squares of L_k, which is their mean with ¼ each.

    Args:
        real: scores `[2, batch]` of recordings, paired (Y) and unpaired (Ŷ).
        fake: scores `[2, batch]` of estimates, paired (f(X)) and unpaired (f(X̂)).

    Returns:
        `real_paired`, `real_unpaired`, `fake_paired`, `fake_unpaired`: `[batch]` each.
    """
    reals, fakes = tf.unstack(tf.square(real - REAL), 2), tf.unstack(tf.square(fake - FAKE), 2)
    kinds = ("real_paired", "real_unpaired", "fake_paired", "fake_unpaired")
    return dict(zip(kinds, [*reals, *fakes], strict=True))


def discriminator_loss(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """L_k of each example, `[batch]`; arguments as `discriminator_terms`."""
    return 0.25 * tf.add_n(list(discriminator_terms(real, fake).values()))
