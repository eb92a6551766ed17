"""The outputs of a request, filled song by song and block by block in bounded memory."""

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

Outputs = dict[str, tf.Tensor]


def zeros(shape: list, names: Iterable[str]) -> Outputs:
    """Makes outputs for `put` to fill.

    Args:
        shape: list. Shape of each, of numbers and 0-D tensors.
        names: iterable of str. Names of the outputs.
    """
    return {name: tf.zeros(shape) for name in names}


def put(block: tf.Tensor, carried: tuple[tf.Tensor, Outputs]) -> tuple[tf.Tensor, Outputs]:
    """Writes a block into outputs that exist already, without a copy.

    Lists of blocks would leave holes in memory into which no output fits.

    Args:
        block: tf.Tensor. `[any, outputs, ...]`.
        carried: tuple. Where the block begins, and the outputs, `[all, ...]` each.

    Returns:
        Where the next block begins, and the outputs.
    """
    begin, outputs = carried
    end = begin + tf.shape(block)[0]
    stems = tf.unstack(block, len(outputs), axis=1)
    pairs = zip(outputs.items(), stems, strict=True)
    filled = {
        name: tf.raw_ops.TensorStridedSliceUpdate(
            input=output, begin=[begin], end=[end], strides=[1], value=stem
        )
        for (name, output), stem in pairs
    }
    return end, filled


def strings(names: Iterable[str], count: tf.Tensor) -> dict[str, tf.TensorArray]:
    """Makes arrays of strings for `write` to fill.

    Args:
        names: iterable of str. Names of the arrays.
        count: tf.Tensor. Int32, 0-D: how many strings each has.
    """
    return {name: tf.TensorArray(tf.string, count, element_shape=[]) for name in names}


def write(values: list[tf.Tensor], carried: tuple) -> tuple:
    """Writes a string into each array.

    Args:
        values: list of tf.Tensor. Strings, 0-D.
        carried: tuple. Where to write, and the arrays.

    Returns:
        Where to write next, and the arrays.
    """
    index, arrays = carried
    pairs = zip(arrays.items(), values, strict=True)
    return index + 1, {name: array.write(index, value) for (name, array), value in pairs}


def fold(count: tf.Tensor, function: Callable[[tf.Tensor, Any], Any], carried: Any) -> Any:
    """Calls a function for one song after the other: two at a time would take twice the memory.

    Args:
        count: tf.Tensor. Int32, 0-D: number of songs.
        function: Callable. Called with the number of the song and `carried`; returns the next
            `carried`.
        carried: Any. Tensors and arrays, as `tf.while_loop` takes them.

    Returns:
        The last `carried`.
    """
    _, carried = tf.while_loop(
        lambda index, _: index < count,
        lambda index, carried: (index + 1, function(index, carried)),
        (0, carried),
        parallel_iterations=1,
    )
    return carried
