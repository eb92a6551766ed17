"""Ctrl-C that is not lost."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import keras


class Interrupt(keras.callbacks.Callback):
    """Raises KeyboardInterrupt where it is checked, once it has been asked to.

    As a callback of `fit` it checks at the end of each batch.
    """

    asked = False

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C has been pressed."""
        if self.asked:
            raise KeyboardInterrupt

    def _check_batch(self, batch, logs=None):
        self.check()

    on_train_batch_end = on_test_batch_end = _check_batch


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Within, the first Ctrl-C takes effect where the interrupt is checked.

    Python's own exception may arise in a destructor or a callback from C++, where it
    is printed and forgotten. A second Ctrl-C has the usual effect.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt  # signals are the main thread's
        return

    before = signal.getsignal(signal.SIGINT)

    def ask(number, frame):
        interrupt.asked = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
