"""Networks from waveforms to waveforms: one around any Keras layer, and how networks are heard.

Axes: `[batch, samples, channels]` in, `[batch, sources, samples, channels]` out.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from keras import layers

from mss_keras.config import AudioConfig, ModelConfig
from mss_keras.models.plain import made_of_layers
from mss_keras.models.trying import Trial, telling


class LayerWaveforms(layers.Layer):
    """A `mss_keras.models.network.WaveformNetwork` around any Keras layer.

    Args:
        layer: keras.layers.Layer. From float32 `[batch, samples, channels]`, any number of
            samples, to `[batch, sources, samples, channels]`. It may take `training`, and may have
            `set_statistics(mean, std)`, both `[bins]`, of the mixtures' magnitudes.
        **kwargs: as `keras.layers.Layer`.
    """

    domain = "waveform"

    def __init__(self, layer: layers.Layer, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})
        self.layer = layer

    @classmethod
    def around(
        cls, kind: type, nb_sources: int, /, *, audio: AudioConfig, model: ModelConfig, policy: str
    ) -> "LayerWaveforms":
        """The network of a specification around a layer of a class.

        Args:
            kind: the class, whose constructor takes `nb_sources`, `nb_channels`, `dtype` and the
                keys of `model.network_args`.
            nb_sources: number of sources.
            audio: channels.
            model: the arguments.
            policy: Keras's dtype policy, of the layer, too.

        Raises:
            UserError: if it does not take the arguments.
        """
        sizes = {"nb_sources": nb_sources, "nb_channels": audio.nb_channels}
        layer = made_of_layers(kind, sizes, model.network_args, policy=policy)
        return cls(layer, dtype=policy)

    def call(self, mixture: tf.Tensor, training: bool = False) -> Any:
        """What the layer gives; Keras hands it `training`, if it takes that."""
        return self.layer(mixture)

    def set_statistics(self, mean: np.ndarray, std: np.ndarray) -> None:
        """Hands the statistics to the layer, if it takes any."""
        if hasattr(self.layer, "set_statistics"):
            with telling(self.layer, "`set_statistics` that takes mean and std, `[bins]` each"):
                self.layer.set_statistics(mean, std)


def estimates_of(
    network: layers.Layer, mixture: tf.Tensor, audio: AudioConfig, *, training: bool = False
) -> tf.Tensor:
    """A network's estimates. Zeros follow a mixture that is shorter than an STFT can reflect.

    Args:
        network: a `mss_keras.models.network.WaveformNetwork`.
        mixture: float32 `[batch, samples, channels]`.
        audio: sizes of the STFT.
        training: whether dropout and batch statistics are used. Defaults to `False`.

    Returns:
        Float32 `[batch, sources, samples, channels]`.
    """
    samples = tf.shape(mixture)[1]
    short = tf.maximum(0, audio.nfft // 2 + 1 - samples)
    heard = tf.pad(mixture, [[0, 0], [0, short], [0, 0]])
    heard.set_shape([mixture.shape[0], None, audio.nb_channels])
    found = tf.cast(network(heard, training=training), tf.float32)[:, :, :samples]
    return tf.ensure_shape(found, [mixture.shape[0], None, mixture.shape[1], audio.nb_channels])


def try_out(network: layers.Layer, sources: int, audio: AudioConfig) -> None:
    """Builds a network, by silence and noise that it has to take and give estimates of.

    Args:
        network: a `mss_keras.models.network.WaveformNetwork`.
        sources: number of sources.
        audio: channels, and sizes of the STFT.

    Raises:
        UserError: as `mss_keras.models.trying.Trial`.
    """
    layer = getattr(network, "layer", network)  # the user's own
    trial = Trial(network, layer, lambda heard, training: network(heard, training=training))
    axes = "[batch, sources, samples, channels]"
    for samples in (audio.nfft + 1, audio.nfft + 2):  # a stride divides one of them at most
        noise = 0.1 * tf.random.stateless_normal([1, samples, audio.nb_channels], [1, 2])
        heard = tf.concat([tf.zeros_like(noise), noise], axis=0)
        shape = [2, sources, samples, audio.nb_channels]
        right = f"estimates {shape} of {samples} samples, {axes}"
        trial.examples(heard, shape, name="silence and noise", wanted=right)
    trial.sizes([None, None, audio.nb_channels], wanted=f"estimates {axes}")
