"""An OpenUnmix for each source, side by side."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from mss_keras.config import AudioConfig, ModelConfig
from mss_keras.models.activations import Activation
from mss_keras.models.openunmix import SETTINGS, OpenUnmix, sizes


@keras.saving.register_keras_serializable(package="mss_keras")
class SeparateOpenUnmix(layers.Layer):
    """One `OpenUnmix` for each source, as open-unmix trains them; arguments as for that.

    Example:
        >>> network = SeparateOpenUnmix(2, nb_bins=65, max_bin=40, hidden_size=8)
        >>> network(tf.ones([1, 10, 2, 65])).shape.as_list()
        [1, 2, 10, 2, 65]
    """

    settings = SETTINGS

    def __init__(self, nb_sources: int, **kwargs):
        network = {
            k: kwargs.pop(k) for k in list(kwargs) if k not in ("name", "dtype", "trainable")
        }
        super().__init__(**{"autocast": False, **kwargs})
        self.nb_sources = nb_sources
        self.network = network
        self.networks = [
            OpenUnmix(1, dtype=self.dtype_policy, **network) for _ in range(nb_sources)
        ]

    @classmethod
    def from_specification(
        cls,
        nb_sources: int,
        audio: AudioConfig,
        model: ModelConfig,
        *,
        synchronized: bool = False,
        policy: str = "float32",
    ) -> "SeparateOpenUnmix":
        """See `OpenUnmix.from_specification`."""
        return cls(nb_sources, **sizes(audio, model), synchronized=synchronized, dtype=policy)

    def build(self, input_shape):
        """Builds every network."""
        for network in self.networks:
            network.build(input_shape)

    def trunks(self, chosen: Sequence[int]) -> int:
        """The number of sources whose trunks are needed: each source has its own."""
        return len(self._masks_of(chosen).needed(self.nb_sources))

    def _masks_of(self, chosen: Sequence[int] | None, *, logits: bool = False) -> Activation:
        return Activation(self.mask_activation, chosen, off=logits)

    @property
    def mask_activation(self) -> str:
        """What makes masks of the networks' values."""
        return self.networks[0].mask_activation

    @property
    def hidden_size(self) -> int:
        """Width of each network, units."""
        return self.networks[0].hidden_size

    @property
    def heard_bins(self) -> int:
        """Number of bins that the trunks read."""
        return self.networks[0].heard_bins

    def set_statistics(self, mean: np.ndarray, std: np.ndarray) -> None:
        """See `OpenUnmix.set_statistics`."""
        for network in self.networks:
            network.set_statistics(mean, std)

    def call(
        self, magnitude: tf.Tensor, training: bool = False, *, logits: bool = False
    ) -> tf.Tensor:
        """See `OpenUnmix.call`."""
        found = [network(magnitude, training=training, logits=True) for network in self.networks]
        return self._masks_of(None, logits=logits)(tf.concat(found, axis=1))

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
        """See `OpenUnmix.trunk`: `[batch, chosen sources, frames, hidden]`."""
        wanted = self._masks_of(chosen).needed(self.nb_sources)
        networks = [self.networks[k] for k in wanted]
        hidden: list[tf.Tensor] = []
        for network in networks:
            with tf.control_dependencies([] if training else hidden[-1:]):
                hidden.append(network.trunk(tf.identity(magnitude), training, keep=keep))
        return tf.concat(hidden, axis=1)

    def masker(
        self,
        training: bool = False,
        *,
        chosen: Sequence[int] | None = None,
        logits: bool = False,
    ) -> Callable[[tf.Tensor], tf.Tensor]:
        """See `OpenUnmix.masker`."""
        masks_of = self._masks_of(chosen, logits=logits)
        wanted = masks_of.needed(self.nb_sources)
        maskers = [self.networks[k].masker(training, logits=True) for k in wanted]

        def masks(hidden: tf.Tensor) -> tf.Tensor:
            each = [masker(hidden[:, k : k + 1]) for k, masker in enumerate(maskers)]
            return masks_of(tf.concat(each, axis=1))

        return masks

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "nb_sources": self.nb_sources, **self.network}
