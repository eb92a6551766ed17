"""Runs of a benchmark in processes of their own."""

import multiprocessing
import threading
import time

import pytest

from mss_keras import losses
from mss_keras.config import DataConfig, EvaluationConfig, RunConfig, TrainingConfig, UserError
from mss_keras.experiments import benchmark
from mss_keras.experiments.benchmark import LossWork, configurations, resolve_losses
from mss_keras.experiments.scheduling import run_all
from mss_keras.training import devices


@pytest.mark.long
def test_a_run_that_is_killed_twice_is_a_failure_of_its_loss(tmp_path):
    """The kernel's out-of-memory kill, say."""
    config = RunConfig(data=DataConfig(root=str(tmp_path / "gone")))
    lines: list[str] = []
    failures: dict[str, str] = {}
    todo = [LossWork(x, config, EvaluationConfig(), tmp_path) for x in ("l1_time", "l2_time")]
    others = multiprocessing.active_children()
    thread = threading.Thread(target=lambda: failures.update(run_all(todo, 1, lines.append)))
    thread.start()

    def kill_next():
        while not (own := [x for x in multiprocessing.active_children() if x not in others]):
            time.sleep(0.01)
        own[0].kill()
        others.extend(own)

    kill_next()
    while len(lines) < 2:  # of l1_time, and of l2_time, which runs before l1_time is tried again
        time.sleep(0.01)
    kill_next()
    thread.join(120)
    assert failures["l1_time"] == "killed, perhaps for want of memory"
    assert "gone" in failures["l2_time"]
    assert "no such folder" in failures["l2_time"]
    assert lines[0].startswith("l1_time: killed, perhaps for want of memory; it will be tried")
    assert lines[1].startswith("1/2 l2_time: ")
    assert lines[2].startswith("2/2 l1_time: killed")
    assert "UserError" in (tmp_path / "logs/l2_time.log").read_text()


def test_hyperparameters_go_to_the_losses_that_have_them():
    training = TrainingConfig(
        loss_args={"beta": 0.3, "logl1_time": {"normalization": "paper"}}, vggish="somewhere"
    )
    names = ["l1_time", "dissimilarity_freq", "logl1_time", "deep_feature"]
    found = {k: v.training for k, v in configurations(RunConfig(training=training), names).items()}
    assert [found[name].loss for name in names] == [(name,) for name in names]
    assert found["l1_time"].loss_args == {}
    assert found["dissimilarity_freq"].loss_args == {"beta": 0.3}
    assert found["logl1_time"].loss_args == {"logl1_time": {"normalization": "paper"}}
    assert found["deep_feature"].vggish == "somewhere"
    assert found["l1_time"].vggish != "somewhere"
    with pytest.raises(UserError, match="loss_args: found 'beta'"):
        configurations(RunConfig(training=training), ["l1_time"])


def test_names():
    assert resolve_losses(["all"]) == losses.names()
    assert resolve_losses(["psa", "l1_time"]) == ["l1_time", "psa"]


@pytest.mark.parametrize(
    ("asked", "jobs", "at_a_time", "gpus"),
    [("auto", None, 3, ["0", "1", "5"]), ("auto", 2, 2, ["0", "1", "5"]), ("cpu", None, 1, [])],
)
def test_a_run_for_each_gpu(tree, small, tmp_path, monkeypatch, asked, jobs, at_a_time, gpus):
    known = {"auto": ["0", "1", "5"], "cpu": []}
    monkeypatch.setattr(devices, "gpu_names", lambda asked: known[asked])
    monkeypatch.setattr("os.sched_getaffinity", lambda process: range(4))
    monkeypatch.setattr(benchmark, "_RUN_BYTES", 1)
    found = []

    def fail_all(todo, at_a_time, say, *, gpus, claims):
        assert claims is None
        found.append((at_a_time, gpus))
        return {work.name: "not tried" for work in todo}

    monkeypatch.setattr(benchmark, "run_all", fail_all)
    config = RunConfig.from_flat({**small, "root": str(tree), "devices": asked})
    outcomes = benchmark.benchmark(
        config, ["psa"], EvaluationConfig(), output=tmp_path / "benchmark", jobs=jobs
    )
    assert outcomes["psa"].failure == "not tried"
    assert found == [(at_a_time, gpus)]
