"""The separation flow: encoder, masker, apply masks, decoder.

Waveforms are `[batch, samples, channels]`, spectrograms `[batch, frames, channels, bins]`; masks
and stems have an axis of sources behind that of the batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mss_keras.config import AudioConfig, ModelConfig, SeparationConfig, renewed
from mss_keras.models.network import make_network
from mss_keras.models.streaming import Streaming
from mss_keras.signal.stft import STFT, InverseSTFT, apply_mask


@keras.saving.register_keras_serializable(package="mss_keras")
class MaskingModel(keras.Model):
    """Mixture waveform → masks on its STFT → stems.

    Calling it gives the masks and the mixture's spectrogram, from which a loss in any domain is
    computed without a second STFT; `stems` and `separate` give waveforms.

    Args:
        sources: tuple of str. Names of the sources, in the order of the axis of sources.
        audio: `AudioConfig`. Waveforms and STFT. Defaults to those of open-unmix.
        model: `ModelConfig`. The network; see `mss_keras.models.network`. Defaults to the
            joint `OpenUnmix` with 512 units.
        synchronized: bool. Whether batch statistics are taken over all replicas of a
            `tf.distribute` strategy. Defaults to `False`.
        policy: str. Keras's dtype policy of the network; STFT and masking always compute in
            float32. Defaults to `"float32"`.
        **kwargs: as `keras.Model`.

    Attributes:
        network: a `mss_keras.models.network.MaskNetwork`.

    Example:
        >>> audio = AudioConfig(nfft=64, nhop=16)
        >>> model = MaskingModel(("vocals", "other"), audio, ModelConfig(hidden_size=4))
        >>> model(np.zeros([1, 160, 2], np.float32))["mask"].shape.as_list()
        [1, 2, 11, 2, 33]
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
        # A cache is no Keras object: Keras neither tracks nor saves it.
        self._streaming = cache(partial(Streaming, self))

    def build(self, input_shape=None):
        """Builds the network; the shape of the waveform does not matter."""
        spectrogram = (None, None, self.audio.nb_channels, self.audio.bins)
        self.stft.build((None, None, self.audio.nb_channels))
        self.inverse_stft.build(spectrogram)
        self.network.build(spectrogram)
        self.built = True

    def call(self, mixture: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        """Masks of a batch of mixtures.

        Args:
            mixture: float32 `[batch, samples, channels]`, −1 to 1.
            training: whether dropout and batch statistics are used. Defaults to `False`.

        Returns:
            A mapping: "mask", float32 `[batch, sources, frames, channels, bins]`; "spectrogram",
            that of the mixture, complex64 `[batch, frames, channels, bins]`; and, where masks are
            a softmax or sigmoid, "logits", of which they are that.
        """
        spectrogram = self.stft(mixture)
        name, magnitude = self.network.mask_activation, tf.abs(spectrogram)
        if name == "relu":
            mask = self.network(magnitude, training=training)
            return {"mask": mask, "spectrogram": spectrogram}
        logits = self.network(magnitude, training=training, logits=True)
        mask = self.network.finished(logits)
        return {"mask": mask, "logits": logits, "spectrogram": spectrogram}

    def decode(self, mask: tf.Tensor, spectrogram: tf.Tensor, samples: tf.Tensor) -> tf.Tensor:
        """Masked mixtures as waveforms, with the mixture's phase.

        Args:
            mask: as `call` returns it.
            spectrogram: as `call` returns it.
            samples: length of the waveforms; 0-D integer.

        Returns:
            Float32 `[batch, sources, samples, channels]`.
        """
        return self.inverse_stft(apply_mask(mask, spectrogram[:, tf.newaxis]), samples=samples)

    def stems(self, mixture: tf.Tensor) -> tf.Tensor:
        """`[batch, samples, channels]` → `[batch, sources, samples, channels]`."""
        found = self(mixture, training=False)
        return self.decode(found["mask"], found["spectrogram"], tf.shape(mixture)[1])

    def streaming(self, options: SeparationConfig = SeparationConfig()) -> Streaming:
        """The separation of songs of any length, compiled once for each set of options.

        A model that is not built yet is built, and has random weights.

        Raises:
            UserError: as `Streaming`.
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
            UserError: as `Streaming`.
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
        """A context that traces LSTM layers without cuDNN, for a graph that runs anywhere."""
        lstms = [x for x in self._flatten_layers() if isinstance(x, keras.layers.LSTM)]
        before = [lstm.use_cudnn for lstm in lstms]
        try:
            for lstm in lstms:
                lstm.use_cudnn = False
            yield
        finally:
            for lstm, use_cudnn in zip(lstms, before, strict=True):
                lstm.use_cudnn = use_cudnn

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
