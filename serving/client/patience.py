"""Repeats requests while a server is unavailable."""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import tenacity

from serving.client.errors import UNAVAILABLE, ServingError, Unreachable

Result = TypeVar("Result")

# A server that is there takes a connection within this time.
CONNECT_SECONDS = 10.0


class Patience:
    """How long, and how often, a client tries.

    The pauses between attempts grow up to ten seconds. They are drawn at random, which keeps
    clients from coming back all at once.

    Args:
        deadline: float. Seconds for all attempts of one request together.
        say: Callable. Called with a line about every attempt that failed.
    """

    def __init__(self, deadline: float, say: Callable[[str], None]):
        self.deadline = deadline
        self._say = say
        self._ended = False
        self._lock = threading.Lock()
        self._stops: set[threading.Event] = set()

    def end(self) -> None:
        """Ends all pauses; no request is repeated from now on."""
        with self._lock:
            self._ended = True
            for stop in self._stops:
                stop.set()

    @contextlib.contextmanager
    def together(self) -> Iterator[threading.Event]:
        """An event that ends the pauses of some requests alone, such as those of one song."""
        stop = threading.Event()
        with self._lock:
            self._stops.add(stop)
            if self._ended:
                stop.set()
        try:
            yield stop
        finally:
            stop.set()
            with self._lock:
                self._stops.discard(stop)

    def reach(self, connect: Callable[[float], Result]) -> Result:
        """Repeats a first request, until `CONNECT_SECONDS` have passed without a connection.

        A server that has a connection but is not ready is waited for as by `keep_asking`.

        Args:
            connect: Callable. Called with the seconds that are left.

        Raises:
            ServingError: if the last attempt failed.
        """
        with self.together() as stop:
            return self._repeat(connect, stop, away=CONNECT_SECONDS)

    def keep_asking(self, request: Callable[[float], Result], stopped: threading.Event) -> Result:
        """Repeats a request while the server is unavailable: away, or overloaded.

        Args:
            request: Callable. Called with the seconds that are left.
            stopped: threading.Event. That of `together`; once it is set, the request is not
                repeated.

        Raises:
            ServingError: if the last attempt failed.
        """
        return self._repeat(request, stopped, away=math.inf)

    def _repeat(
        self, request: Callable[[float], Result], stopped: threading.Event, *, away: float
    ) -> Result:
        end = time.monotonic() + self.deadline
        over = tenacity.stop_any(
            tenacity.stop_before_delay(self.deadline), tenacity.stop_when_event_set(stopped)
        )

        def stop(state: tenacity.RetryCallState) -> bool:
            passed = (state.seconds_since_start or 0) + state.upcoming_sleep
            is_away = isinstance(_error(state), Unreachable) and passed > away
            return is_away or over(state)

        def tell(state: tenacity.RetryCallState) -> None:
            # Of a server that was never there, one line at the end is enough.
            if away == math.inf or not isinstance(_error(state), Unreachable):
                self._say(f"{_error(state)}; again in {state.upcoming_sleep:.1f} s")

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, ServingError) and error.code == UNAVAILABLE
            ),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=10),
            stop=stop,
            sleep=tenacity.sleep_using_event(stopped),
            before_sleep=tell,
            reraise=True,
        )(lambda: request(max(0.001, end - time.monotonic())))


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
