"""Spleeter (Hennequin et al., JOSS 2020): a network for each source, and masks that share out.

Axes: `[batch, frames, channels, bins]` in, `[batch, sources, frames, channels, bins]` out.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from mss_keras.config import AudioConfig, ModelConfig, UserError, require, require_known
from mss_keras.models.activations import softmax
from mss_keras.models.openunmix import sizes
from mss_keras.models.plain import PlainNetwork, made
from mss_keras.models.unet import ACTIVATIONS, BLSTM, UNet
from mss_keras.signal.epsilon import EPSILON

# Spleeter's types of networks, and its ways to fill the bins that it does not read.
TYPES = ("unet", "softmax_unet", "blstm")
EXTENSIONS = ("zeros", "average")

# Of a U-Net.
DEFAULTS: dict[str, Any] = {
    "type": "unet",
    "conv_n_filters": [16, 32, 64, 128, 256, 512],
    "conv_activation": "leaky_relu",
    "deconv_activation": "relu",
}


@keras.saving.register_keras_serializable(package="mss_keras")
class Spleeter(PlainNetwork):
    """The networks of Spleeter, side by side.

    A U-Net for each source makes an estimate Ỹ = M̃ · |X| of its magnitudes in the bins that are
    read, with M̃ by a sigmoid, or by a softmax over the sources; the BLSTM estimates Ỹ itself. The
    masks share each bin out among the sources,

    M_k = (Ỹ_k^p + ε/K) / (Σ_j Ỹ_j^p + ε)

    with p = `separation_exponent`, ε = 1e-10 and K sources. Spleeter trains by Ỹ and separates by
    M; here losses see M, too, for M makes the stems. So a loss that does not hear the volume of an
    estimate cannot spoil the sharing.

    Args:
        nb_sources: int. Number of sources, 2 or more.
        nb_channels: int. Audio channels. Defaults to `2`.
        nb_bins: int. Frequency bins of the spectrogram. Defaults to `2049`.
        max_bin: int. Number of bins that the network reads. Defaults to `1024`.
        type: str. `"unet"` with sigmoid masks, `"softmax_unet"` or `"blstm"`. Defaults to `"unet"`.
        conv_n_filters: sequence of int. Filters of a U-Net's six convolutions. Defaults to
            Spleeter's, 16 to 512.
        conv_activation: str. Activation of a U-Net's way down, `"leaky_relu"`, `"relu"` or `"elu"`.
            Defaults to `"leaky_relu"`.
        deconv_activation: str. Activation of its way up. Defaults to `"relu"`.
        lstm_units: int. Units of each direction of the BLSTM. Defaults to `250`.
        separation_exponent: float. p. Defaults to `2`.
        mask_extension: str. Masks of bins above those that are read: `"zeros"`, or `"average"` of
            the bins that are. Defaults to `"zeros"`.
        mask_activation: str. Of what kind the values are for losses of logits. Masks are the same
            whichever it is. Defaults to `"relu"`.
        synchronized: bool. Whether batch statistics are taken over all replicas. Defaults to
            `False`.
        **kwargs: as `keras.layers.Layer`.

    Reference:
        Hennequin, Khlif, Voituret, Moussallam, "Spleeter: a fast and efficient music source
        separation tool with pre-trained models", JOSS 5(50), 2020.

    Example:
        >>> network = Spleeter(2, nb_bins=65, max_bin=40, conv_n_filters=[2] * 6)
        >>> network(tf.ones([1, 10, 2, 65])).shape.as_list()
        [1, 2, 10, 2, 65]
    """

    settings = ("bandwidth", "mask_activation", "network_args")

    def __init__(
        self,
        nb_sources: int,
        *,
        nb_channels: int = 2,
        nb_bins: int = 2049,
        max_bin: int = 1024,
        type: str = "unet",
        conv_n_filters: Sequence[int] | None = None,
        conv_activation: str | None = None,
        deconv_activation: str | None = None,
        lstm_units: int | None = None,
        separation_exponent: float = 2.0,
        mask_extension: str = "zeros",
        mask_activation: str = "relu",
        synchronized: bool = False,
        **kwargs,
    ):
        _check(type, unet=(conv_n_filters, conv_activation, deconv_activation), lstm=lstm_units)
        for name in filter(None, (conv_activation, deconv_activation)):
            require_known([name], "network_args", ACTIVATIONS)
        require_known([mask_extension], "network_args.mask_extension", EXTENSIONS)
        found, wanted = separation_exponent, "a number above 0"
        require(found > 0, "network_args.separation_exponent", found=found, wanted=wanted)
        wanted = "2 sources or more, among which a mixture is shared out"
        require(nb_sources > 1, "sources", found=nb_sources, wanted=wanted)
        super().__init__(
            nb_sources,
            nb_channels=nb_channels,
            nb_bins=nb_bins,
            value_bins=max_bin,
            mask_activation=mask_activation,
            **kwargs,
        )
        self.type = type
        self.separation_exponent = separation_exponent
        self.mask_extension = mask_extension
        self.arguments = {
            "conv_n_filters": conv_n_filters,
            "conv_activation": conv_activation,
            "deconv_activation": deconv_activation,
            "lstm_units": lstm_units,
            "synchronized": synchronized,
        }
        common = {"nb_channels": nb_channels, "dtype": self.dtype_policy}
        if type == "blstm":
            units = 250 if lstm_units is None else lstm_units
            self.bodies = [BLSTM(units, nb_bins=max_bin, **common) for _ in range(nb_sources)]
        else:
            filters = conv_n_filters or DEFAULTS["conv_n_filters"]
            common["down"] = conv_activation or DEFAULTS["conv_activation"]
            common["up"] = deconv_activation or DEFAULTS["deconv_activation"]
            common |= {"synchronized": synchronized}
            self.bodies = [UNet(filters, **common) for _ in range(nb_sources)]

    @classmethod
    def from_specification(
        cls,
        nb_sources: int,
        audio: AudioConfig,
        model: ModelConfig,
        *,
        synchronized: bool = False,
        policy: str = "float32",
    ) -> "Spleeter":
        """See `mss_keras.models.network.MaskNetwork.from_specification`."""
        wanted = {"nb_channels", "nb_bins", "max_bin", "mask_activation"}
        own = {name: size for name, size in sizes(audio, model).items() if name in wanted}
        own |= {"nb_sources": nb_sources, "synchronized": synchronized, "dtype": policy}
        return made(cls, own, model.network_args)

    @property
    def heard_bins(self) -> int:
        """Number of bins that the bodies read."""
        return self.value_bins

    def build(self, input_shape):
        """Builds the networks."""
        for body in self.bodies:
            body.build((None, None, self.value_bins, self.nb_channels))

    def estimates(self, magnitude: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Estimated magnitudes Ỹ, of which masks are made.

        Args:
            magnitude: float `[batch, frames, channels, bins]`.
            training: whether dropout and batch statistics are used. Defaults to `False`.

        Returns:
            Float32 `[batch, sources, frames, channels, max_bin]`.
        """
        heard = tf.cast(magnitude[..., : self.value_bins], tf.float32)
        turned = tf.transpose(heard, [0, 1, 3, 2])  # [batch, frames, bins, channels]
        found = tf.stack([body(turned, training=training) for body in self.bodies], axis=1)
        found = tf.transpose(found, [0, 1, 2, 4, 3])
        if self.type == "blstm":
            return found
        masks = softmax(found) if self.type == "softmax_unet" else tf.sigmoid(found)
        return masks * heard[:, tf.newaxis]

    def values(self, magnitude: tf.Tensor, training: bool = False) -> tf.Tensor:
        """See `PlainNetwork.values`: the masks, or logits whose softmax or sigmoid they are."""
        powers = self.estimates(magnitude, training) ** self.separation_exponent
        powers += EPSILON / self.nb_sources
        if self.mask_activation == "softmax":
            return tf.math.log(powers)
        if self.mask_activation == "sigmoid":
            others = 1.0 - tf.eye(self.nb_sources)
            rest = tf.einsum("ij,bj...->bi...", others, powers)
            return tf.math.log(powers) - tf.math.log(rest)
        return powers / tf.reduce_sum(powers, axis=1, keepdims=True)

    def widened(self, masks: tf.Tensor) -> tf.Tensor:
        """See `PlainNetwork.widened`; with "average" the mean mask of a frame passes."""
        above = self.nb_bins - self.value_bins
        if self.mask_extension == "zeros" or not above:
            return super().widened(masks)
        mean = tf.reduce_mean(masks, axis=-1, keepdims=True)
        return tf.concat([masks, tf.repeat(mean, above, axis=-1)], axis=-1)

    def get_config(self):
        """Arguments of the constructor."""
        return {
            **super().get_config(),
            "max_bin": self.value_bins,
            "type": self.type,
            "separation_exponent": self.separation_exponent,
            "mask_extension": self.mask_extension,
            **self.arguments,
        }


def _check(type: str, *, unet: tuple, lstm: int | None) -> None:
    require_known([type], "network_args.type", TYPES)
    if type == "blstm" and any(x is not None for x in unet):
        raise UserError("network_args", "conv_* for a blstm", "them for a U-Net")
    if type != "blstm" and lstm is not None:
        raise UserError("network_args", f"lstm_units for a {type}", "them for a blstm")
    filters = unet[0]
    right = filters is None or (len(filters) == 6 and all(isinstance(n, int) for n in filters))
    require(right, "network_args.conv_n_filters", found=filters, wanted="six whole numbers")
