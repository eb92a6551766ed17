"""The cluster of a process, as TF_CONFIG or Slurm tells it."""

import json
import os

import pytest

from mss_keras.config import UserError
from mss_keras.training.machines import Cluster

WORKERS = ["a:1", "b:1"]


def tf_config(jobs, kind="worker", index=0):
    return json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}})


def test_a_worker_by_its_number(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config({"worker": WORKERS}, index=1))
    cluster = Cluster.of("tf-config")
    assert (cluster.addresses, cluster.index, cluster.is_chief) == (("a:1", "b:1"), 1, False)


@pytest.mark.parametrize(("kind", "index", "number"), [("chief", 0, 0), ("worker", 1, 2)])
def test_a_chief_is_the_first_worker(monkeypatch, kind, index, number):
    jobs = {"chief": ["c:1"], "worker": WORKERS}
    monkeypatch.setenv("TF_CONFIG", tf_config(jobs, kind, index))
    cluster = Cluster.of("tf-config")
    assert cluster.addresses == ("c:1", "a:1", "b:1")
    assert cluster.index == number
    assert cluster.is_chief is (kind == "chief")


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "3", "[" * 3000, "{}", tf_config({"worker": WORKERS}, index=2),
        tf_config({"worker": WORKERS}, index=-1), tf_config({"worker": WORKERS}, "chief"),
        tf_config({"worker": WORKERS, "ps": ["d:1"]}), tf_config({"worker": ["a", "b:1"]}),
        tf_config({"worker": ["a:1", "a:1"]}), tf_config({"worker": WORKERS}, "evaluator"),
        tf_config({"chief": WORKERS}, "chief"), tf_config({"worker": WORKERS}, index=1e400),
        tf_config({"worker": [":1", "b:1"]}), tf_config({"worker": ["a:70000", "b:1"]}),
        tf_config({"worker": ["a:0", "b:1"]}), tf_config({"worker": ["http://a:1", "b:1"]}),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match=r"^TF_CONFIG: found .*, wanted "):
        Cluster.of("tf-config")


def slurm(monkeypatch, **values):
    variables = {
        "PROCID": 1, "STEP_NUM_TASKS": 4, "STEP_NODELIST": "node[9-10]",
        "STEP_TASKS_PER_NODE": "2(x2)", **values,
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))


def test_tasks_of_slurm_take_their_own_address(monkeypatch):
    slurm(monkeypatch, PROCID=1, LOCALID=1)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setenv("SLURMD_NODENAME", "node9")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    cluster = Cluster.of("slurm")
    assert sorted(cluster.addresses) == ["node10:8888", "node10:8889", "node9:8888", "node9:8889"]
    assert cluster.addresses[cluster.index] == "node9:8889"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"  # what Slurm has given


def test_jobs_of_slurm_on_the_same_machines_have_other_addresses(monkeypatch):
    found: set[str] = set()
    for job in (4711, 4712):
        slurm(monkeypatch, JOB_ID=job)
        found.update(Cluster.of("slurm").addresses)
    assert len(found) == 8
    assert all(1024 < int(address.split(":")[1]) < 32768 for address in found)


def test_slurm_without_srun(monkeypatch):
    for name in ("SLURM_PROCID", "SLURM_STEP_NODELIST"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match=r"^cluster: found slurm .*, wanted it within srun"):
        Cluster.of("slurm")
