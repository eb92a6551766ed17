"""Ctrl-C is seen where the work asks for it."""

import signal
import threading

import pytest

from mss_keras.jobs.interrupt import interruptible


def test_the_first_takes_effect_at_the_next_check_and_the_second_at_once():
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as interrupt:
        interrupt.check()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_was_there_comes_back_after_an_error():
    before = signal.getsignal(signal.SIGINT)

    def fail():
        with interruptible():
            assert signal.getsignal(signal.SIGINT) is not before
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_leaves_signals_alone():
    found = []

    def work():
        with interruptible() as interrupt:
            interrupt.check()
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]
