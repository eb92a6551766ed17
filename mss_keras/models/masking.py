"""The separation flow by masks, as a model: encoder, masker, apply masks, decoder."""

import keras
import tensorflow as tf

from mss_keras.config import UserError
from mss_keras.models.flows import MaskFlow
from mss_keras.models.model import SeparationModel


@keras.saving.register_keras_serializable(package="mss_keras")
class MaskingModel(SeparationModel):
    """Mixture waveform → masks on its STFT → stems.

    Calling it gives the masks and the mixture's spectrogram, from which a loss in any domain is
    computed without a second STFT; see `mss_keras.models.flows.MaskFlow`. Arguments as
    `SeparationModel`, whose network has to be one that makes masks.

    Raises:
        UserError: for another network.

    Example:
        >>> from mss_keras.config import AudioConfig, ModelConfig
        >>> audio = AudioConfig(nfft=64, nhop=16)
        >>> model = MaskingModel(("vocals", "other"), audio, ModelConfig(hidden_size=4))
        >>> model(tf.zeros([1, 160, 2]))["mask"].shape.as_list()
        [1, 2, 11, 2, 33]
        >>> model.separate(tf.zeros([160, 2]))["vocals"].shape
        (160, 2)
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.flow.domain != MaskFlow.domain:
            found = f"{self.network_config.network}, of waveforms"
            raise UserError("network", found, "one that makes masks, or a SeparationModel")

    def decode(self, mask: tf.Tensor, spectrogram: tf.Tensor, samples: tf.Tensor) -> tf.Tensor:
        """Masked mixtures as waveforms, with the mixture's phase.

        Args:
            mask: as calling the model gives it.
            spectrogram: as calling the model gives it.
            samples: length of the waveforms; 0-D integer.

        Returns:
            Float32 `[batch, sources, samples, channels]`.
        """
        return self.flow.stems({"mask": mask, "spectrogram": spectrogram}, samples)
