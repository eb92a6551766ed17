"""Mixtures to stems by a network, as a Keras model.

Waveforms are `[batch, samples, channels]`; stems have an axis of sources behind that of the batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mss_keras.config import AudioConfig, ModelConfig, SeparationConfig, renewed
from mss_keras.models.flows import FLOWS, Flow
from mss_keras.models.network import make_network, traits_of
from mss_keras.models.streaming import Streaming
from mss_keras.signal.stft import STFT, InverseSTFT


@keras.saving.register_keras_serializable(package="mss_keras")
class SeparationModel(keras.Model):
    """Mixture waveform → stems, by whatever network.

    Calling it gives what a loss in any domain is computed of: masks and the mixture's spectrogram,
    or estimated waveforms; see `mss_keras.models.flows`. `stems` and `separate` give waveforms.

    Args:
        sources: tuple of str. Names of the sources, in the order of the axis of sources.
        audio: `AudioConfig`. Waveforms and STFT. Defaults to those of open-unmix.
        model: `ModelConfig`. The network; see `mss_keras.models.network`. Defaults to the
            joint `OpenUnmix` with 512 units.
        synchronized: bool. Whether batch statistics are taken over all replicas of a
            `tf.distribute` strategy. Defaults to `False`.
        policy: str. Keras's dtype policy of the network; what is around it always computes in
            float32. Defaults to `"float32"`.
        **kwargs: as `keras.Model`.

    Attributes:
        network: a `mss_keras.models.network.MaskNetwork` or `WaveformNetwork`.
        flow: Flow. What is done with it; its `domain` is the network's.

    Example:
        >>> audio = AudioConfig(nfft=64, nhop=16)
        >>> model = SeparationModel(("vocals", "other"), audio, ModelConfig(hidden_size=4))
        >>> model.flow.domain
        'magnitude'
        >>> model.separate(np.zeros([160, 2]))["vocals"].shape
        (160, 2)
    """

    def __init__(
        self,
        sources: tuple[str, ...],
        audio: AudioConfig = AudioConfig(),
        model: ModelConfig = ModelConfig(),
        *,
        synchronized: bool = False,
        policy: str = "float32",
        **kwargs,
    ):
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        self.source_names = tuple(sources)
        self.audio = audio
        self.network_config = model
        self.synchronized = synchronized
        self.policy = policy
        self.stft = STFT(audio.nfft, audio.nhop)
        self.inverse_stft = InverseSTFT(audio.nfft, audio.nhop)
        self.network: Any = make_network(
            len(self.source_names), audio, model, synchronized=synchronized, policy=policy
        )
        self.flow: Flow = FLOWS[traits_of(model.network).domain](self)
        # A cache is no Keras object: Keras neither tracks nor saves it.
        self._streaming = cache(self.flow.streaming)

    def build(self, input_shape=None):
        """Builds the network; the shape of the waveform does not matter."""
        spectrogram = (None, None, self.audio.nb_channels, self.audio.bins)
        self.stft.build((None, None, self.audio.nb_channels))
        self.inverse_stft.build(spectrogram)
        self.flow.build()
        self.built = True

    def call(self, mixture: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        """See `mss_keras.models.flows.Flow.parts`."""
        return self.flow.parts(mixture, training)

    def stems(self, mixture: tf.Tensor) -> tf.Tensor:
        """`[batch, samples, channels]` → `[batch, sources, samples, channels]`."""
        return self.flow.stems(self(mixture, training=False), tf.shape(mixture)[1])

    def streaming(self, options: SeparationConfig = SeparationConfig()) -> Streaming:
        """The separation of songs of any length, compiled once for each set of options.

        A model that is not built yet is built, and has random weights.

        Raises:
            UserError: if the options do not go with the model.
        """
        if not self.built:
            self.build()
        return self._streaming(options)

    def separate(
        self,
        waveform: np.ndarray,
        options: SeparationConfig = SeparationConfig(),
    ) -> dict[str, np.ndarray]:
        """Separates one waveform of any length.

        Args:
            waveform: float `[samples, channels]` at the model's sample rate, −1 to 1.
            options: targets, residual, Wiener filter, chunks. Defaults to all sources as the
                network estimates them.

        Returns:
            A waveform of the same shape for each stem, by name.

        Raises:
            UserError: if the options do not go with the model.
            ValueError: if the shape is not `[samples, channels]` with the model's channels.
        """
        waveform = np.asarray(waveform, np.float32)
        if waveform.ndim != 2 or waveform.shape[1] != self.audio.nb_channels:
            raise ValueError(
                f"waveform: found shape {list(waveform.shape)}, wanted "
                f"[samples, channels={self.audio.nb_channels}]"
            )
        streaming = self.streaming(options)
        stems = np.concatenate(list(streaming.stream([waveform])))  # [samples, sources, channels]
        return {name: stems[:, index] for index, name in enumerate(streaming.names)}

    def predict_step(self, data: Any) -> tf.Tensor:
        """Makes `predict` give stems."""
        mixture, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self.stems(mixture)

    @contextmanager
    def portable(self) -> Iterator[None]:
        """A context that traces recurrent layers without cuDNN, for a graph that runs anywhere."""
        kinds = (keras.layers.LSTM, keras.layers.GRU)
        recurrent = [x for x in self._flatten_layers() if isinstance(x, kinds)]
        before = [layer.use_cudnn for layer in recurrent]
        try:
            for layer in recurrent:
                layer.use_cudnn = False
            yield
        finally:
            for layer, use_cudnn in zip(recurrent, before, strict=True):
                layer.use_cudnn = use_cudnn

    def get_config(self):
        """Arguments of the constructor, of plain types."""
        return {
            "name": self.name,
            "sources": list(self.source_names),
            "audio": vars(self.audio),
            "model": vars(self.network_config),
            "synchronized": self.synchronized,
            "policy": self.policy,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Inverse of `get_config`."""
        config = dict(config)
        model = ModelConfig(**renewed(config.pop("model")))
        audio = AudioConfig(**config.pop("audio"))
        return cls(config.pop("sources"), audio, model, **config)
