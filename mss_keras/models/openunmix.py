"""OpenUnmix (Stöter et al., JOSS 2019): mixture magnitudes to masks.

Axes: `[batch, frames, channels, bins]` in, `[batch, sources, frames, channels, bins]` out. The
features of a frame are flattened channel-major, as in open-unmix.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from keras.src.backend.common.variables import AutocastScope
from keras.src.saving.serialization_lib import ObjectSharingScope

from mss_keras.config import AudioConfig, ModelConfig
from mss_keras.models.activations import Activation
from mss_keras.models.affine import Affine
from mss_keras.models.products import BatchMoments, folded, normalised, tiled
from mss_keras.models.recurrent import recurrent, takes

# open-unmix's batch normalisation; momentum in Keras's sense (torch: 0.1).
_BATCH_NORM = {"epsilon": 1e-5, "momentum": 0.9}
_LSTM_LAYERS = 3

# Fields of `ModelConfig` that an OpenUnmix takes.
SETTINGS = ("hidden_size", "bandwidth", "unidirectional", "dropout", "mask_activation")


def sizes(audio: AudioConfig, model: ModelConfig) -> dict[str, Any]:
    """Arguments of `OpenUnmix` by a specification.

    Example:
        >>> sizes(AudioConfig(), ModelConfig())["max_bin"]
        1487
    """
    max_bin = int(np.floor(model.bandwidth * audio.nfft / audio.sample_rate)) + 1
    return {
        "nb_channels": audio.nb_channels,
        "nb_bins": audio.bins,
        "max_bin": min(max_bin, audio.bins),
        "hidden_size": model.hidden_size,
        "unidirectional": model.unidirectional,
        "dropout": model.dropout,
        "mask_activation": model.mask_activation or "relu",
    }


@keras.saving.register_keras_serializable(package="mss_keras")
class OpenUnmix(layers.Layer):
    """The network of open-unmix: one trunk with a head for each source.

    With one source it is open-unmix's own; with several it is the joint network of the
    survey's experiments. It reads the bins up to `max_bin` and gives a mask, 0 or above and with
    `relu` not bounded by 1, for all bins. See `mss_keras.models.network.MaskNetwork` for its
    methods.

    Args:
        nb_sources: int. Number of heads. Defaults to `1`.
        nb_channels: int. Audio channels. Defaults to `2`.
        nb_bins: int. Frequency bins of the spectrogram. Defaults to `2049`.
        max_bin: int. Number of bins that the network reads; `None` for all. Defaults to `1487`
            (16 kHz of 4096-point frames at 44.1 kHz).
        hidden_size: int. Width of the network, units. Defaults to `512`.
        unidirectional: bool. LSTM layers in one direction. Defaults to `False`.
        dropout: float. Share of units dropped between LSTM layers. Defaults to `0.4`.
        mask_activation: str. What makes masks of the heads' values, a key of
            `mss_keras.models.activations.ACTIVATIONS`.
            Defaults to `"relu"`.
        synchronized: bool. Batch statistics over all replicas of a
            `tf.distribute` strategy. Defaults to `False`.
        **kwargs: as `keras.layers.Layer`.

    Reference:
        Stöter, Uhlich, Liutkus, Mitsufuji, "Open-Unmix – A Reference
        Implementation for Music Source Separation", JOSS 4(41), 2019.

    Example:
        >>> network = OpenUnmix(4, nb_bins=65, max_bin=40, hidden_size=8)
        >>> network(tf.ones([1, 10, 2, 65])).shape.as_list()
        [1, 4, 10, 2, 65]
    """

    settings = SETTINGS

    def __init__(
        self,
        nb_sources: int = 1,
        *,
        nb_channels: int = 2,
        nb_bins: int = 2049,
        max_bin: int | None = 1487,
        hidden_size: int = 512,
        unidirectional: bool = False,
        dropout: float = 0.4,
        mask_activation: str = "relu",
        synchronized: bool = False,
        **kwargs,
    ):
        # Sub-layers cast for themselves: magnitudes reach input_affine in float32.
        super().__init__(**{"autocast": False, **kwargs})
        self.nb_sources = nb_sources
        self.nb_channels = nb_channels
        self.nb_bins = nb_bins
        self.max_bin = max_bin or nb_bins
        self.hidden_size = hidden_size
        self.unidirectional = unidirectional
        self.dropout = dropout
        self.mask_activation = mask_activation
        self.synchronized = synchronized

        policy = self.dtype_policy
        norm = {**_BATCH_NORM, "synchronized": synchronized, "dtype": policy}
        # The bins are standardised in float32: magnitudes overflow half precision.
        self.input_affine = Affine(shift_first=True, dtype="float32", autocast=False)
        self.encode = layers.Dense(hidden_size, use_bias=False, dtype=policy)
        self.encode_norm = layers.BatchNormalization(**norm)
        self.lstms = [self._lstm(policy) for _ in range(_LSTM_LAYERS)]
        self.dropouts = [layers.Dropout(dropout, dtype=policy) for _ in range(_LSTM_LAYERS - 1)]
        self.merge = layers.Dense(hidden_size, use_bias=False, dtype=policy)
        self.merge_norm = layers.BatchNormalization(**norm)
        features = nb_channels * nb_bins
        self.heads = [
            layers.Dense(features, use_bias=False, dtype=policy) for _ in range(nb_sources)
        ]
        self.head_norms = [layers.BatchNormalization(**norm) for _ in range(nb_sources)]
        self.output_affine = Affine(dtype="float32", autocast=False)

    @classmethod
    def from_specification(
        cls,
        nb_sources: int,
        audio: AudioConfig,
        model: ModelConfig,
        *,
        synchronized: bool = False,
        policy: str = "float32",
    ) -> "OpenUnmix":
        """See `mss_keras.models.network.MaskNetwork.from_specification`."""
        return cls(nb_sources, **sizes(audio, model), synchronized=synchronized, dtype=policy)

    def _lstm(self, policy) -> layers.Layer:
        if self.unidirectional:
            return layers.LSTM(self.hidden_size, return_sequences=True, dtype=policy)
        half = layers.LSTM(self.hidden_size // 2, return_sequences=True, dtype=policy)
        # While Keras loads a model, it tells layers apart by their addresses in memory, and
        # confuses this layer's half now and then with a layer that is gone.
        with ObjectSharingScope():
            return layers.Bidirectional(half, dtype=policy)

    def build(self, input_shape):
        """Builds every layer for `[batch, frames, channels, bins]`.

        Raises:
            ValueError: if channels or bins are not those of the constructor.
        """
        if len(input_shape) != 4 or tuple(input_shape[2:]) != (self.nb_channels, self.nb_bins):
            raise ValueError(
                f"magnitude: found shape {tuple(input_shape)}, wanted [batch, frames, "
                f"channels={self.nb_channels}, bins={self.nb_bins}]"
            )
        batch, frames = input_shape[:2]
        hidden = (batch, frames, self.hidden_size)
        self.input_affine.build((*input_shape[:3], self.max_bin))
        self.encode.build((batch, frames, self.nb_channels * self.max_bin))
        self.encode_norm.build(hidden)
        for layer in (*self.lstms, *self.dropouts):
            layer.build(hidden)
        self.merge.build((batch, frames, 2 * self.hidden_size))
        self.merge_norm.build(hidden)
        for head, norm in zip(self.heads, self.head_norms, strict=True):
            head.build(hidden)
            norm.build((batch, frames, self.nb_channels * self.nb_bins))
        self.output_affine.build((batch, self.nb_sources, *input_shape[1:]))

    @property
    def heard_bins(self) -> int:
        """Number of bins that the trunk reads."""
        return self.max_bin

    def trunks(self, chosen: Sequence[int]) -> int:
        """1: all sources share a trunk."""
        return 1

    def set_statistics(self, mean: np.ndarray, std: np.ndarray) -> None:
        """See `mss_keras.models.network.MaskNetwork.set_statistics`."""
        self.input_affine.shift.assign(-mean[: self.max_bin])
        self.input_affine.scale.assign(1.0 / std[: self.max_bin])

    def call(
        self, magnitude: tf.Tensor, training: bool = False, *, logits: bool = False
    ) -> tf.Tensor:
        """Mixture magnitudes → masks, by the trunk and the heads.

        Args:
            magnitude: float `[batch, frames, channels, bins]`.
            training: whether dropout and batch statistics are used. Defaults to `False`.
            logits: whether what masks are made of is wanted in their place. Defaults to `False`.

        Returns:
            Float32 `[batch, sources, frames, channels, bins]`, 0 or above.
        """
        with AutocastScope(None):  # Keras's would give weights to products in half precision
            return self.masker(training, logits=logits)(self.trunk(magnitude, training))

    def finished(self, logits: tf.Tensor) -> tf.Tensor:
        """See `mss_keras.models.network.MaskNetwork.finished`."""
        return Activation(self.mask_activation)(logits)

    def trunk(
        self,
        magnitude: tf.Tensor,
        training: bool = False,
        *,
        chosen: Sequence[int] | None = None,
        keep: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """See `mss_keras.models.network.MaskNetwork.trunk`.

        Returns:
            `[batch, 1, frames, hidden]`.
        """
        encoded = tf.tanh(self._encoded(magnitude, training))
        dropouts = [partial(dropout, training=training) for dropout in self.dropouts]
        if takes(self.lstms[0]):
            x = recurrent(encoded, self.lstms, dropouts)
        else:
            x = self.lstms[0](encoded, training=training)
            for dropout, lstm in zip(dropouts, self.lstms[1:], strict=True):
                x = lstm(dropout(x), training=training)

        x = tf.concat([encoded, x], axis=-1)
        if keep is not None:
            x = tf.gather(x, keep, batch_dims=1)
        x = self.merge_norm(self.merge(x), training=training)
        return tf.nn.relu(x)[:, tf.newaxis]

    def _encoded(self, magnitude: tf.Tensor, training: bool) -> tf.Tensor:
        # [batch, frames, channels, bins] -> [batch, frames, hidden]
        shape = [tf.shape(magnitude)[0], tf.shape(magnitude)[1], self.nb_channels * self.max_bin]
        x = magnitude[..., : self.max_bin]
        if self.compute_dtype != "float32" or not self._folds(training):
            x = tf.reshape(self.input_affine(x), shape)
            return self.encode_norm(self.encode(x), training=training)
        x = tf.reshape(x, shape)
        layer = (self.encode, None if training else self.encode_norm, self.nb_channels)
        x = folded(*layer, before=self.input_affine)(x)
        return self.encode_norm(x, training=True) if training else x

    def masker(
        self,
        training: bool = False,
        *,
        chosen: Sequence[int] | None = None,
        logits: bool = False,
    ) -> Callable[[tf.Tensor], tf.Tensor]:
        """See `mss_keras.models.network.MaskNetwork.masker`; the heads."""
        masks_of = Activation(self.mask_activation, chosen, off=logits)
        wanted = masks_of.needed(self.nb_sources)
        pairs = [(self.heads[k], self.head_norms[k]) for k in wanted]
        trained = None if training else self._heads(pairs)

        def masks(hidden: tf.Tensor) -> tf.Tensor:
            hidden = hidden[:, 0]
            heads = trained or self._heads(pairs, batch=hidden)
            shape = [tf.shape(hidden)[0], 1, tf.shape(hidden)[1], self.nb_channels, self.nb_bins]
            return masks_of(tf.concat([tf.reshape(head(hidden), shape) for head in heads], 1))

        return masks

    def _heads(self, pairs, batch: tf.Tensor | None = None) -> list[Callable]:
        # `[batch, frames, hidden]` → float32 `[batch, frames, ...]`, before the activation.
        training = batch is not None
        if not self._folds(training):
            return [self._unfolded(*pair, training=training) for pair in pairs]
        options: list[dict[str, Any]] = [
            {"after": use, "dtype": self.compute_dtype}
            for use in tiled(self.output_affine, self.nb_channels, len(pairs))
        ]
        if batch is None:
            return [folded(*pair, **given) for pair, given in zip(pairs, options, strict=True)]
        if not BatchMoments.pays(batch):
            return [normalised(*pair, **given) for pair, given in zip(pairs, options, strict=True)]
        moments = BatchMoments(batch)
        return [
            folded(*pair, **given, moments=moments.gathered(*pair))
            for pair, given in zip(pairs, options, strict=True)
        ]

    def _unfolded(self, dense, norm, *, training: bool) -> Callable[[tf.Tensor], tf.Tensor]:
        def head(hidden: tf.Tensor) -> tf.Tensor:
            mask = tf.cast(norm(dense(hidden), training=training), tf.float32)
            frames = [tf.shape(hidden)[0], tf.shape(hidden)[1]]
            return self.output_affine(tf.reshape(mask, [*frames, self.nb_channels, self.nb_bins]))

        return head

    def _folds(self, training: bool) -> bool:
        # Whether affine layers in a row are one product with folded weights; in training on
        # CPUs alone: products of GPUs are too coarse for variances, and know no other replica.
        alone = not self.synchronized and not tf.config.list_logical_devices("GPU")
        return not training or alone

    def get_config(self):
        """Arguments of the constructor."""
        return {
            **super().get_config(),
            "nb_sources": self.nb_sources,
            "nb_channels": self.nb_channels,
            "nb_bins": self.nb_bins,
            "max_bin": self.max_bin,
            "hidden_size": self.hidden_size,
            "unidirectional": self.unidirectional,
            "dropout": self.dropout,
            "mask_activation": self.mask_activation,
            "synchronized": self.synchronized,
        }
