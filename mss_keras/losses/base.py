"""What every loss shares: its domain, its shapes, one value per example."""

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import tensorflow as tf

from mss_keras.config import DOMAINS, require

# Axes of a pair behind [batch, sources], by domain.
_AXES = {
    "waveform": ("samples", "channels"),
    "magnitude": ("frames", "channels", "bins"),
    "phase_sensitive": ("frames", "channels", "bins"),
    "mask": ("frames", "channels", "bins"),
    "logits": ("frames", "channels", "bins"),
}


class SeparationLoss(keras.losses.Loss):
    """A distance between target and estimated sources, with one value per example.

    A subclass defines `source_distances`, or `distance` where the value of a source depends on
    the estimates of others. A loss that is a weighted sum of terms, all of them worth
    logging, defines `summands` and `weights` instead. Every loss computes in float32,
    or in `dtype` where that is given, whatever the precision of the model.

    A loss that compares through a network is a `NetworkLoss`. The class attribute `companion`
    names what training has to provide beside the loss (`None`: nothing); the loss does not
    know how it is made.

    Shape:
        y_true, y_pred: `[batch, sources, samples, channels]` in the domain `waveform`, and
            `[batch, sources, frames, channels, bins]` in the others.
        value: a scalar, or `[batch]` where `reduction` is `"none"`.

    Args:
        domain: str. What is compared: `waveform`, `magnitude`, `phase_sensitive`, `mask` or
            `logits` (targets that are masks, estimates of which masks are made).
        name: str. Catalogue name. Defaults to the name of the class.
        reduction: str. As in `keras.losses.Loss`. Defaults to `"sum_over_batch_size"`.
        dtype: str. Defaults to `"float32"`.

    Raises:
        UserError: if the domain is unknown.

    Example:
        >>> class Largest(SeparationLoss):
        ...     def source_distances(self, y_true, y_pred):
        ...         return tf.reduce_max(tf.abs(y_pred - y_true), axis=[2, 3])
        >>> float(Largest("waveform")([[[[0.0], [1.0]]]], [[[[0.5], [1.0]]]]))
        0.5
    """

    companion: ClassVar[str | None] = None
    mask_activation: ClassVar[str | None] = None
    """What a loss of logits wants masks to be made by."""

    def __init__(
        self,
        domain: str,
        *,
        name: str | None = None,
        reduction: str = "sum_over_batch_size",
        dtype: Any = "float32",
    ):
        require(domain in DOMAINS, "domain", found=domain, wanted=f"one of {', '.join(DOMAINS)}")
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.domain = domain

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Distance of each example.

        Args:
            y_true: targets, `[batch, sources, ...]` with the axes of the domain.
            y_pred: estimates, of the same shape.

        Returns:
            `[batch]`.

        Raises:
            ValueError: if the shapes differ or are not those of the domain.
        """
        return self.total(self.terms(y_true, y_pred))

    def terms(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> dict[str, tf.Tensor]:
        """The terms of the distance by their names, unweighted, `[batch]` each.

        Arguments and errors as `call`.
        """
        return self.summands(*self._checked(y_true, y_pred))

    def by_source(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """The distance of each source, `[batch, sources]`, whose mean over sources is `call`.

        Arguments and errors as `call`.

        Raises:
            NotImplementedError: if the loss is not `separable`.
        """
        return self.source_distances(*self._checked(y_true, y_pred))

    def from_shares(self, shares: tf.Tensor) -> tf.Tensor:
        """What the loss compares, for estimates in its domain that no network made.

        Args:
            shares: estimates; of masks shares of the mixture, 0 to 1.
        """
        return shares

    @property
    def separable(self) -> bool:
        """Whether the distance of a source depends on no other source's estimate."""
        return type(self).source_distances is not SeparationLoss.source_distances

    @property
    def hears_silence(self) -> bool:
        """Whether validation counts what estimates of silent sources leak."""
        return True

    def _checked(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        y_true, y_pred = (tf.cast(y, self.dtype) for y in (y_true, y_pred))
        axes = ("batch", "sources", *_AXES[self.domain])
        for label, tensor in (("y_true", y_true), ("y_pred", y_pred)):
            if tensor.shape.rank not in (None, len(axes)):
                raise ValueError(
                    f"{self.name}: {label} has shape {tensor.shape}, wanted [{', '.join(axes)}]"
                )
        for axis, true, pred in zip(axes, y_true.shape, y_pred.shape, strict=True):
            if true is not None and pred is not None and true != pred:
                raise ValueError(
                    f"{self.name}: y_true has {true} {axis} and y_pred {pred}, wanted the same "
                    f"[{', '.join(axes)}]"
                )
        return y_true, y_pred

    def summands(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> dict[str, tf.Tensor]:
        """Computes `terms` of tensors whose shapes have been checked."""
        return {self.name: self.distance(y_true, y_pred)}

    @property
    def weights(self) -> Mapping[str, float]:
        """The weight of each term, by its name."""
        return {self.name: 1.0}

    def total(self, terms: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Weighted sum of terms, `[batch]` each → `[batch]`."""
        return tf.add_n([weight * terms[name] for name, weight in self.weights.items()])

    def reduced(self, values: tf.Tensor, sample_weight: tf.Tensor | None = None) -> tf.Tensor:
        """Reduces the values of a batch, `[batch]`, as Keras does where a loss is called."""
        reduction = _Reduction(self.name, self.reduction, self.dtype)
        return reduction(values, values, sample_weight=sample_weight)

    def distance(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """The formula, on tensors whose shapes have been checked: `[batch]`."""
        return tf.reduce_mean(self.source_distances(y_true, y_pred), axis=1)

    def source_distances(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """The formula for each source, on tensors whose shapes have been checked."""
        raise NotImplementedError(f"{type(self).__name__} has no distance of a source alone")

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor, with the dtype, which Keras omits."""
        return {**super().get_config(), "domain": self.domain, "dtype": self.dtype}


class _Reduction(keras.losses.Loss):
    """Keras's reduction of values that have been computed already."""

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        return y_pred


def mean_per_example(values: tf.Tensor) -> tf.Tensor:
    """Mean over all axes but the first, `[batch, ...]` → `[batch]`."""
    return tf.reduce_mean(values, axis=list(range(1, values.shape.rank)))


def mean_per_source(values: tf.Tensor) -> tf.Tensor:
    """Mean over all axes but the first two, `[batch, sources, ...]` → `[batch, sources]`."""
    return tf.reduce_mean(values, inner_axes(values))


def inner_axes(values: tf.Tensor) -> list[int]:
    """All axes but those of examples and sources."""
    return list(range(2, values.shape.rank))
