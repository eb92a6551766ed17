"""The separation flow of a network's domain: from mixtures to what losses compare, and to stems.

Waveforms are `[batch, samples, channels]`, spectrograms `[batch, frames, channels, bins]`; masks,
estimates and stems have an axis of sources behind that of the batch.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import tensorflow as tf

from mss_keras.config import SeparationConfig
from mss_keras.models.mask_streaming import MaskStreaming
from mss_keras.models.streaming import Streaming
from mss_keras.models.waveform_streaming import WaveformStreaming
from mss_keras.models.waveforms import estimates_of, try_out
from mss_keras.signal.stft import apply_mask


class Flow(ABC):
    """What a model does with its network.

    Args:
        model: a `mss_keras.models.model.SeparationModel`.

    Attributes:
        domain: of the network; see `mss_keras.models.network.Traits`.
    """

    domain: ClassVar[str]

    def __init__(self, model):
        self.model = model

    @abstractmethod
    def build(self) -> None:
        """Builds the network."""

    @abstractmethod
    def parts(self, mixture: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        """What the network makes of a batch of mixtures; the losses' scene is made of it.

        Args:
            mixture: float32 `[batch, samples, channels]`, −1 to 1.
            training: whether dropout and batch statistics are used. Defaults to `False`.
        """

    @abstractmethod
    def stems(self, parts: dict[str, tf.Tensor], samples: tf.Tensor) -> tf.Tensor:
        """What `parts` has given, as waveforms.

        Args:
            parts: as `parts` returns them.
            samples: length of the mixtures; 0-D integer.

        Returns:
            Float32 `[batch, sources, samples, channels]`.
        """

    @abstractmethod
    def streaming(self, options: SeparationConfig) -> Streaming:
        """The separation of songs of any length.

        Raises:
            UserError: if the options do not go with the model.
        """


class MaskFlow(Flow):
    """STFT → masks → inverse STFT, with the mixture's phase.

    Parts: "mask", float32 `[batch, sources, frames, channels, bins]`; "spectrogram", that of the
    mixture, complex64 `[batch, frames, channels, bins]`; and, where masks are a softmax or sigmoid,
    "logits", of which they are that.
    """

    domain = "magnitude"

    def build(self) -> None:
        """See `Flow.build`."""
        audio = self.model.audio
        self.model.network.build((None, None, audio.nb_channels, audio.bins))

    def parts(self, mixture: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        """See `Flow.parts`."""
        network, spectrogram = self.model.network, self.model.stft(mixture)
        name, magnitude = network.mask_activation, tf.abs(spectrogram)
        if name == "relu":
            mask = network(magnitude, training=training)
            return {"mask": mask, "spectrogram": spectrogram}
        logits = network(magnitude, training=training, logits=True)
        mask = network.finished(logits)
        return {"mask": mask, "logits": logits, "spectrogram": spectrogram}

    def stems(self, parts: dict[str, tf.Tensor], samples: tf.Tensor) -> tf.Tensor:
        """See `Flow.stems`."""
        masked = apply_mask(parts["mask"], parts["spectrogram"][:, tf.newaxis])
        return self.model.inverse_stft(masked, samples=samples)

    def streaming(self, options: SeparationConfig) -> MaskStreaming:
        """See `Flow.streaming`."""
        return MaskStreaming(self.model, options)


class WaveformFlow(Flow):
    """The network alone.

    Parts: "estimates", float32 `[batch, sources, samples, channels]`; "mixture", as it was heard.
    """

    domain = "waveform"

    def build(self) -> None:
        """See `Flow.build`; the network is tried out.

        Raises:
            UserError: as `mss_keras.models.waveforms.try_out`.
        """
        model = self.model
        try_out(model.network, len(model.source_names), model.audio)

    def parts(self, mixture: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        """See `Flow.parts`."""
        mixture = tf.cast(mixture, tf.float32)
        found = estimates_of(self.model.network, mixture, self.model.audio, training=training)
        return {"estimates": found, "mixture": mixture}

    def stems(self, parts: dict[str, tf.Tensor], samples: tf.Tensor) -> tf.Tensor:
        """See `Flow.stems`."""
        return parts["estimates"]

    def streaming(self, options: SeparationConfig) -> WaveformStreaming:
        """See `Flow.streaming`."""
        return WaveformStreaming(self.model, options)


# By the domain of a network.
FLOWS: dict[str, type[Flow]] = {flow.domain: flow for flow in (MaskFlow, WaveformFlow)}
