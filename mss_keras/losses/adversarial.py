"""L2 of magnitudes, and the scores that discriminators give; least squares throughout."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import keras
import tensorflow as tf

from mss_keras.config import require
from mss_keras.losses.base import SeparationLoss, mean_per_source
from mss_keras.losses.network import NetworkLoss
from mss_keras.losses.regression import L2

# Labels of recordings and of estimates, smoothed.
REAL, FAKE = 0.9, 0.1

Network = Callable[[tf.Tensor], tf.Tensor]


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class Adversarial(NetworkLoss):
    """L2_freq plus the squares by which the discriminators' scores of the estimates miss 0.9.

    L2_freq + γ L_sep, L_sep = mean_k [ (D_k(f(X)_k) − 0.9)² + (D_k(f(X̂)_k) − 0.9)² ]. D_k
    scores the magnitudes of source k; X̂ is a mixture whose sources are not known. Called with
    a pair alone, as any other loss, it has only the first of the two squares; training adds
    the second (`separator_term`) and, before it, updates the discriminators by
    `discriminator_terms`.

    Shape:
        y_true, y_pred: `[batch, sources, frames, channels, bins]`.
        value: as `SeparationLoss`.

    Args:
        domain: str. Only `"magnitude"`.
        gamma: float. γ. Defaults to `0.01`: L2_freq is that of magnitudes, which reach a
            quarter of the FFT size, L_sep that of scores about 1.
        network: callable, `[batch, sources, frames, channels, bins]` → scores `[batch,
            sources]`, with an attribute `description` if the loss is to be saved; or the
            description alone, a mapping with `filters`: training makes the network by it.
            Defaults to the discriminators that training makes.
        **kwargs: as `SeparationLoss`.

    Raises:
        UserError: if the domain is another or γ is negative.
        ValueError: when called, if it has no network that can be called.

    Reference: the survey's adversarial loss; Stoller, Ewert, Dixon, "Adversarial
        semi-supervised audio source separation applied to singing voice extraction",
        ICASSP 2018; Mao et al., "Least squares generative adversarial networks", ICCV 2017.

    Example:
        >>> loss = Adversarial(gamma=0.5, network=lambda y: tf.reduce_mean(y, axis=[2, 3, 4]))
        >>> y_true = tf.ones([1, 4, 3, 2, 5])
        >>> f"{loss(y_true, y_true):.3f}"  # 0.5 · (1 − 0.9)²
        '0.005'
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
        require(gamma >= 0, "gamma", found=gamma, wanted="0 or more")
        self.gamma = gamma

    @property
    def weights(self) -> Mapping[str, float]:
        """1 and γ."""
        return {"l2_freq": 1.0, "separator": self.gamma}

    @property
    def pretraining(self) -> SeparationLoss:
        """L2_freq, by which the separator is pretrained and validated."""
        return L2(self.domain, name=self.name, reduction=self.reduction, dtype=self.dtype)

    def summands(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> dict[str, tf.Tensor]:
        """See `SeparationLoss.summands`."""
        return {
            "l2_freq": tf.reduce_mean(mean_per_source(tf.square(y_pred - y_true)), axis=1),
            "separator": self.separator_term(y_pred),
        }

    def separator_term(self, y_pred: tf.Tensor) -> tf.Tensor:
        """Mean over sources of (D_k(Ỹ_k) − 0.9)², of magnitudes as in `call`: `[batch]`.

        Raises:
            ValueError: if the loss has no network that can be called.
        """
        scores = tf.cast(self.callable_network()(y_pred), y_pred.dtype)
        return tf.reduce_mean(tf.square(scores - REAL), axis=1)

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "gamma": self.gamma}


def discriminator_terms(real: tf.Tensor, fake: tf.Tensor) -> dict[str, tf.Tensor]:
    """The four squares whose mean is the loss L_k of discriminator k.

    L_k = ¼(D_k(Ŷ_k) − 0.9)² + ¼(D_k(Y_k) − 0.9)² + ¼(D_k(f(X̂)_k) − 0.1)² + ¼(D_k(f(X)_k) − 0.1)²

    Args:
        real: scores `[2, batch]` of recordings, paired (Y) and unpaired (Ŷ).
        fake: scores `[2, batch]` of estimates, paired (f(X)) and unpaired (f(X̂)).

    Returns:
        The squares of `real_paired`, `real_unpaired`, `fake_paired` and `fake_unpaired`,
        `[batch]` each.

    Example:
        >>> terms = discriminator_terms(tf.ones([2, 1]), tf.zeros([2, 1]))
        >>> [f"{name} {float(value[0]):.2f}" for name, value in terms.items()][::3]
        ['real_paired 0.01', 'fake_unpaired 0.01']
    """
    reals, fakes = tf.unstack(tf.square(real - REAL), 2), tf.unstack(tf.square(fake - FAKE), 2)
    kinds = ("real_paired", "real_unpaired", "fake_paired", "fake_unpaired")
    return dict(zip(kinds, [*reals, *fakes], strict=True))


def discriminator_loss(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """L_k of each example, `[batch]`; arguments as in `discriminator_terms`."""
    return 0.25 * tf.add_n(list(discriminator_terms(real, fake).values()))
