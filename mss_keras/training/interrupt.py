"""Ctrl-C that is not lost."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import keras


class _StopBetweenBatches(keras.callbacks.Callback):
    """Raises KeyboardInterrupt at the end of a batch once it has been asked to."""

    asked = False

    def _check(self, batch, logs=None):
        if self.asked:
            raise KeyboardInterrupt

    on_train_batch_end = on_test_batch_end = _check


@contextmanager
def interruptible() -> Iterator[keras.callbacks.Callback]:
    """A callback by which the first Ctrl-C ends `fit` after the batch at hand.

    Python's own exception may arise in a destructor or a callback from C++, where it
    is printed and forgotten. A second Ctrl-C has the usual effect.
    """
    callback = _StopBetweenBatches()
    if threading.current_thread() is not threading.main_thread():
        yield callback  # signals are the main thread's
        return

    before = signal.getsignal(signal.SIGINT)

    def ask(number, frame):
        callback.asked = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield callback
    finally:
        signal.signal(signal.SIGINT, before)
