"""Ctrl-C reaches these tests however they were started."""

import signal

import pytest


@pytest.fixture(autouse=True)
def heeded():
    """A shell has its background jobs ignore SIGINT, and their children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
