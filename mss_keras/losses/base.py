"""What every loss shares: its domain, its shapes, one value per example."""

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import tensorflow as tf

from mss_keras.config import DOMAINS

# Axes of a pair behind [batch, sources], by domain.
_AXES = {
    "waveform": ("samples", "channels"),
    "magnitude": ("frames", "channels", "bins"),
    "phase_sensitive": ("frames", "channels", "bins"),
    "mask": ("frames", "channels", "bins"),
}


class SeparationLoss(keras.losses.Loss):
    """A distance between target and estimated sources, one value per example.

    Subclasses give `distance`, or `summands` and `weights` where it is a sum of which each
    term is worth a look. Computes in float32, or in `dtype` where that is given, whatever
    the model's precision.

    A loss that compares through a network is a `NetworkLoss` and takes it as the argument
    `network`. The class attribute `companion` names what training has to provide beside such
    a loss; the loss does not know how that is made.

    Args:
        domain: str. What is compared: one of `waveform`, `magnitude`,
            `phase_sensitive`, `mask`.
        name: str. Catalogue name. Defaults to the class's name.
        reduction: str. As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        dtype: str. Defaults to `"float32"`.
    """

    companion: ClassVar[str | None] = None

    def __init__(
        self,
        domain: str,
        *,
        name: str | None = None,
        reduction: str = "sum_over_batch_size",
        dtype: Any = "float32",
    ):
        if domain not in DOMAINS:
            raise ValueError(f"domain: found {domain!r}, wanted one of {', '.join(DOMAINS)}")
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.domain = domain

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Distance of each example.

        Args:
            y_true: targets, `[batch, sources, ...]` with the domain's axes.
            y_pred: estimates, of the same shape.

        Returns:
            `[batch]`.

        Raises:
            ValueError: if the shapes differ or are not the domain's.
        """
        return self.total(self.terms(y_true, y_pred))

    def terms(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> dict[str, tf.Tensor]:
        """What the distance is the weighted sum of, by name: `[batch]` each, unweighted.

        Arguments and errors as `call`.
        """
        y_true, y_pred = (tf.cast(y, self.dtype) for y in (y_true, y_pred))
        axes = ("batch", "sources", *_AXES[self.domain])
        for label, tensor in (("y_true", y_true), ("y_pred", y_pred)):
            if tensor.shape.rank not in (None, len(axes)):
                raise ValueError(
                    f"{self.name}: {label} has shape {tensor.shape}, wanted [{', '.join(axes)}]"
                )
        for axis, one, other in zip(axes, y_true.shape, y_pred.shape, strict=True):
            if one is not None and other is not None and one != other:
                raise ValueError(
                    f"{self.name}: y_true has {one} {axis} and y_pred {other}, wanted the same "
                    f"[{', '.join(axes)}]"
                )
        return self.summands(y_true, y_pred)

    def summands(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> dict[str, tf.Tensor]:
        """`terms`, on checked tensors."""
        return {self.name: self.distance(y_true, y_pred)}

    @property
    def weights(self) -> Mapping[str, float]:
        """The weight of each term."""
        return {self.name: 1.0}

    def total(self, terms: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Weighted sum of terms, `[batch]`."""
        return tf.add_n([weight * terms[name] for name, weight in self.weights.items()])

    def reduced(self, values: tf.Tensor, sample_weight: tf.Tensor | None = None) -> tf.Tensor:
        """What calling the loss makes of the values of a batch: Keras's own reduction."""
        given = _Given(self.name, self.reduction, self.dtype)
        return given(values, values, sample_weight=sample_weight)

    def distance(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """The formula, on checked tensors: `[batch, sources, ...]` twice → `[batch]`."""
        raise NotImplementedError(f"{type(self).__name__} has to define distance()")

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor, the dtype too (Keras's own omits it)."""
        return {**super().get_config(), "domain": self.domain, "dtype": self.dtype}


class _Given(keras.losses.Loss):
    """Values that are there already."""

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        return y_pred


def mean_per_example(values: tf.Tensor) -> tf.Tensor:
    """Mean over all axes but the first."""
    return tf.reduce_mean(values, axis=list(range(1, values.shape.rank)))


def inner_axes(values: tf.Tensor) -> list[int]:
    """All axes but those of examples and sources."""
    return list(range(2, values.shape.rank))
