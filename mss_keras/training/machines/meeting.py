"""Workers wait for each other before TensorFlow does.

TensorFlow's own wait has no end, listens to no Ctrl-C and does not tell who is missing. Therefore
every worker reports to the chief first, at the address on which TensorFlow's server of the chief
will be, and goes on when the chief has heard of all of them. TensorFlow would wait, too, for a
worker whose address is in use, and between workers of different versions anything may happen.
"""

import contextlib
import json
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

from mss_keras.config import UserError, WorkFailedError
from mss_keras.training.machines.cluster import Cluster

_HELLO = "mss_keras"  # a server of TensorFlow says something else
_POLL = 0.2  # s
_PACKAGES = ("mss_keras", "tensorflow", "keras")


class WorkersLateError(WorkFailedError):
    """Not all workers came in time."""


def meet(cluster: Cluster, timeout: float, say: Callable[[str], None]) -> None:
    """Waits until all workers of a cluster are there.

    Args:
        cluster: Cluster. The cluster.
        timeout: float. Seconds to wait at most.
        say: Callable. Is called with a line.

    Raises:
        WorkersLateError: if they are not there in time.
        UserError: if the workers are told of different clusters or have different versions, or
            this one cannot listen at its address.
    """
    if cluster.count == 1:
        return
    deadline = time.monotonic() + timeout
    say(
        f"this is {cluster.name(cluster.index)} of {cluster.count} and waits for the others, "
        f"{timeout:g} s at most"
    )
    if cluster.is_chief:
        _Chief(cluster, deadline, say).wait(timeout)
    else:
        _report(cluster, deadline, timeout)


class _Chief:
    """The chief while it waits: the workers that have reported and still hold the line."""

    def __init__(self, cluster: Cluster, deadline: float, say: Callable[[str], None]):
        self._cluster, self._deadline, self._say = cluster, deadline, say
        self._there: dict[int, socket.socket] = {}

    def wait(self, timeout: float) -> None:
        with (
            _listening(self._cluster, self._deadline) as server,
            selectors.DefaultSelector() as selector,
        ):
            selector.register(server, selectors.EVENT_READ)
            while len(self._there) < self._cluster.count - 1:
                left = self._deadline - time.monotonic()
                if left <= 0:
                    missing = _missing(self._cluster, self._there, timeout)
                    self._answer({"late": missing})
                    raise WorkersLateError(missing)
                for key, _ in selector.select(min(left, _POLL)):
                    if key.fileobj is server:
                        self._take(server.accept()[0], selector)
                    else:
                        self._drop(key.data, selector)
            self._answer({"go": True})

    def _take(self, connection: socket.socket, selector: selectors.BaseSelector) -> None:
        hello = _read(connection, 5.0)
        index = hello.get("worker")
        if not isinstance(index, int) or not 0 < index < self._cluster.count:
            connection.close()
            return
        terms = _terms(self._cluster)
        if different := [name for name in terms if hello.get(name) != terms[name]]:
            self._say(f"{self._cluster.name(index)} has other {different[0]} and is refused")
            with contextlib.suppress(OSError):
                _write(connection, {"terms": terms})
            connection.close()
            return
        if index in self._there:  # it was started again
            self._drop(index, selector)
        self._there[index] = connection
        selector.register(connection, selectors.EVENT_READ, index)

    def _drop(self, index: int, selector: selectors.BaseSelector) -> None:
        connection = self._there.pop(index)
        selector.unregister(connection)
        connection.close()

    def _answer(self, answer: dict) -> None:
        for connection in self._there.values():
            with contextlib.suppress(OSError):
                _write(connection, answer)
            connection.close()


@contextlib.contextmanager
def _listening(cluster: Cluster, deadline: float) -> Iterator[socket.socket]:
    # At the address of this worker.
    address = cluster.addresses[cluster.index]
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        while True:
            try:
                server.bind(("", int(address.rpartition(":")[2])))
                break
            except OSError as error:  # of a run that is about to end, perhaps
                if time.monotonic() > deadline:
                    found = f"{address}, where this worker cannot listen ({error.strerror})"
                    raise UserError("cluster", found, "a free address") from None
                time.sleep(_POLL)
        server.listen(cluster.count)
        yield server


def _report(cluster: Cluster, deadline: float, timeout: float) -> None:
    # Holds the line until the chief answers; a chief that is not there yet is asked again.
    with _listening(cluster, deadline):
        pass  # TensorFlow will
    host, _, port = cluster.addresses[0].rpartition(":")
    while (left := deadline - time.monotonic()) > 0:
        with contextlib.suppress(OSError):
            with socket.create_connection((host, int(port)), timeout=min(left, 5.0)) as line:
                _write(line, {"worker": cluster.index, **_terms(cluster)})
                answer = _read(line, left)
            if answer.get("go"):
                return
            if "late" in answer:
                raise WorkersLateError(answer["late"])
            _compare(cluster, answer.get("terms", {}))
        time.sleep(_POLL)
    raise WorkersLateError(_missing(cluster, range(1, cluster.count), timeout))


def _terms(cluster: Cluster) -> dict[str, Any]:
    # What all workers have to have in common before they can speak of the rest.
    versions = {name: metadata.version(name) for name in _PACKAGES}
    return {"addresses": list(cluster.addresses), **versions}


def _compare(cluster: Cluster, wanted: dict[str, Any]) -> None:
    for name, found in _terms(cluster).items():
        there = wanted.get(name, found)
        if there != found and name == "addresses":
            given, wished = (", ".join(x) for x in (found, there))
            raise UserError("cluster", given, f"{wished}, as {cluster.name(0)} has it")
        if there != found:
            on = cluster.name(cluster.index)
            raise UserError(f"{name}'s version", f"{found} on {on}", f"{there}, as on worker 0")


def _missing(cluster: Cluster, there, timeout: float) -> str:
    missing = [i for i in range(cluster.count) if i not in there and i != cluster.index]
    names = ", ".join(map(cluster.name, missing))
    return f"{names} did not come within {timeout:g} s, which is `startup_timeout`"


def _write(connection: socket.socket, values: dict) -> None:
    connection.sendall(f"{_HELLO} {json.dumps(values)}\n".encode())


def _read(connection: socket.socket, timeout: float) -> dict:
    # What the other says; nothing where it is silent, gone, or no worker.
    connection.settimeout(timeout)
    try:
        with connection.makefile("rb") as file:
            start, _, text = file.readline(2**20).decode().partition(" ")
        values = json.loads(text) if start == _HELLO else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}
