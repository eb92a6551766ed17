"""What makes masks of a network's last values, which are logits where a loss takes them as such.

Axes: `[batch, sources, frames, channels, bins]`.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf


def softmax(logits: tf.Tensor) -> tf.Tensor:
    """Masks that sum to 1 over the sources of a bin.

    Example:
        >>> softmax(tf.zeros([1, 4, 1, 1, 1]))[0, :, 0, 0, 0].numpy().tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    # Not TensorFlow's, which wants the sources last: two transposed copies.
    return tf.exp(logits - tf.reduce_logsumexp(logits, axis=1, keepdims=True))


# The activations of `ModelConfig`.
ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "relu": tf.nn.relu,
    "softmax": softmax,
    "sigmoid": tf.nn.sigmoid,
}

# Those by which a mask depends on the values of all sources.
_COUPLED = ("softmax",)


class Activation:
    """Makes masks, of some of the sources, of a network's last values.

    Args:
        name: str. A key of `ACTIVATIONS`.
        chosen: sequence of int. Indices of the sources that are wanted. Defaults to all.
        off: bool. Whether the values are to stay what they are. Defaults to `False`.
    """

    def __init__(self, name: str, chosen: Sequence[int] | None = None, *, off: bool = False):
        self._function = tf.identity if off else ACTIVATIONS[name]
        self._chosen = chosen
        self._coupled = name in _COUPLED and not off

    def needed(self, sources: int) -> Sequence[int]:
        """Indices of the sources whose values are needed, of that many in all."""
        if self._chosen is None or self._coupled:
            return range(sources)
        return self._chosen

    def __call__(self, values: tf.Tensor) -> tf.Tensor:
        """Values of the needed sources → masks of the wanted ones."""
        masks = self._function(values)
        if self._coupled and self._chosen is not None:
            return tf.gather(masks, self._chosen, axis=1)
        return masks
