"""The networks that estimate masks: what each of them offers, their table, and any other.

A network is a Keras layer that meets `MaskNetwork`. It is divided into a trunk, which hears a
stretch of frames, and a masker, which turns what the trunk gives for a frame into masks of that
frame. So a song in chunks needs no more memory than a chunk, and masks of two chunks can be faded
into each other.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from keras import layers

from mss_keras.config import AudioConfig, ModelConfig, UserError, require
from mss_keras.models.openunmix import OpenUnmix
from mss_keras.models.plain import LayerNetwork
from mss_keras.models.separate_openunmix import SeparateOpenUnmix
from mss_keras.models.spleeter import Spleeter


class MaskNetwork(Protocol):
    """A Keras layer: mixture magnitudes → a mask for each source.

    Calling it gives `masker()(trunk(magnitude))`.

    Shape:
        magnitude: float `[batch, frames, channels, bins]`, 0 or above.
        masks: float32 `[batch, sources, frames, channels, bins]`, in the order of the sources;
            they are multiplied with the magnitudes.
    """

    hidden_size: int
    """Length of what a trunk gives for a frame."""

    @classmethod
    def from_specification(
        cls,
        nb_sources: int,
        audio: AudioConfig,
        model: ModelConfig,
        *,
        synchronized: bool = False,
        policy: str = "float32",
    ) -> "MaskNetwork":
        """Makes the network of a specification.

        Args:
            nb_sources: number of sources.
            audio: channels and STFT.
            model: sizes of the network.
            synchronized: whether batch statistics are taken over all replicas of a
                `tf.distribute` strategy. Defaults to `False`.
            policy: Keras's dtype policy. Defaults to `"float32"`.
        """

    mask_activation: str
    """What makes masks of the last values, a key of `mss_keras.models.activations.ACTIVATIONS`."""

    def trunks(self, chosen: Sequence[int]) -> int:
        """Number of trunks that masks of the chosen sources need; 1 where all share a trunk."""

    def set_statistics(self, mean: np.ndarray, std: np.ndarray) -> None:
        """Standardises the input by the data's mean and standard deviation of each bin.

        Args:
            mean: `[bins]`, of the mixture magnitudes.
            std: `[bins]`, above 0.
        """

    def __call__(
        self, magnitude: tf.Tensor, *, training: bool = False, logits: bool = False
    ) -> tf.Tensor:
        """Masks of magnitudes, with dropout and batch statistics where it is `training`.

        Args:
            magnitude: float `[batch, frames, channels, bins]`.
            training: as in `trunk`.
            logits: whether what the activation makes masks of is wanted. Defaults to `False`.
        """

    def finished(self, logits: tf.Tensor) -> tf.Tensor:
        """Masks of what calling the network with `logits` has given, of the same shape."""

    def trunk(
        self,
        magnitude: tf.Tensor,
        training: bool = False,
        *,
        chosen: Sequence[int] | None = None,
        keep: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Mixture magnitudes → what the masker makes masks of.

        Args:
            magnitude: float `[batch, frames, channels, bins]`.
            training: whether dropout and batch statistics are used. Defaults to `False`.
            chosen: indices of the sources that are wanted. Defaults to all.
            keep: int32 `[batch, frames wanted]`, indices of the frames whose masks are wanted;
                the network hears the others, too. Defaults to all.

        Returns:
            `[batch, trunks, frames, hidden]`: the shared trunk, or those of the chosen sources.
        """

    def masker(
        self, training: bool = False, *, chosen: Sequence[int] | None = None
    ) -> Callable[[tf.Tensor], tf.Tensor]:
        """What `trunk` gives → masks.

        Args:
            training: as in `trunk`.
            chosen: as in `trunk`.

        Returns:
            A function from `[batch, trunks, frames, hidden]` to float32 `[batch, sources,
            frames, channels, bins]`, which treats each frame alone. It may be called often.
        """


# The networks that have a name; `mss_keras.config.NETWORKS` has the names alone.
NETWORKS: dict[str, Any] = {
    "joint": OpenUnmix,
    "separate": SeparateOpenUnmix,
    "spleeter": Spleeter,
}


def make_network(
    nb_sources: int,
    audio: AudioConfig,
    model: ModelConfig,
    *,
    synchronized: bool = False,
    policy: str = "float32",
) -> MaskNetwork:
    """The network of a specification: one of the table, or of a class of the user's.

    Args:
        nb_sources: number of sources.
        audio: channels and STFT.
        model: the network, and its sizes.
        synchronized: as `MaskNetwork.from_specification`.
        policy: as `MaskNetwork.from_specification`.

    Raises:
        UserError: if the class cannot be had, or makes no network of this specification.
    """
    kind = NETWORKS.get(model.network) or _imported(model.network)
    if not hasattr(kind, "from_specification"):
        return LayerNetwork.around(kind, nb_sources, audio=audio, model=model, policy=policy)
    return kind.from_specification(
        nb_sources, audio, model, synchronized=synchronized, policy=policy
    )


def _imported(name: str) -> Any:
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for attribute in path.split("."):
            found = getattr(found, attribute)
    except Exception as error:  # a user's module raises whatever it raises
        reason = f"{name} ({type(error).__name__}: {error})".splitlines()[0]
        wanted = "PACKAGE.MODULE:CLASS that Python can import here; see PYTHONPATH"
        raise UserError("network", reason, wanted) from error
    # A file of a model may name any class: none but a layer's is called.
    is_layer = isinstance(found, type) and issubclass(found, layers.Layer)
    require(is_layer, "network", found=name, wanted="a class of Keras layers")
    return found
