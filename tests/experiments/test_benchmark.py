"""Runs of a benchmark in processes of their own."""

import multiprocessing
import threading
import time

import pytest

from mss_keras import losses
from mss_keras.config import DataConfig, EvaluationConfig, RunConfig, TrainingConfig, UserError
from mss_keras.experiments.benchmark import LossWork, configurations, resolve_losses, run_all


def test_a_killed_run_is_a_failure_of_its_loss(tmp_path):
    """The kernel's out-of-memory kill, say."""
    config = RunConfig(data=DataConfig(root=str(tmp_path / "gone")))
    lines: list[str] = []
    failures: dict[str, str] = {}
    todo = [LossWork(x, config, EvaluationConfig(), tmp_path) for x in ("l1_time", "l2_time")]
    others = multiprocessing.active_children()
    thread = threading.Thread(target=lambda: failures.update(run_all(todo, 1, lines.append)))
    thread.start()
    while not (own := [job for job in multiprocessing.active_children() if job not in others]):
        time.sleep(0.01)
    own[0].kill()
    thread.join(120)
    assert failures["l1_time"] == "killed, exit code -9"
    assert "gone" in failures["l2_time"]
    assert "no such folder" in failures["l2_time"]
    assert lines[0].startswith("1/2 l1_time: killed")
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
