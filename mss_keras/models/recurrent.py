"""LSTM layers of Keras on a CPU, faster than Keras's in both passes.

Keras's loop over time runs some twenty small operations a frame, and as many again backwards. Here
TensorFlow's BlockLSTMV2 has the loop inside it; it keeps the gates, from which a gradient of our
own takes all factors for all frames at once. Only two vectors, the gradients of a frame's output
and of its state, are carried back from frame to frame; weights and input then get theirs by one
product each.

BlockLSTMV2 multiplies input and output of each frame with all weights, in float32. Where those are
more than the caches of a processor hold, or a product takes less time in half precision, the input
is multiplied by itself, for all frames at once, and a loop multiplies what is carried alone.

Axes are `[frames, batch, features]` here: an operation reads a frame of all examples as one block.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf
from keras import layers
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

# Weights of a direction above which the loop takes less time, whatever the batch: 8 MB, which
# processors keep in caches that their cores share. Measured by tests/benchmarks/lstm.py.
_MANY_WEIGHTS = 2_000_000


class _Kept(NamedTuple):
    # Of all frames: input, forget and output gate, candidate, state and its tanh, output.
    i: tf.Tensor
    f: tf.Tensor
    o: tf.Tensor
    g: tf.Tensor
    c: tf.Tensor
    tanh_c: tf.Tensor
    h: tf.Tensor


def takes(lstm: layers.Layer) -> bool:
    """Whether `recurrent` is to compute a layer, rather than the layer itself.

    Not where Keras uses cuDNN, and not within XLA, which does not know the operation; that is
    decided while a graph is made, so that XLA can compile no graph that was made outside it.

    Args:
        lstm: an LSTM layer, bidirectional or not, with Keras's activations and without dropout
            of its own.

    Returns:
        Whether it does.
    """
    layer = lstm.forward_layer if isinstance(lstm, layers.Bidirectional) else lstm
    if layer.use_cudnn and tf.config.list_logical_devices("GPU"):
        return False
    return not GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def recurrent(
    x: tf.Tensor,
    lstms: Sequence[layers.Layer],
    between: Sequence[Callable[[tf.Tensor], tf.Tensor]] = (),
) -> tf.Tensor:
    """LSTM layers in turn.

    States are computed in float32. Products have the type of `x`, and so the result. Gradients
    of the gradient are refused.

    Args:
        x: `[batch, frames, features]`.
        lstms: Keras's LSTM layers that return sequences, bidirectional or not.
        between: what is done with the output of each layer but the last, one for each; gets
            and returns `[batch, frames, units]`. Defaults to nothing.

    Returns:
        Output of the last layer, `[batch, frames, units]`.

    Example:
        >>> lstm = layers.Bidirectional(layers.LSTM(4, return_sequences=True))
        >>> x = tf.random.stateless_normal([2, 9, 3], [1, 2])
        >>> bool(tf.reduce_max(tf.abs(lstm(x) - recurrent(x, [lstm]))) < 1e-5)
        True
    """
    dtype = x.dtype
    x = _swapped(x)
    for k, lstm in enumerate(lstms):
        if k and between:
            x = _swapped(between[k - 1](_swapped(x)))
        x = _layer(tf.cast(x, tf.float32), lstm, dtype)
    return tf.cast(_swapped(x), dtype)


def _swapped(x: tf.Tensor) -> tf.Tensor:
    return tf.transpose(x, [1, 0, 2])


def _layer(x: tf.Tensor, lstm: layers.Layer, dtype: tf.DType) -> tf.Tensor:
    if not isinstance(lstm, layers.Bidirectional):
        return _direction(x, lstm.cell, dtype)
    back = _direction(x, lstm.backward_layer.cell, dtype, backwards=True)
    return tf.concat([_direction(x, lstm.forward_layer.cell, dtype), back], axis=-1)


def _direction(
    x: tf.Tensor, cell: layers.LSTMCell, dtype: tf.DType, *, backwards: bool = False
) -> tf.Tensor:
    # [frames, batch, features] -> [frames, batch, units]; Keras has the same order of gates.
    in_order = _reversed if backwards else tf.identity

    @tf.custom_gradient
    def run(x, *weights):
        x = in_order(x)
        kernel, recurrent_kernel, _ = weights
        many = kernel.shape.num_elements() + recurrent_kernel.shape.num_elements() > _MANY_WEIGHTS
        loops = many or dtype != tf.float32
        kept = _looped(x, weights, dtype) if loops else _in_one(x, weights)

        def gradient(upstream):
            kernels = [tf.cast(weight, dtype) for weight in (kernel, recurrent_kernel)]
            dx, *others = _gradient(in_order(upstream), kept, x=x, kernels=kernels)
            return in_order(dx), *others

        return in_order(kept.h), gradient

    weights = (cell.kernel, cell.recurrent_kernel, cell.bias)
    return run(x, *(tf.convert_to_tensor(weight) for weight in weights))


def _in_one(x: tf.Tensor, weights) -> _Kept:
    kernel, recurrent_kernel, bias = weights
    units = recurrent_kernel.shape[0]
    state = tf.zeros([tf.shape(x)[1], units])
    peephole = tf.zeros([units])  # the layers have no peepholes
    kept = tf.raw_ops.BlockLSTMV2(
        seq_len_max=tf.shape(x, out_type=tf.int64)[0],
        x=x,
        cs_prev=state,
        h_prev=state,
        w=tf.concat([kernel, recurrent_kernel], axis=0),
        wci=peephole,
        wcf=peephole,
        wco=peephole,
        b=bias,
        cell_clip=0.0,
        use_peephole=False,
    )
    return _Kept(kept.i, kept.f, kept.o, kept.ci, kept.cs, kept.co, kept.h)


def _looped(x: tf.Tensor, weights, dtype: tf.DType) -> _Kept:
    kernel, recurrent_kernel, bias = weights
    units, batch = recurrent_kernel.shape[0], x.shape[1]
    frames = tf.shape(x)[0]
    # sigmoid(z) = tanh(z / 2) / 2 + 1/2: all gates of a frame are one tanh.
    is_gate = tf.repeat(tf.constant([1.0, 1.0, 0.0, 1.0]), units)  # the third is the candidate
    scale, shift = 1 - is_gate / 2, is_gate / 2
    kernel, recurrent_kernel = (tf.cast(w * scale, dtype) for w in (kernel, recurrent_kernel))
    columns = _reads_columns(dtype)
    recurrent_kernel = tf.transpose(recurrent_kernel) if columns else recurrent_kernel
    rows = tf.cast(tf.reshape(x, [-1, x.shape[-1]]), dtype)
    inputs = tf.cast(tf.matmul(rows, kernel), tf.float32) + bias * scale
    inputs = tf.reshape(inputs, [frames, tf.shape(x)[1], 4 * units])

    def frame(*carried):
        t, h, c, *found = carried
        z = tf.matmul(tf.cast(h, dtype), recurrent_kernel, transpose_b=columns)
        gates = tf.tanh(tf.cast(z, tf.float32) + tf.gather(inputs, t)) * scale + shift
        i, f, g, o = tf.split(gates, 4, axis=1)
        c = i * g + f * c
        h = o * tf.tanh(c)
        return t + 1, h, c, *(y.write(t, z) for y, z in zip(found, (gates, c, h), strict=True))

    zeros = tf.zeros([tf.shape(x)[1], units])
    found = [
        tf.TensorArray(tf.float32, frames, element_shape=[batch, width])
        for width in (4 * units, units, units)
    ]
    start = (0, zeros, zeros, *found)
    found = tf.while_loop(lambda t, *_: t < frames, frame, start, parallel_iterations=1)[3:]
    gates, c, h = (tf.ensure_shape(y.stack(), [None, batch, None]) for y in found)
    i, f, g, o = tf.split(gates, 4, axis=2)
    return _Kept(i, f, o, g, c, tf.tanh(c), h)


def _reads_columns(dtype: tf.DType) -> bool:
    # Whether products of few rows take less time where weights are stored transposed; measured.
    return dtype != tf.float32


def _reversed(x: tf.Tensor) -> tf.Tensor:
    # Copies frame by frame; tf.reverse copies number by number.
    return tf.gather(x, tf.range(tf.shape(x)[0] - 1, -1, -1))


def _gradient(upstream, kept, *, x, kernels) -> tuple[tf.Tensor, ...]:
    """Gradients of a direction's input, kernels and bias, float32.

    With c = f c' + i g, h = o tanh(c), where c' is the state of the frame before and i, f, g, o
    are functions of z = x W + h' U + b, this is the chain rule from the last frame to the first.
    """
    kernel, recurrent_kernel = kernels
    gates = _gate_gradients(upstream, kept, recurrent_kernel)  # [frames, batch, 4 * units]

    def rows(y: tf.Tensor) -> tf.Tensor:  # of all frames and examples, for a product
        return tf.cast(tf.reshape(y, [-1, y.shape[-1]]), kernel.dtype)

    dz = rows(gates)
    found = (
        tf.reshape(tf.matmul(dz, kernel, transpose_b=True), tf.shape(x)),
        tf.matmul(rows(x), dz, transpose_a=True),
        tf.matmul(rows(_delayed(kept.h)), dz, transpose_a=True),
    )
    found = *(tf.cast(y, tf.float32) for y in found), tf.raw_ops.BiasAddGrad(out_backprop=gates)
    message = "the gradient of an LSTM layer in one operation has no gradient of its own"
    return tuple(tf.raw_ops.PreventGradient(input=y, message=message) for y in found)


def _delayed(x: tf.Tensor) -> tf.Tensor:
    # What each frame gets from the one before it.
    return tf.concat([tf.zeros_like(x[:1]), x[:-1]], axis=0)


def _gate_gradients(upstream, kept, recurrent_kernel) -> tf.Tensor:
    # The gradient of z, `[frames, batch, 4 * units]`, float32.
    i, f, o, g, c, tanh_c, _ = kept
    frames, shape = tf.shape(upstream)[0], upstream.shape
    # How i, f and g move c, how o moves h, and how c moves h.
    by_state = tf.stack([g * i * (1 - i), _delayed(c) * f * (1 - f), i * (1 - g * g)], axis=2)
    by_output = tanh_c * o * (1 - o)
    through = o * (1 - tanh_c * tanh_c)
    columns = _reads_columns(recurrent_kernel.dtype)
    back = recurrent_kernel if columns else tf.transpose(recurrent_kernel)
    width = 3 * shape[-1]

    def frame(*carried):
        t, dh, dc, found = carried
        # A gather copies one frame; a TensorArray would copy all of them first.
        above, state, output, moved, forget = (
            tf.gather(y, t) for y in (upstream, by_state, by_output, through, f)
        )
        dh = dh + above
        dc = dc + dh * moved
        dz = tf.concat([tf.reshape(dc[:, tf.newaxis] * state, [-1, width]), dh * output], axis=1)
        dh = tf.matmul(tf.cast(dz, back.dtype), back, transpose_b=columns)
        dh = tf.cast(dh, tf.float32)
        return t - 1, dh, dc * forget, found.write(t, dz)

    zeros = tf.zeros([tf.shape(upstream)[1], shape[-1]])
    found = tf.TensorArray(tf.float32, frames, element_shape=[shape[1], 4 * shape[-1]])
    start = (frames - 1, zeros, zeros, found)
    return tf.while_loop(lambda t, *_: t >= 0, frame, start, parallel_iterations=1)[-1].stack()
