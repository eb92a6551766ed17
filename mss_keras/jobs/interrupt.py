"""Ctrl-C that is not lost."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Interrupt:
    """Remembers that Ctrl-C was pressed, until the work asks.

    Attributes:
        pressed: bool. Whether Ctrl-C was pressed.
    """

    pressed = False

    def check(self) -> None:
        """Raises KeyboardInterrupt if Ctrl-C was pressed."""
        if self.pressed:
            raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Within, the first Ctrl-C takes effect at the next `Interrupt.check`.

    Python's own exception may arise in a destructor or a callback from C++, where it is printed
    and forgotten. A second Ctrl-C has the usual effect. In a thread other than the main one
    Ctrl-C is left alone.

    Example:
        >>> with interruptible() as interrupt:
        ...     for block in range(3):
        ...         interrupt.check()
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt  # only the main thread gets signals
        return

    before = signal.getsignal(signal.SIGINT)

    def press(number, frame):
        interrupt.pressed = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, press)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
