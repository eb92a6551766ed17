"""Layers of a trained network as fewer and larger operations than in training.

Float32 throughout; axes are `[batch, frames, features]`.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf
from keras import layers


def folded(
    dense, norm, channels: int, *, before=None, after=None
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Up to four affine layers in a row as one product, whose weights are computed here.

    Args:
        dense: layer without a bias.
        norm: batch normalisation behind `dense`.
        channels: number of channels into which features are divided.
        before: `Affine` with the shift first, over the bins of each channel of the input.
            Defaults to none.
        after: `Affine` over the bins of each channel of the result. Defaults to none.

    Returns:
        A function from `[batch, frames, features]` to `[batch, frames, units of dense]`.
    """
    kernel = tf.convert_to_tensor(dense.kernel)
    scale = norm.gamma * tf.math.rsqrt(norm.moving_variance + norm.epsilon)
    shift = norm.beta - norm.moving_mean * scale
    if before is not None:
        scales, shifts = (tf.tile(w.value, [channels]) for w in (before.scale, before.shift))
        kernel = kernel * scales[:, tf.newaxis]
        shift = shift + scale * tf.linalg.matvec(kernel, shifts, transpose_a=True)
    if after is not None:
        scales, shifts = (tf.tile(w.value, [channels]) for w in (after.scale, after.shift))
        scale, shift = scale * scales, shift * scales + shifts
    kernel = kernel * scale

    def product(x: tf.Tensor) -> tf.Tensor:
        y = tf.nn.bias_add(tf.matmul(tf.reshape(x, [-1, kernel.shape[0]]), kernel), shift)
        return tf.reshape(y, tf.concat([tf.shape(x)[:-1], [kernel.shape[1]]], 0))

    return product


def on_cudnn(lstm: layers.Layer) -> bool:
    """Whether Keras traces a layer as cuDNN's, which is the fastest."""
    layer = lstm.forward_layer if isinstance(lstm, layers.Bidirectional) else lstm
    return bool(layer.use_cudnn) and bool(tf.config.list_logical_devices("GPU"))


def recurrent(x: tf.Tensor, lstms: Sequence[layers.Layer]) -> tf.Tensor:
    """LSTM layers in turn; each direction is a single operation with the loop inside it.

    On a CPU it takes a half to a third of the time of Keras's loop for 8 examples or more. XLA
    does not know the operation, and its gradient is slow: it is only used to separate.

    Args:
        x: `[batch, frames, features]`.
        lstms: Keras's LSTM layers, bidirectional or not.

    Returns:
        Output of the last layer, `[batch, frames, units]`.
    """
    x = tf.transpose(x, [1, 0, 2])  # [frames, batch, features]
    for lstm in lstms:
        if isinstance(lstm, layers.Bidirectional):
            back = _direction(tf.reverse(x, [0]), lstm.backward_layer.cell)
            x = tf.concat([_direction(x, lstm.forward_layer.cell), tf.reverse(back, [0])], axis=-1)
        else:
            x = _direction(x, lstm.cell)
    return tf.transpose(x, [1, 0, 2])


def _direction(x: tf.Tensor, cell: layers.LSTMCell) -> tf.Tensor:
    # [frames, batch, features] -> [frames, batch, units]; Keras has the same order of gates.
    state = tf.zeros([tf.shape(x)[1], cell.units])
    peephole = tf.zeros([cell.units])  # the layers have no peepholes
    return tf.raw_ops.BlockLSTMV2(
        seq_len_max=tf.shape(x, out_type=tf.int64)[0],
        x=x,
        cs_prev=state,
        h_prev=state,
        w=tf.concat([cell.kernel, cell.recurrent_kernel], axis=0),
        wci=peephole,
        wcf=peephole,
        wco=peephole,
        b=tf.convert_to_tensor(cell.bias),
        cell_clip=0.0,
        use_peephole=False,
    ).h
