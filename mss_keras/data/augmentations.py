"""Stage 3 of the pipeline: random changes of each source, before the sources are mixed.

An augmentation is a class of this file and a line at the end of `AUGMENTATIONS`, and its name is a
choice of `DataConfig.augmentations`. It stands at the end because every augmentation draws with
a key of its place in the table: the examples of a seed stay what they were, in resumed runs too.
"""

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


@dataclass(frozen=True)
class Gain:
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

    def apply(self, sources: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
        """Multiplies each source by its factor."""
        return sources * drawn[:, tf.newaxis, tf.newaxis]


@dataclass(frozen=True)
class ChannelSwap:
    """The order of the channels of each source is reversed now and then: left becomes right.

    Args:
        probability: float. How often, 0 to 1.
    """

    probability: float

    def draw(self, key: tf.Tensor, sources: int) -> tf.Tensor:
        """Whether the channels are swapped, bool `[sources]`."""
        return tf.random.stateless_uniform([sources], key) < self.probability

    def apply(self, sources: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
        """Reverses the channels of the sources that were drawn."""
        swapped = tf.reverse(sources, axis=[2])
        return tf.where(drawn[:, tf.newaxis, tf.newaxis], swapped, sources)


# By the names of `DataConfig.augmentations`, in the order in which they are applied. The
# constants are open-unmix's.
AUGMENTATIONS: dict[str, Augmentation] = {
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
    for name, augmentation in AUGMENTATIONS.items():
        if name in chosen:
            sources = augmentation.apply(sources, drawn[name][: sources.shape[0]])
    return sources
