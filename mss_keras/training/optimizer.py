"""Adam as open-unmix uses it."""

import keras


@keras.saving.register_keras_serializable(package="mss_keras")
class AdamL2(keras.optimizers.Adam):
    """Adam with an L2 penalty in the gradient, as `torch.optim.Adam(weight_decay=)`.

    Keras's own `weight_decay` is decoupled from the gradient, which is another
    algorithm (AdamW). As in Keras, epsilon stands inside the bias correction.

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
        super().update_step(gradient, variable, learning_rate)

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "l2": self.l2}
