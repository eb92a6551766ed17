"""Batches of one size, however many examples there are."""

import tensorflow as tf

Example = dict[str, tf.Tensor]


def padded_batches(
    examples: tf.data.Dataset, batch_size: int, *, batches: int | None = None
) -> tf.data.Dataset:
    """Batches whose last one is filled up with silence, which is to count for nothing.

    Every device gets the same number of examples of a batch, where a shorter one would leave
    devices with none, and a step is compiled for one shape.

    Args:
        examples: tf.data.Dataset. Examples, a mapping of float tensors.
        batch_size: int. Number of examples of each batch.
        batches: int or None. Number of batches, of which those behind the last example are all
            silence. Defaults to `None`, as many as the examples fill.

    Returns:
        Batches of the same mapping with an axis `batch` in front, and `weight`, float32 `[batch]`:
        1 for an example, 0 for what fills up the last batch.

    Example:
        >>> examples = tf.data.Dataset.from_tensor_slices({"sources": tf.ones([5, 1])})
        >>> [batch["weight"].numpy().tolist() for batch in padded_batches(examples, 3)]
        [[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]
    """

    def fill(batch: Example) -> Example:
        count = tf.shape(next(iter(batch.values())))[0]
        weight = tf.cast(tf.range(batch_size) < count, tf.float32)
        return {**{name: _padded(x, batch_size) for name, x in batch.items()}, "weight": weight}

    filled = examples.batch(batch_size).map(fill)
    if batches is None:
        return filled
    silence = tf.data.Dataset.from_tensors(
        {name: tf.zeros(spec.shape, spec.dtype) for name, spec in filled.element_spec.items()}
    )
    whole = filled.concatenate(silence.repeat()).take(batches)
    return whole.apply(tf.data.experimental.assert_cardinality(batches))


def _padded(x: tf.Tensor, batch_size: int) -> tf.Tensor:
    missing = [0, batch_size - tf.shape(x)[0]]
    padding = tf.concat([[missing], tf.zeros([x.shape.rank - 1, 2], tf.int32)], axis=0)
    return tf.ensure_shape(tf.pad(x, padding), [batch_size, *x.shape[1:]])
