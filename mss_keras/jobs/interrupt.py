"""Ctrl-C that is not lost."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Interrupt:
    """Raises KeyboardInterrupt where it is checked, once it has been asked to."""

    asked = False

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C has been pressed."""
        if self.asked:
            raise KeyboardInterrupt


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
