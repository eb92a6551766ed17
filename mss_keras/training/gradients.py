"""Gradients of all replicas to one update: reduce, unscale, check, clip, step, in this order.

Keras does these things in another order. Its `keras.optimizers.LossScaleOptimizer` asks the first
replica alone whether its gradients are finite, and its optimisers clip each replica's share before
the shares are added up. With the sum taken first, every replica sees the same gradients: those
that one device would have had.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from mss_keras.config import UserError


def take_over(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Makes an optimiser, and one within it, expect gradients that are added up already.

    Args:
        optimizer: any optimiser of Keras, compiled into a model that uses `update`.

    Returns:
        The same optimiser. Another model's `keras.Model.fit` on several devices would no longer
        add up the gradients that it gives to the optimiser.
    """
    inner = getattr(optimizer, "inner_optimizer", None)
    if inner is not None:
        take_over(inner)
    optimizer._all_reduce_sum_gradients = list  # pairs of gradient and variable, as they are
    return optimizer


def update(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[tf.Tensor | None],
    variables: Sequence[Any],
) -> None:
    """One step of an optimiser, within a replica.

    Args:
        optimizer: what `take_over` gave.
        gradients: of the replica's share of the loss, scaled as the optimiser wants it.
        variables: a variable for each gradient.

    Raises:
        UserError: if the loss depends on none of the variables.
    """
    pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
    if not pairs:
        found = f"{len(variables)} trainable weights, of which none changes the loss"
        raise UserError("network", found, "weights that change it")
    context = tf.distribute.get_replica_context()
    reduced = context.all_reduce(tf.distribute.ReduceOp.SUM, [g for g, _ in pairs])
    optimizer.apply_gradients(zip(reduced, [v for _, v in pairs], strict=True))
