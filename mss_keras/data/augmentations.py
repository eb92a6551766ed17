"""Stage 3 of the pipeline: random changes of each source, before the sources are mixed.

An augmentation is a class of this file and a line at the end of `AUGMENTATIONS`, and its name is a
choice of `DataConfig.augmentations`. It stands at the end because every augmentation draws with
a key of its place in the table: the examples of a seed stay what they were, in resumed runs too.

Most augmentations make new channels of the old by a matrix. Matrices of augmentations that follow
each other are multiplied, and a source is passed over once for all of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import tensorflow as tf


class Augmentation(Protocol):
    """A random change of each source of an example."""

    def draw(self, key: tf.Tensor, sources: int) -> tf.Tensor:
        """Draws what is random about the change.

        Args:
            key: tf.Tensor. Seed of a stateless generator, int64 `[2]`.
            sources: int. Number of sources.

        Returns:
            A tensor `[sources, ...]`.
        """

    def apply(self, sources: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
        """Changes sources, float32 `[sources, samples, channels]`, as was drawn for them."""


class LinearAugmentation(ABC):
    """A random change of each source whose new channels are weighted sums of the old ones."""

    @abstractmethod
    def draw(self, key: tf.Tensor, sources: int) -> tf.Tensor:
        """As `Augmentation.draw`."""

    @abstractmethod
    def matrix(self, drawn: tf.Tensor, channels: int) -> tf.Tensor:
        """A matrix for each source.

        Args:
            drawn: tf.Tensor. What was drawn, `[sources, ...]`.
            channels: int. Number of channels.

        Returns:
            Weights, float32 `[sources, old channels, new channels]`.
        """


@dataclass(frozen=True)
class Gain(LinearAugmentation):
    """Each source becomes louder or softer, by a factor from a uniform distribution.

    Args:
        lowest: float. Smallest factor.
        highest: float. Largest factor.
    """

    lowest: float
    highest: float

    def draw(self, key: tf.Tensor, sources: int) -> tf.Tensor:
        """Factors, float32 `[sources]`."""
        return tf.random.stateless_uniform([sources], key, self.lowest, self.highest)

    def matrix(self, drawn: tf.Tensor, channels: int) -> tf.Tensor:
        """The factor on the diagonal."""
        return drawn[:, tf.newaxis, tf.newaxis] * tf.eye(channels)


@dataclass(frozen=True)
class ChannelSwap(LinearAugmentation):
    """The order of the channels of each source is reversed now and then: left becomes right.

    Args:
        probability: float. How often, 0 to 1.
    """

    probability: float

    def draw(self, key: tf.Tensor, sources: int) -> tf.Tensor:
        """Whether the channels are swapped, bool `[sources]`."""
        return tf.random.stateless_uniform([sources], key) < self.probability

    def matrix(self, drawn: tf.Tensor, channels: int) -> tf.Tensor:
        """Ones on the other diagonal where the channels are swapped."""
        same = tf.eye(channels)
        return tf.where(drawn[:, tf.newaxis, tf.newaxis], tf.reverse(same, axis=[1]), same)


# By the names of `DataConfig.augmentations`, in the order in which they are applied. The
# constants are open-unmix's.
AUGMENTATIONS: dict[str, LinearAugmentation | Augmentation] = {
    "gain": Gain(0.25, 1.25),
    "channelswap": ChannelSwap(0.5),
}


def draw_augmentations(keys: Sequence[tf.Tensor], sources: int) -> dict[str, tf.Tensor]:
    """Draws for all augmentations, the chosen and the others.

    Args:
        keys: sequence of tf.Tensor. A key for each augmentation, in the order of the table.
        sources: int. Number of sources.

    Returns:
        What was drawn, by name, `[sources, ...]` each.
    """
    pairs = zip(AUGMENTATIONS.items(), keys, strict=True)
    return {name: augmentation.draw(key, sources) for (name, augmentation), key in pairs}


def augment(sources: tf.Tensor, drawn: dict[str, tf.Tensor], chosen: Collection[str]) -> tf.Tensor:
    """Applies the chosen augmentations.

    Args:
        sources: tf.Tensor. Float32 `[sources, samples, channels]`.
        drawn: dict. What was drawn for at least as many sources, by name of the augmentation.
        chosen: collection of str. Names of the augmentations that are applied.

    Returns:
        The sources, of the same shape.

    Example:
        >>> drawn = {"gain": tf.constant([0.5, 1.0]), "channelswap": tf.constant([True, False])}
        >>> sources = tf.constant([[[0.5, 1.0]], [[0.25, 0.75]]])
        >>> augment(sources, drawn, ["gain", "channelswap"]).numpy().tolist()
        [[[0.5, 0.25]], [[0.25, 0.75]]]
    """
    matrix = None  # of the linear augmentations that are not yet applied
    for name, augmentation in AUGMENTATIONS.items():
        if name not in chosen:
            continue
        values = drawn[name][: sources.shape[0]]
        if isinstance(augmentation, LinearAugmentation):
            own = augmentation.matrix(values, sources.shape[2])
            matrix = own if matrix is None else tf.matmul(matrix, own)
        else:
            sources, matrix = augmentation.apply(_mixed(sources, matrix), values), None
    return _mixed(sources, matrix)


def _mixed(sources: tf.Tensor, matrix: tf.Tensor | None) -> tf.Tensor:
    # [sources, samples, old channels] -> [sources, samples, new channels]
    return sources if matrix is None else tf.matmul(sources, matrix)
