"""Workers hear from each other why one has failed, or find out that one is gone."""

import socket

import pytest
import tensorflow as tf
from cluster import free_addresses

from mss_keras.config import UserError, WorkFailedError
from mss_keras.training.machines import Cluster, WorkerLostError, Workers, losing, workers
from mss_keras.training.machines.losing import heed, naming_lost


class Service:
    """TensorFlow's coordination service, as one worker's context shows it."""

    def __init__(self):
        self.values: dict[str, str] = {}
        self.reported: list[str] = []
        self.states: list[object] = [None, None, None]
        self.gone = False

    def set_config_key_value(self, key, value):
        if self.gone:
            raise tf.errors.UnavailableError(None, None, "Connection reset by peer")
        if key in self.values:
            raise tf.errors.AlreadyExistsError(None, None, key)
        self.values[key] = value

    def get_config_key_value(self, key, timeout):
        if key in self.values and not self.gone:
            return self.values[key]
        raise tf.errors.DeadlineExceededError(None, None, key)

    def report_error_to_cluster(self, code, message):
        self.reported.append(message)

    def get_task_states(self, jobs):
        return self.states[: jobs[0][1]]


@pytest.fixture
def service(monkeypatch):
    found = Service()
    for module in (losing, workers):
        monkeypatch.setattr(module.context, "context", lambda: found)
    monkeypatch.setattr(losing, "_STAY", 0.0)
    return found


@pytest.fixture
def clusters():
    """Three workers, at whose addresses somebody listens."""
    addresses = tuple(free_addresses(3))
    places = [address.split(":") for address in addresses]
    listening = [socket.create_server((host, int(port))) for host, port in places]
    yield [Cluster(addresses, index) for index in range(3)]
    for each in listening:
        each.close()


def fails(cluster, error):
    with pytest.raises(type(error)), naming_lost(cluster):
        raise error


def hears(cluster, message="something was reset"):
    with pytest.raises((UserError, WorkFailedError)) as caught, naming_lost(cluster):
        raise tf.errors.UnavailableError(None, None, message)
    return caught.value


def test_what_a_worker_finds_wrong_is_wrong_for_all(service, clusters):
    fails(clusters[1], UserError("batch_size", 3, "a multiple of 2"))
    error = hears(clusters[0])
    assert isinstance(error, UserError)
    assert str(error) == "batch_size: found 3, wanted a multiple of 2"
    assert error.__notes__ == [f"worker 1 ({clusters[0].addresses[1]}) says so"]
    with pytest.raises(UserError, match="batch_size: found 3"):
        heed(clusters[2], closely=False)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyboardInterrupt(), "was interrupted; the same command on all workers goes on"),
        (ValueError("too\nbad"), "failed: too bad"),
        (ZeroDivisionError(), "failed: ZeroDivisionError"),
        (WorkFailedError("x" * 5000), "failed: " + "x" * 1000),
    ],
)
def test_a_failure_is_told_with_who_failed(service, clusters, error, told):
    fails(clusters[2], error)
    assert str(hears(clusters[0])).startswith(f"{clusters[0].name(2)} {told}")
    assert all(len(text) < 4000 for text in service.reported)


def test_where_the_chief_is_gone_the_error_itself_says_who_failed(service, clusters):
    fails(clusters[0], ValueError("full"))
    service.gone = True
    said = f"Error reported from /job:worker/task:0: {service.reported[0]} [type.googleapis.com]"
    assert str(hears(clusters[1], said)) == f"{clusters[0].name(0)} failed: full"


def test_who_tells_first_tells_all(service, clusters):
    fails(clusters[1], ValueError("first"))
    fails(clusters[2], ValueError("second"))
    assert str(hears(clusters[0])) == f"{clusters[0].name(1)} failed: first"
    assert len(service.reported) == 1


def test_an_error_of_this_worker_alone_stays_what_it_is(service, clusters):
    fails(clusters[1], tf.errors.ResourceExhaustedError(None, None, "no memory"))
    assert str(hears(clusters[0])) == f"{clusters[0].name(1)} failed: no memory"


def test_an_error_that_names_this_worker_is_its_own(service, clusters):
    own, other = (f"at /job:worker/replica:0/task:{i}/device:CPU:0" for i in (1, 2))
    fails(clusters[1], tf.errors.InternalError(None, None, own))
    service.values.clear()
    assert str(hears(clusters[1], f"{own} and {other}")).startswith(
        f"{clusters[0].name(2)} is gone"
    )


@pytest.mark.parametrize(("index", "stays"), [(0, True), (1, False)])
def test_a_chief_that_has_failed_stays_until_the_others_have_heard(
    service, clusters, monkeypatch, index, stays
):
    slept: list[float] = []
    monkeypatch.setattr(losing.time, "sleep", slept.append)
    fails(clusters[index], ValueError())
    assert bool(slept) == stays


def test_who_finds_a_worker_gone_stays_for_others_to_find_it(service, clusters, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(losing.time, "sleep", slept.append)
    hears(clusters[1], "at /job:worker/replica:0/task:2/device:CPU:0")
    assert slept


def test_a_worker_that_is_gone_is_named_and_told(service, clusters):
    gone = free_addresses(1)[0]
    mine, theirs = (Cluster((*clusters[0].addresses[:2], gone), i) for i in range(2))
    error = hears(mine)
    assert isinstance(error, WorkerLostError)
    assert str(error).startswith(f"worker 2 ({gone}) is gone; the same command")
    service.gone = True  # for the next, the chief
    assert str(hears(theirs, service.reported[0])) == str(error)


def test_who_waits_for_something_finds_a_worker_gone(service, clusters):
    gone = free_addresses(1)[0]
    cluster = Cluster((*clusters[0].addresses[:2], gone), 0)
    heed(cluster, closely=False)
    with pytest.raises(WorkerLostError, match=r"worker 2 .* is gone"):
        Workers(cluster).from_all("mine")


def test_who_waits_for_something_finds_a_worker_that_is_stuck(service, clusters):
    heed(clusters[0], closely=True)
    service.states[0] = object()  # its own
    heed(clusters[0], closely=True)
    service.states[1] = object()
    with pytest.raises(WorkerLostError, match=r"worker 1 .* is gone"):
        heed(clusters[0], closely=True)


def test_the_chief_tells_what_it_made(service, clusters):
    chief, other = Workers(clusters[0]), Workers(clusters[1])
    assert [x.from_chief(lambda: None) for x in (chief, other)] == [None, None]
    assert [x.from_chief(lambda: [0.1]) for x in (chief, other)] == [[0.1], [0.1]]
