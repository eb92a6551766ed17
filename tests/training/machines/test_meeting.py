"""Workers wait for each other, and tell who is missing."""

import json
import socket
import threading
import time

import pytest
import tensorflow as tf
from cluster import free_addresses

from mss_keras.config import UserError
from mss_keras.training.machines import Cluster, WorkersLateError, meeting
from mss_keras.training.machines.meeting import meet


class Meeting(threading.Thread):
    """A worker that waits for the others, in a thread."""

    def __init__(self, addresses, index, timeout=20.0, after=0.0):
        super().__init__(daemon=True)
        self.cluster, self.timeout, self.after = Cluster(tuple(addresses), index), timeout, after
        self.error: Exception | None = None
        self.lines: list[str] = []
        self.start()

    def run(self):
        time.sleep(self.after)
        try:
            meet(self.cluster, self.timeout, self.lines.append)
        except Exception as error:
            self.error = error

    def end(self):
        self.join(30)
        assert not self.is_alive()
        return self.error


@pytest.mark.parametrize("late", [0, 1, 2])
def test_a_late_worker_is_waited_for(late):
    addresses = free_addresses(3)
    workers = [Meeting(addresses, i, after=0.7 * (i == late)) for i in range(3)]
    assert [worker.end() for worker in workers] == [None, None, None]
    assert all(len(worker.lines) == 1 for worker in workers)


def test_a_worker_that_never_comes_is_named_by_all():
    addresses = free_addresses(3)
    for error in [worker.end() for worker in [Meeting(addresses, i, 1.5) for i in (0, 1)]]:
        assert isinstance(error, WorkersLateError)
        expected = (
            f"worker 2 ({addresses[2]}) did not come within 1.5 s, which is `startup_timeout`"
        )
        assert str(error) == expected


def test_a_chief_that_never_comes_is_named():
    addresses = free_addresses(2)
    error = Meeting(addresses, 1, 0.5).end()
    assert isinstance(error, WorkersLateError)
    assert str(error).startswith(f"worker 0 ({addresses[0]}) did not come within 0.5 s")


def test_a_worker_that_went_again_is_waited_for_anew():
    addresses = free_addresses(2)
    chief = Meeting(addresses, 0, 20)
    host, port = addresses[0].split(":")
    time.sleep(0.3)
    with socket.create_connection((host, int(port))) as line:  # says nothing
        line.shutdown(socket.SHUT_WR)
    with socket.create_connection((host, int(port))) as line:  # of another kind
        line.sendall(b"PRI * HTTP/2.0\r\n\r\n")
    time.sleep(0.3)
    assert chief.is_alive()
    worker = Meeting(addresses, 1)
    assert chief.end() is None
    assert worker.end() is None


def test_a_server_that_is_no_chief_is_asked_again():
    addresses = free_addresses(2)
    host, port = addresses[0].split(":")
    with socket.socket() as old:
        old.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        old.bind((host, int(port)))
        old.listen()
        worker = Meeting(addresses, 1)
        connection, _ = old.accept()
        connection.sendall(b"\x00\x00\x18\x04")
        connection.close()
        chief = Meeting(addresses, 0)  # cannot listen yet
        time.sleep(0.3)
    assert chief.end() is None
    assert worker.end() is None


def test_other_addresses_are_refused():
    addresses, others = free_addresses(3), free_addresses(1)
    chief = Meeting(addresses[:2], 0, 3)
    worker = Meeting([addresses[0], *others], 1, 3)
    error = worker.end()
    assert isinstance(error, UserError)
    assert str(error).startswith(f"cluster: found {addresses[0]}, {others[0]}, wanted ")
    assert isinstance(chief.end(), WorkersLateError)


def reports(addresses, index):
    """The line of a worker that has reported to the chief."""
    host, port = addresses[0].split(":")
    line = socket.create_connection((host, int(port)))
    terms = meeting._terms(Cluster(tuple(addresses), index))
    line.sendall(f"mss_keras {json.dumps({'worker': index, **terms})}\n".encode())
    return line


def test_a_worker_that_was_started_again_takes_the_place_of_the_first():
    addresses = free_addresses(3)
    chief = Meeting(addresses, 0)
    time.sleep(0.3)
    with reports(addresses, 1) as first, reports(addresses, 1) as second:
        assert first.makefile().read() == ""
        with reports(addresses, 3) as stranger:
            assert stranger.makefile().read() == ""
        with reports(addresses, 2):
            assert second.makefile().read() == 'mss_keras {"go": true}\n'
    assert chief.end() is None


def test_other_versions_are_refused():
    addresses = free_addresses(2)
    chief = Meeting(addresses, 0)
    host, port = addresses[0].split(":")
    time.sleep(0.3)
    with socket.create_connection((host, int(port))) as line:
        hello = {"worker": 1, "addresses": addresses, "tensorflow": "2.1"}
        line.sendall(f"mss_keras {json.dumps(hello)}\n".encode())
        answer = json.loads(line.makefile().readline().removeprefix("mss_keras "))
    assert answer["terms"]["tensorflow"] == tf.__version__
    worker = Meeting(addresses, 1)
    assert chief.end() is None
    assert worker.end() is None
    assert chief.lines[1] == f"worker 1 ({addresses[1]}) has other mss_keras and is refused"


def test_a_worker_is_told_which_version_is_wanted():
    addresses = free_addresses(2)
    host, port = addresses[0].split(":")
    with socket.create_server((host, int(port))) as chief:
        worker = Meeting(addresses, 1)
        connection, _ = chief.accept()
        connection.makefile().readline()
        terms = {"addresses": addresses, "tensorflow": "2.1"}
        connection.sendall(f"mss_keras {json.dumps({'terms': terms})}\n".encode())
        error = worker.end()
        connection.close()
    assert isinstance(error, UserError)
    found = f"{tf.__version__} on worker 1 ({addresses[1]})"
    assert str(error) == f"tensorflow's version: found {found}, wanted 2.1, as on worker 0"


@pytest.mark.parametrize("index", [0, 1])
def test_an_address_in_use_is_told_by_the_worker_whose_it_is(index):
    addresses = free_addresses(2)
    host, port = addresses[index].split(":")
    with socket.create_server((host, int(port))):
        error = Meeting(addresses, index, 0.5).end()
    assert isinstance(error, UserError)
    assert str(error).startswith(f"cluster: found {addresses[index]}, where this worker cannot")
