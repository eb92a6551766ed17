"""The networks that separate: what each of them offers, their table, and any other.

A network is a Keras layer that meets `MaskNetwork` or `WaveformNetwork`; its `domain` says which.
One that makes masks is divided into a trunk, which hears a stretch of frames, and a masker, which
turns what the trunk gives for a frame into masks of that frame. So a song in chunks needs no more
memory than a chunk, and masks of two chunks can be faded into each other.
"""

import dataclasses
import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf
from keras import layers

from mss_keras.config import AudioConfig, ModelConfig, UserError, require
from mss_keras.models.openunmix import OpenUnmix
from mss_keras.models.plain import LayerNetwork
from mss_keras.models.separate_openunmix import SeparateOpenUnmix
from mss_keras.models.spleeter import Spleeter
from mss_keras.models.trying import telling
from mss_keras.models.waveforms import LayerWaveforms


class MaskNetwork(Protocol):
    """A Keras layer: mixture magnitudes → a mask for each source.

    Calling it gives `masker()(trunk(magnitude))`. The class may have what `Traits` tells of, and a
    network `heard_bins`, the number of bins that its trunk reads: songs then hand it no others.

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


class WaveformNetwork(Protocol):
    """A Keras layer: mixture waveforms → an estimate of each source.

    The class may have what `Traits` tells of.

    Shape:
        mixture: float32 `[batch, samples, channels]`, of any number of samples above half a window
            of the STFT.
        estimates: `[batch, sources, samples, channels]`, in the order of the sources.
    """

    domain: str
    """`"waveform"`."""

    @classmethod
    def from_specification(
        cls,
        nb_sources: int,
        audio: AudioConfig,
        model: ModelConfig,
        *,
        synchronized: bool = False,
        policy: str = "float32",
    ) -> "WaveformNetwork":
        """See `MaskNetwork.from_specification`."""

    def set_statistics(self, mean: np.ndarray, std: np.ndarray) -> None:
        """See `MaskNetwork.set_statistics`."""

    def __call__(self, mixture: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """Estimates, with dropout and batch statistics where it is `training`.

        Args:
            mixture: float32 `[batch, samples, channels]`.
            training: whether dropout and batch statistics are used. Defaults to `False`.
        """


class Traits(NamedTuple):
    """What the class of a network tells before a network is made.

    Attributes:
        domain: what it hears: `"magnitude"`, of which it makes masks, or `"waveform"`, of which it
            makes estimates. A class without `domain` is of the first kind.
        settings: fields of `ModelConfig` that it takes. A class with `from_specification` and
            without `settings` takes all; another layer takes `network_args`, and an activation if
            it makes masks.
        takes_statistics: whether `set_statistics` does anything. Of a class without
            `takes_statistics` it is whether it has `set_statistics`.
    """

    domain: str
    settings: tuple[str, ...]
    takes_statistics: bool


# The settings of a layer that is nothing but a layer, by its domain.
_OF_LAYERS = {"magnitude": ("network_args", "mask_activation"), "waveform": ("network_args",)}

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
) -> MaskNetwork | WaveformNetwork:
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
    kind, domain = _class_of(model.network), traits_of(model.network).domain
    if not hasattr(kind, "from_specification"):
        around = LayerWaveforms.around if domain == "waveform" else LayerNetwork.around
        return around(kind, nb_sources, audio=audio, model=model, policy=policy)
    make = functools.partial(kind.from_specification, nb_sources, audio, model)
    if model.network in NETWORKS:
        return make(synchronized=synchronized, policy=policy)
    with telling(kind, "a `from_specification` that raises nothing"):
        return make(synchronized=synchronized, policy=policy)


def traits_of(network: str) -> Traits:
    """What the class of a network tells of it.

    Args:
        network: as `ModelConfig.network`.

    Raises:
        UserError: if the class cannot be had, or is of an unknown domain.

    Example:
        >>> traits_of("spleeter").takes_statistics
        False
    """
    kind = _class_of(network)
    domain = getattr(kind, "domain", "magnitude")
    if domain not in _OF_LAYERS:
        raise UserError("network", f"{network}, of domain {domain!r}", " or ".join(_OF_LAYERS))
    takes = getattr(kind, "takes_statistics", hasattr(kind, "set_statistics"))
    settings = _OF_LAYERS[domain]
    if hasattr(kind, "from_specification"):
        every = (field.name for field in dataclasses.fields(ModelConfig) if field.name != "network")
        settings = getattr(kind, "settings", tuple(every))
    return Traits(domain, tuple(settings), takes)


def refuse_idle(model: ModelConfig, audio: AudioConfig) -> None:
    """Refuses settings that a network does not take.

    Args:
        model: the network, and its sizes.
        audio: sample rate, on which a default depends.

    Raises:
        UserError: for the first that is not its default.
    """
    default, taken = ModelConfig(model.network).at(audio.sample_rate), traits_of(model.network)
    for field in dataclasses.fields(ModelConfig):
        value = getattr(model, field.name)
        if field.name in ("network", *taken.settings) or value == getattr(default, field.name):
            continue
        known = " and ".join(f"`{name}`" for name in taken.settings)
        raise UserError(field.name, f"{value} with {model.network}", f"none: it takes {known}")


def _class_of(name: str) -> Any:
    return NETWORKS.get(name) or _imported(name)


def _imported(name: str) -> Any:
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for attribute in path.split("."):
            found = getattr(found, attribute)
    except (Exception, SystemExit) as error:  # a user's module raises whatever it raises
        reason = f"{name} ({type(error).__name__}: {error})".splitlines()[0]
        wanted = "PACKAGE.MODULE:CLASS that Python can import here; see PYTHONPATH"
        raise UserError("network", reason, wanted) from error
    # A file of a model may name any class: none but a layer's is called.
    is_layer = isinstance(found, type) and issubclass(found, layers.Layer)
    require(is_layer, "network", found=name, wanted="a class of Keras layers")
    return found
