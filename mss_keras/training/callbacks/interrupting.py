"""Ctrl-C ends a run between two batches."""

import keras

from mss_keras.jobs.interrupt import Interrupt


class CheckInterrupt(keras.callbacks.Callback):
    """Ends `Separator.fit` between two batches once Ctrl-C has been pressed.

    Args:
        interrupt: tells whether it has been.
    """

    def __init__(self, interrupt: Interrupt):
        super().__init__()
        self.interrupt = interrupt

    def on_train_batch_end(self, batch, logs=None):
        """Checks."""
        self.interrupt.check()

    def on_test_batch_end(self, batch, logs=None):
        """Checks."""
        self.interrupt.check()
