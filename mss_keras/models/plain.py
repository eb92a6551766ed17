"""Networks of one piece: their trunk is the whole network, and their masker next to nothing.

Axes: `[batch, frames, channels, bins]` in, `[batch, sources, frames, channels, bins]` out. Values
are what an activation makes masks of.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from mss_keras.config import AudioConfig, ModelConfig, UserError, require
from mss_keras.models.activations import Activation
from mss_keras.models.trying import Trial, telling

# Frames of the magnitudes by which a layer of somebody else's is built and tried.
_TRIED = 8


class PlainNetwork(layers.Layer):
    """A `mss_keras.models.network.MaskNetwork` of one piece; subclasses have `values`.

    Args:
        nb_sources: int. Number of sources.
        nb_channels: int. Audio channels.
        nb_bins: int. Frequency bins of the spectrogram.
        value_bins: int. Bins for which there are values. Defaults to all.
        mask_activation: str. What makes masks of the values, a key of
            `mss_keras.models.activations.ACTIVATIONS`. Defaults to `"relu"`.
        **kwargs: as `keras.layers.Layer`.
    """

    takes_statistics = False

    def __init__(
        self,
        nb_sources: int,
        *,
        nb_channels: int = 2,
        nb_bins: int = 2049,
        value_bins: int | None = None,
        mask_activation: str = "relu",
        **kwargs,
    ):
        super().__init__(**{"autocast": False, **kwargs})
        self.nb_sources = nb_sources
        self.nb_channels = nb_channels
        self.nb_bins = nb_bins
        self.value_bins = value_bins or nb_bins
        self.mask_activation = mask_activation

    def values(self, magnitude: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Mixture magnitudes → what the activation makes masks of.

        Args:
            magnitude: float `[batch, frames, channels, bins]`.
            training: whether dropout and batch statistics are used. Defaults to `False`.

        Returns:
            Float32 `[batch, sources, frames, channels, value_bins]`.
        """
        raise NotImplementedError

    def widened(self, masks: tf.Tensor) -> tf.Tensor:
        """Masks of the bins that have values → masks of all bins; above them nothing passes."""
        above = self.nb_bins - self.value_bins
        return tf.pad(masks, [[0, 0]] * 4 + [[0, above]]) if above else masks

    @property
    def hidden_size(self) -> int:
        """Number of values of a source and a frame."""
        return self.nb_channels * self.value_bins

    def trunks(self, chosen: Sequence[int]) -> int:
        """The number of sources whose values are needed."""
        return len(Activation(self.mask_activation, chosen).needed(self.nb_sources))

    def set_statistics(self, mean: np.ndarray, std: np.ndarray) -> None:
        """Does nothing: this network hears magnitudes as they are."""

    def call(
        self, magnitude: tf.Tensor, training: bool = False, *, logits: bool = False
    ) -> tf.Tensor:
        """Mixture magnitudes → masks, or with `logits` the values, 0 in bins that have none."""
        values = self.values(magnitude, training)
        if logits:
            return PlainNetwork.widened(self, values)
        return self.widened(Activation(self.mask_activation)(values))

    def finished(self, logits: tf.Tensor) -> tf.Tensor:
        """See `mss_keras.models.network.MaskNetwork.finished`."""
        return self.widened(Activation(self.mask_activation)(logits[..., : self.value_bins]))

    def trunk(
        self,
        magnitude: tf.Tensor,
        training: bool = False,
        *,
        chosen: Sequence[int] | None = None,
        keep: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """See `mss_keras.models.network.MaskNetwork.trunk`: the values, flat."""
        values = self.values(magnitude, training)
        wanted = Activation(self.mask_activation, chosen).needed(self.nb_sources)
        if len(wanted) < self.nb_sources or list(wanted) != sorted(wanted):
            values = tf.gather(values, wanted, axis=1)
        if keep is not None:
            values = tf.gather(values, keep, axis=2, batch_dims=1)
        shape = tf.shape(values)
        return tf.reshape(values, [shape[0], len(wanted), shape[2], self.hidden_size])

    def masker(
        self, training: bool = False, *, chosen: Sequence[int] | None = None
    ) -> Callable[[tf.Tensor], tf.Tensor]:
        """See `mss_keras.models.network.MaskNetwork.masker`."""
        masks_of = Activation(self.mask_activation, chosen)

        def masks(hidden: tf.Tensor) -> tf.Tensor:
            shape = [*tf.unstack(tf.shape(hidden)[:3]), self.nb_channels, self.value_bins]
            return self.widened(masks_of(tf.reshape(hidden, shape)))

        return masks

    def get_config(self):
        """Arguments of the constructor."""
        return {
            **super().get_config(),
            "nb_sources": self.nb_sources,
            "nb_channels": self.nb_channels,
            "nb_bins": self.nb_bins,
            "mask_activation": self.mask_activation,
        }


class LayerNetwork(PlainNetwork):
    """A network around any Keras layer from magnitudes to masks.

    Args:
        layer: keras.layers.Layer. From float32 `[batch, frames, channels, bins]` to `[batch,
            sources, frames, channels, bins]`: masks, 0 or above, or where the activation is
            a softmax or a sigmoid their logits. It may take `training`, and may have
            `set_statistics(mean, std)`, both `[bins]`.
        *args: as `PlainNetwork`.
        **kwargs: as `PlainNetwork`.
    """

    def __init__(self, layer: layers.Layer, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.layer = layer

    @classmethod
    def around(
        cls, kind: type, nb_sources: int, /, *, audio: AudioConfig, model: ModelConfig, policy: str
    ) -> "LayerNetwork":
        """The network of a specification around a layer of a class.

        Args:
            kind: the class, whose constructor takes `nb_sources`, `nb_channels`, `nb_bins`,
                `dtype` and the keys of `model.network_args`.
            nb_sources: number of sources.
            audio: channels and STFT.
            model: the arguments.
            policy: Keras's dtype policy, of the layer, too.

        Raises:
            UserError: if it does not take the arguments.
        """
        sizes = {"nb_sources": nb_sources, "nb_channels": audio.nb_channels, "nb_bins": audio.bins}
        layer = made_of_layers(kind, sizes, model.network_args, policy=policy)
        return cls(layer, **sizes, mask_activation=model.mask_activation or "relu", dtype=policy)

    def build(self, input_shape):
        """Builds the layer, by magnitudes of 0 that it has to take and give back as masks.

        Raises:
            UserError: as `mss_keras.models.trying.Trial`, of which it is an example.
        """
        trial = Trial(self, self.layer, self._given)
        shape = [1, self.nb_sources, _TRIED, self.nb_channels, self.nb_bins]
        axes = "[batch, sources, frames, channels, bins]"
        silence = tf.zeros([1, _TRIED, self.nb_channels, self.nb_bins])
        trial.examples(silence, shape, name="silence", wanted=f"masks {shape}, {axes}")
        trial.sizes([None, None, self.nb_channels, self.nb_bins], wanted=f"masks {axes}")

    def values(self, magnitude: tf.Tensor, training: bool = False) -> tf.Tensor:
        """See `PlainNetwork.values`."""
        return tf.cast(self._given(magnitude, training), tf.float32)

    def _given(self, magnitude: tf.Tensor, training: bool) -> Any:
        takes = inspect.signature(self.layer.call).parameters
        more = {"training": training} if "training" in takes else {}
        return self.layer(magnitude, **more)

    def set_statistics(self, mean: np.ndarray, std: np.ndarray) -> None:
        """Hands the statistics to the layer, if it takes any."""
        if hasattr(self.layer, "set_statistics"):
            with telling(self.layer, "`set_statistics` that takes mean and std, `[bins]` each"):
                self.layer.set_statistics(mean, std)


def made_of_layers(
    kind: Callable[..., Any],
    sizes: Mapping[str, Any],
    arguments: Mapping[str, Any],
    *,
    policy: str,
) -> Any:
    """`made` of a class of layers, in whose constructor layers have a policy if they ask for none.

    Args:
        kind: the class.
        sizes: as in `made`, but for `dtype`.
        arguments: as in `made`.
        policy: Keras's dtype policy.

    Raises:
        UserError: as `made`.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return made(kind, {**sizes, "dtype": policy}, arguments)
    finally:
        keras.config.set_dtype_policy(before)


def made(kind: Callable[..., Any], sizes: Mapping[str, Any], arguments: Mapping[str, Any]) -> Any:
    """What a class makes of sizes and of arguments that a user gave.

    Args:
        kind: the class.
        sizes: arguments that the user did not give.
        arguments: those that the user gave.

    Raises:
        UserError: if the class does not take them, or raises anything else.
    """
    for name in arguments:
        require(name not in sizes, f"network_args.{name}", found=arguments[name], wanted="none")
    with telling(kind, "a constructor that raises nothing"):
        try:
            return kind(**sizes, **arguments)
        except UserError:
            raise
        except (TypeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            name = getattr(kind, "__name__", str(kind))
            wanted = "arguments that it takes"
            raise UserError("network_args", f"{name}: {reason}", wanted) from error
