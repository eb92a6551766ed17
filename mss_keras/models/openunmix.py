"""OpenUnmix (Stöter et al., JOSS 2019): mixture magnitudes to ratio masks.

Axes: `[batch, frames, channels, bins]` in, `[batch, sources, frames, channels,
bins]` out. Features of a frame are flattened channel-major, as in open-unmix.
"""

from collections.abc import Callable, Sequence
from functools import partial

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from keras.src.saving.serialization_lib import ObjectSharingScope

from mss_keras.models.inference import folded, on_cudnn, recurrent

# open-unmix's batch normalisation; momentum in Keras's sense (torch: 0.1).
_BATCH_NORM = {"epsilon": 1e-5, "momentum": 0.9}
_LSTM_LAYERS = 3


@keras.saving.register_keras_serializable(package="mss_keras")
class Affine(layers.Layer):
    """`scale * x + shift` with a learned scale and shift a frequency bin.

    Args:
        shift_first: bool. Compute `scale * (x + shift)`. Defaults to `False`.
    """

    def __init__(self, shift_first: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.shift_first = shift_first

    def build(self, input_shape):
        """One scale and one shift for each entry of the last axis."""
        bins = (input_shape[-1],)
        self.scale = self.add_weight(name="scale", shape=bins, initializer="ones")
        self.shift = self.add_weight(name="shift", shape=bins, initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`[..., bins]` → `[..., bins]`."""
        scale, shift = tf.convert_to_tensor(self.scale), tf.convert_to_tensor(self.shift)
        return (x + shift) * scale if self.shift_first else x * scale + shift

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "shift_first": self.shift_first}


@keras.saving.register_keras_serializable(package="mss_keras")
class OpenUnmix(layers.Layer):
    """The network of open-unmix, one trunk with a head for each source.

    With one source it is open-unmix's own; with several it is the joint network
    of the survey's experiments. The output is a mask for all bins, to be
    multiplied with the mixture magnitude, though only bins up to `max_bin` are
    read. It is not bounded by 1.

    Args:
        nb_sources: int. Heads. Defaults to `1`.
        nb_channels: int. Audio channels. Defaults to `2`.
        nb_bins: int. Frequency bins of the spectrogram. Defaults to `2049`.
        max_bin: int. Bins that the network reads; `None` for all. Defaults to `1487`
            (16 kHz of 4096-point frames at 44.1 kHz).
        hidden_size: int. Width of the network. Defaults to `512`.
        unidirectional: bool. LSTM layers in one direction. Defaults to `False`.
        dropout: float. Share of units dropped between LSTM layers. Defaults to `0.4`.
        synchronized: bool. Batch statistics over all replicas of a
            `tf.distribute` strategy. Defaults to `False`.

    Reference:
        Stöter, Uhlich, Liutkus, Mitsufuji, "Open-Unmix – A Reference
        Implementation for Music Source Separation", JOSS 4(41), 2019.
    """

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
        synchronized: bool = False,
        **kwargs,
    ):
        # Sub-layers cast for themselves; see input_affine.
        super().__init__(**{"autocast": False, **kwargs})
        self.nb_sources = nb_sources
        self.nb_channels = nb_channels
        self.nb_bins = nb_bins
        self.max_bin = max_bin or nb_bins
        self.hidden_size = hidden_size
        self.unidirectional = unidirectional
        self.dropout = dropout
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

    def _lstm(self, policy) -> layers.Layer:
        if self.unidirectional:
            return layers.LSTM(self.hidden_size, return_sequences=True, dtype=policy)
        half = layers.LSTM(self.hidden_size // 2, return_sequences=True, dtype=policy)
        # While it loads a model, Keras tells layers apart by where they lie in memory, that of
        # layers long gone included, and now and then takes an earlier one for this one's half.
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
    def nb_trunks(self) -> int:
        """How many trunks there are for all sources."""
        return 1

    def set_statistics(self, mean: np.ndarray, std: np.ndarray) -> None:
        """Standardises the input by the data's mean and standard deviation a bin.

        Args:
            mean: `[bins]`, of the mixture magnitudes.
            std: `[bins]`, above 0.
        """
        self.input_affine.shift.assign(-mean[: self.max_bin])
        self.input_affine.scale.assign(1.0 / std[: self.max_bin])

    def call(self, magnitude: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Mixture magnitudes → masks, by the trunk and the heads.

        Args:
            magnitude: float `[batch, frames, channels, bins]`.
            training: whether dropout and batch statistics are used.

        Returns:
            Float32 `[batch, sources, frames, channels, bins]`, 0 or above.
        """
        return self.masker(training)(self.trunk(magnitude, training))

    def trunk(
        self,
        magnitude: tf.Tensor,
        training: bool = False,
        *,
        chosen: Sequence[int] | None = None,
        keep: tf.Tensor | None = None,
        fused: bool = False,
    ) -> tf.Tensor:
        """Mixture magnitudes → what the heads make masks of.

        Args:
            magnitude: as `call`.
            training: as `call`.
            chosen: indices of the sources wanted. Defaults to all.
            keep: int32 `[batch, frames wanted]`, the frames whose masks are wanted; the
                others are only heard. Defaults to all.
            fused: whether to take `inference.recurrent` where that is the faster.
                Defaults to `False`.

        Returns:
            `[batch, trunks, frames, hidden]`, where this network has one trunk.
        """
        batch, frames = tf.shape(magnitude)[0], tf.shape(magnitude)[1]
        folds = self._folds(training)
        x = magnitude[..., : self.max_bin]
        x = x if folds else self.input_affine(x)
        x = tf.reshape(x, [batch, frames, self.nb_channels * self.max_bin])
        if folds:
            layer = (self.encode, self.encode_norm, self.nb_channels)
            x = folded(*layer, before=self.input_affine)(x)
        else:
            x = self.encode_norm(self.encode(x), training=training)
        encoded = tf.tanh(x)

        if fused and folds and not on_cudnn(self.lstms[0]):
            x = recurrent(encoded, self.lstms)
        else:
            x = self.lstms[0](encoded, training=training)
            for dropout, lstm in zip(self.dropouts, self.lstms[1:], strict=True):
                x = lstm(dropout(x, training=training), training=training)

        x = tf.concat([encoded, x], axis=-1)
        if keep is not None:
            x = tf.gather(x, keep, batch_dims=1)
        x = self.merge_norm(self.merge(x), training=training)
        return tf.nn.relu(x)[:, tf.newaxis]

    def masker(
        self, training: bool = False, *, chosen: Sequence[int] | None = None
    ) -> Callable[[tf.Tensor], tf.Tensor]:
        """The heads: what `trunk` gives → masks, as often as wanted.

        Args:
            training: as `call`.
            chosen: as `trunk`.

        Returns:
            A function of `[batch, trunks, frames, hidden]`, which gives what `call` gives.
        """
        pairs = [(self.heads[k], self.head_norms[k]) for k in chosen or range(self.nb_sources)]
        if self._folds(training):
            channels, after = self.nb_channels, self.output_affine
            heads: list[Callable] = [folded(*pair, channels, after=after) for pair in pairs]
        else:
            heads = [partial(self._head, head, norm, training) for head, norm in pairs]

        def masks(hidden: tf.Tensor) -> tf.Tensor:
            shape = [tf.shape(hidden)[0], 1, tf.shape(hidden)[2], self.nb_channels, self.nb_bins]
            each = [tf.reshape(head(hidden[:, 0]), shape) for head in heads]
            if not self._folds(training):
                each = [self.output_affine(tf.cast(mask, tf.float32)) for mask in each]
            return tf.concat([tf.nn.relu(mask) for mask in each], axis=1)

        return masks

    @staticmethod
    def _head(dense, norm, training, x):
        return norm(dense(x), training=training)

    def _folds(self, training) -> bool:
        # Trained, what is affine is one product with folded weights.
        return training is False and self.compute_dtype == "float32"

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
            "synchronized": self.synchronized,
        }
