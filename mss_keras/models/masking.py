"""The separation flow: encoder, masker, apply masks, decoder.

Waveforms `[batch, samples, channels]`, spectrograms `[batch, frames, channels,
bins]`, masks and stems with a `sources` axis behind `batch`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mss_keras.config import AudioConfig, ModelConfig, SeparationConfig
from mss_keras.models.openunmix import OpenUnmix
from mss_keras.models.separate_openunmix import SeparateOpenUnmix
from mss_keras.models.streaming import Streaming
from mss_keras.signal.stft import STFT, InverseSTFT, apply_mask


@keras.saving.register_keras_serializable(package="mss_keras")
class MaskingModel(keras.Model):
    """Mixture waveform → masks on its STFT → stems.

    Calling it gives the masks and the mixture's spectrogram, from which a loss
    in any domain can be had without a second STFT; `stems` and `separate` give
    waveforms.

    Args:
        sources: names of the sources, in the order of the `sources` axis.
        audio: `AudioConfig`. Waveforms and STFT.
        model: `ModelConfig`. The network.
        synchronized: bool. See `OpenUnmix`. Defaults to `False`.
        policy: str. Keras dtype policy of the network; STFT and masking always
            compute in float32. Defaults to `"float32"`.
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
        max_bin = int(np.floor(model.bandwidth * audio.nfft / audio.sample_rate)) + 1
        network = SeparateOpenUnmix if model.architecture == "separate" else OpenUnmix
        self.network = network(
            len(self.source_names),
            nb_channels=audio.nb_channels,
            nb_bins=audio.bins,
            max_bin=min(max_bin, audio.bins),
            hidden_size=model.hidden_size,
            unidirectional=model.unidirectional,
            dropout=model.dropout,
            synchronized=synchronized,
            dtype=policy,
        )

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
            training: whether dropout and batch statistics are used.

        Returns:
            `mask`: float32 `[batch, sources, frames, channels, bins]`;
            `spectrogram`: complex64 `[batch, frames, channels, bins]`, the mixture's.
        """
        spectrogram = self.stft(mixture)
        mask = self.network(tf.abs(spectrogram), training=training)
        return {"mask": mask, "spectrogram": spectrogram}

    def decode(self, mask: tf.Tensor, spectrogram: tf.Tensor, samples: tf.Tensor) -> tf.Tensor:
        """Masked mixtures as waveforms, with the mixture's phase.

        Returns:
            Float32 `[batch, sources, samples, channels]`.
        """
        return self.inverse_stft(apply_mask(mask, spectrogram[:, tf.newaxis]), samples=samples)

    def stems(self, mixture: tf.Tensor) -> tf.Tensor:
        """`[batch, samples, channels]` → `[batch, sources, samples, channels]`."""
        parts = self(mixture, training=False)
        return self.decode(parts["mask"], parts["spectrogram"], tf.shape(mixture)[1])

    def streaming(self, options: SeparationConfig = SeparationConfig()) -> Streaming:
        """The separation of songs of any length, compiled once for each set of options.

        Raises:
            UserError: see `Rounds`.
        """
        # Past Keras's tracking, which would try to save it.
        compiled = self.__dict__.setdefault("_streaming", {})
        if options not in compiled:
            compiled[options] = Streaming(self, options)
        return compiled[options]

    def separate(
        self,
        waveform: np.ndarray,
        options: SeparationConfig = SeparationConfig(),
    ) -> dict[str, np.ndarray]:
        """Separates one waveform of any length.

        Args:
            waveform: float `[samples, channels]` at the model's sample rate, −1 to 1.
            options: `SeparationConfig`: targets, residual, Wiener filter, chunks.

        Returns:
            A waveform of the same shape for each stem, by name.

        Raises:
            UserError: see `Rounds`.
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
        """`predict` gives stems."""
        mixture, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return self.stems(mixture)

    @contextmanager
    def portable(self) -> Iterator[None]:
        """Within, LSTM layers are traced without cuDNN, so that a graph runs anywhere."""
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
        audio, model = AudioConfig(**config.pop("audio")), ModelConfig(**config.pop("model"))
        return cls(config.pop("sources"), audio, model, **config)
