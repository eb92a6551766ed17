"""Steps as `fit` calls them: no batch lost, logs read now and then."""

import numpy as np
import pytest

from mss_keras.training import steps
from mss_keras.training.steps import StepFunction


@pytest.fixture
def clock(monkeypatch):
    """Seconds that the test sets."""
    now = [0.0]
    monkeypatch.setattr(steps.time, "perf_counter", lambda: now[0])
    return now


def counted(steps_per_execution=1, sparse=True):
    seen: list[int] = []
    begun: list[int] = []

    def step(iterator):
        seen.extend(iterator)
        return {"loss": len(seen)}

    function = StepFunction(
        step, begun.append, steps_per_execution=steps_per_execution, sparse=lambda: sparse
    )
    return function, seen, begun


@pytest.mark.parametrize("each", [1, 2, 3])
def test_every_batch_is_used_once(each):
    function, seen, begun = counted(each)
    batches = iter(range(7))
    for _ in range(int(np.ceil(7 / each))):
        function(batches)
    assert seen == list(range(7))
    with pytest.raises(StopIteration):
        function(batches)
    assert begun == list(range(0, 7, each))


def test_every_step_gives_logs_unless_they_are_sparse(clock):
    function, _, _ = counted(sparse=False)
    batches = iter(range(10))
    assert [function(batches)["loss"] for _ in range(10)] == list(range(1, 11))


def test_logs_are_read_by_time_and_at_the_latest_after_fifty_steps(clock):
    function, _, _ = counted()
    batches = iter(range(1000))
    assert function(batches) == {"loss": 1}
    assert [function(batches) for _ in range(3)] == [{}, {}, {}]
    clock[0] = 1.5
    assert function(batches) == {"loss": 5}
    read = [function(batches) for _ in range(100)]
    assert [i for i, logs in enumerate(read) if logs] == [49, 99]


def test_the_wait_for_data_is_added_up(clock):
    def slowly():
        for batch in range(3):
            clock[0] += 0.25
            yield batch

    function, _, _ = counted()
    batches = slowly()
    for _ in range(3):
        function(batches)
    assert function.wait == 0.75
