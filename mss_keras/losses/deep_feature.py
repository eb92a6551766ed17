"""L2 of magnitudes, and the error of the feature maps that a frozen network makes of them."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import keras
import tensorflow as tf

from mss_keras.config import require
from mss_keras.losses.base import mean_per_example
from mss_keras.losses.network import NetworkLoss

Network = Callable[[tf.Tensor], list[tf.Tensor]]


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class DeepFeature(NetworkLoss):
    """L2_freq plus the errors of a frozen network's feature maps and of their Gram matrices.

    L2_freq + δ L_feat + λ L_sty over the feature maps Φ_j. L_feat = Σ_j mean |Φ_j(Ỹ) − Φ_j(Y)|²;
    L_sty = Σ_j Σ_{c,c'} |G_j(Ỹ) − G_j(Y)|² with the Gram matrix G_j = Ψ Ψᵀ / (C_j H_j W_j) of
    Ψ = Φ_j as C_j × H_j W_j. Both are computed for each patch that the network sees and averaged
    over patches and sources. No gradient flows into the targets' features.

    The terms differ in size by orders of magnitude: weigh them by the norms of their
    gradients, which training logs (`log_gradient_norms`), not by their values.

    Shape:
        y_true, y_pred: `[batch, sources, frames, channels, bins]`.
        value: as `SeparationLoss`.

    Args:
        domain: str. Only `"magnitude"`.
        delta: float. δ, weight of the features. Defaults to `1`.
        lambda_: float. λ, weight of the style; `lambda` in the catalogue. Defaults to `1`.
        network: callable, `[batch, sources, frames, channels, bins]` → `[batch, sources,
            patches, height, width, channels]` for each layer, with an attribute
            `description` if the loss is to be saved; or the description alone, a mapping with
            `vggish` (handle or path) and `layers`: training makes the network by it.
            Defaults to TF-Hub's VGGish, all convolutions.
        **kwargs: as `SeparationLoss`.

    Raises:
        UserError: if the domain is another or a weight is negative.
        ValueError: when called, if it has no network that can be called.

    Reference: the survey's deep feature loss; Johnson, Alahi, Fei-Fei, "Perceptual losses
        for real-time style transfer and super-resolution", ECCV 2016.

    Example:
        >>> def network(magnitudes):  # one layer: magnitudes as a patch of height and width
        ...     return [tf.transpose(magnitudes, [0, 1, 3, 2, 4])[..., tf.newaxis]]
        >>> loss = DeepFeature(delta=2.0, lambda_=0.0, network=network)
        >>> y_true = tf.zeros([1, 4, 3, 2, 5])
        >>> float(loss(y_true, y_true + 1.0))  # 1 + 2 · 1
        3.0
    """

    companion: ClassVar[str | None] = "vggish"

    def __init__(
        self,
        domain: str = "magnitude",
        *,
        delta: float = 1.0,
        lambda_: float = 1.0,
        network: Network | Mapping[str, Any] | None = None,
        **kwargs,
    ):
        super().__init__(domain, network, **kwargs)
        for name, value in (("delta", delta), ("lambda", lambda_)):
            require(value >= 0, name, found=value, wanted="0 or more")
        self.delta = delta
        self.lambda_ = lambda_

    @property
    def weights(self) -> Mapping[str, float]:
        """1, δ and λ."""
        return {"l2_freq": 1.0, "feature": self.delta, "style": self.lambda_}

    def summands(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> dict[str, tf.Tensor]:
        """See `SeparationLoss.summands`."""
        network = self.callable_network()
        # Two passes: in a joint one the gradient would go through the targets' half, too.
        true = [tf.stop_gradient(tf.cast(x, y_true.dtype)) for x in network(y_true)]
        pred = [tf.cast(x, y_true.dtype) for x in network(y_pred)]
        return {
            "l2_freq": mean_per_example(tf.square(y_pred - y_true)),
            "feature": tf.add_n([feature(t, p) for t, p in zip(true, pred, strict=True)]),
            "style": tf.add_n([style(t, p) for t, p in zip(true, pred, strict=True)]),
        }

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "delta": self.delta, "lambda_": self.lambda_}


def feature(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """Mean squared difference of two feature maps, `[batch, ...]` → `[batch]`."""
    return mean_per_example(tf.square(y_pred - y_true))


def style(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """Squared difference of Gram matrices, summed over their entries, of each example.

    Args:
        y_true: `[batch, sources, patches, height, width, channels]`.
        y_pred: of the same shape.

    Returns:
        `[batch]`.
    """
    difference = tf.square(gram(y_pred) - gram(y_true))
    return tf.reduce_mean(tf.reduce_sum(difference, axis=[3, 4]), axis=[1, 2])


def gram(features: tf.Tensor) -> tf.Tensor:
    """Ψ Ψᵀ / (C H W), `[batch, sources, patches, channels, channels]`; argument as in `style`."""
    shape = tf.shape(features)
    channels = features.shape[-1]
    flat = tf.reshape(features, tf.concat([shape[:3], [shape[3] * shape[4], channels]], 0))
    size = tf.cast(tf.reduce_prod(shape[3:]), features.dtype)
    return tf.matmul(flat, flat, transpose_a=True) / size
