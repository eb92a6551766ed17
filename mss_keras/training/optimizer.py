"""Adam as open-unmix uses it."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="mss_keras")
class AdamL2(keras.optimizers.Adam):
    """Adam with an L2 penalty in the gradient, as `torch.optim.Adam(weight_decay=)`.

    Keras's own `weight_decay` is decoupled from the gradient, which is another
    algorithm (AdamW). As in Keras, epsilon stands inside the bias correction. The formulas are
    Keras's; TensorFlow computes them in one operation, which passes over the weights once.

    Args:
        learning_rate: float. Defaults to `0.001`.
        l2: float. `l2 * variable` is added to each gradient. Defaults to `0`.
        **kwargs: as `keras.optimizers.Adam`.
    """

    def __init__(self, learning_rate: float = 0.001, *, l2: float = 0.0, **kwargs):
        # torch's epsilon; Keras's default is 1e-7.
        super().__init__(learning_rate, **{"epsilon": 1e-8, **kwargs})
        self.l2 = l2

    def update_step(self, gradient, variable, learning_rate):
        """Adds the penalty's gradient."""
        if self.l2:
            gradient = gradient + self.l2 * keras.ops.cast(variable, gradient.dtype)
        if self.amsgrad:
            super().update_step(gradient, variable, learning_rate)
        else:
            self._in_one(gradient, variable, learning_rate)

    def _in_one(self, gradient, variable, learning_rate):
        # Where Keras passes over the weights a dozen times.
        dtype, index = variable.dtype, self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, dtype)
        beta_1, beta_2 = (tf.cast(beta, dtype) for beta in (self.beta_1, self.beta_2))
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "l2": self.l2}
