"""Searches in real processes: chief and workers, kills, trials that fail; and real trials."""

import contextlib
import csv
import dataclasses
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import made_up_trials
import numpy as np
import pytest

from mss_keras.config import (
    AdversarialConfig,
    RunConfig,
    SearchConfig,
    TrainingConfig,
    UserError,
    WorkFailedError,
)
from mss_keras.experiments.search import search, workers
from mss_keras.experiments.search.plan import Search, bring_up_to_date
from mss_keras.experiments.search.role import Role
from mss_keras.experiments.search.tuner import Tuner
from mss_keras.jobs.processes import Job
from mss_keras.training import devices, loop, runs
from mss_keras.training.state import renamed

NAMES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")


def search_of(tree, small, output, **settings) -> Search:
    config = RunConfig.from_flat({**small, "root": str(tree), "loss": "dissimilarity_freq"})
    given = SearchConfig(**{"tuner": "random", "trial_epochs": 1, **settings})
    return Search(config, given, output)


def until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def start(name, port, what) -> subprocess.Popen:
    """The chief or a worker of a search with trials that are `made_up_trials.waiting`."""
    environment = dict(zip(NAMES, (name, "127.0.0.1", str(port)), strict=True))
    return subprocess.Popen(
        [sys.executable, made_up_trials.__file__, what],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.long
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_chief_and_workers_on_loopback(tree, small, tmp_path):
    """A worker killed in mid-trial loses that trial, a chief killed goes on, all exit."""
    output, what = tmp_path / "search", tmp_path / "search.pickle"
    what.write_bytes(pickle.dumps(search_of(tree, small, output, trials=4, worker_timeout=9)))
    processes: list[subprocess.Popen] = []
    port = free_port()

    def started(name):
        processes.append(start(name, port, what))
        return processes[-1]

    def begun():
        found = {}
        for path in output.glob("trials/*/pid"):
            if len(numbers := path.read_text().split()) == 2:
                found[int(numbers[1])] = (path.parent.name, int(numbers[0]))
        return found  # trial and its process by the worker's

    try:
        worker, chief, victim = started("one"), started("the-chief"), started("two")
        until(lambda: len(begun()) == 2)
        lost, trial_process = begun()[victim.pid]
        victim.kill()
        until(lambda: not alive(trial_process))  # ends with its worker
        chief.kill()
        chief.wait()
        chief = started("the-chief")
        lines = [chief.stdout.readline() for _ in range(3)]
        assert lines[1] == "4 trials\n"
        assert lines[-1].startswith(f"chief at 127.0.0.1:{port}")
        failure = chief.stdout.readline()
        assert failure.startswith(f"1/4 trial {lost}: beta ")
        assert "failed: its worker two was silent for 9 s, about" in failure
        (output / "go").touch()
        assert chief.wait(120) == worker.wait(120) == 0
    finally:
        for process in processes:
            process.kill()
    with (output / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows if row["note"]] == [lost]
    assert len({row["trial"] for row in rows}) == len(rows) == 4
    best = min((row for row in rows if not row["note"]), key=lambda row: float(row["beta"]))
    assert rows[0] == best
    found = runs.read_config(output / "best.yaml").training
    assert found.loss_args == {"beta": float(best["beta"])}
    assert "no more trials" in worker.stdout.read()
    assert (output / "weights.png").exists()


@pytest.mark.long
def test_a_chief_that_cannot_write_stops_and_its_worker_waits_for_the_next(tree, small, tmp_path):
    """The result of a trial that ended meanwhile comes to the next chief."""
    output, what = tmp_path / "search", tmp_path / "search.pickle"
    what.write_bytes(pickle.dumps(search_of(tree, small, output, trials=1)))
    port, state = free_port(), output / "oracle/oracle.json"
    chief, worker = start("the-chief", port, what), start("one", port, what)
    try:
        until((output / "trials/0/pid").exists)
        began = (output / "trials/0/pid").read_text()
        before = state.read_bytes()
        state.unlink()
        state.mkdir()  # in the way of the file, as a full disk is
        (output / "go").touch()
        said, _ = chief.communicate(timeout=30)
        assert chief.returncode == 1
        assert "ChiefFailedError: the chief stops: [Errno 21] Is a directory: " in said
        assert said.splitlines()[-1].endswith("workers keep what they have for it")
        assert worker.poll() is None
        state.rmdir()
        state.write_bytes(before)
        next_chief = start("the-chief", port, what)
        said, _ = next_chief.communicate(timeout=60)
        assert next_chief.returncode == worker.wait(60) == 0
        assert "1/1 trial 0: " in said
        assert (output / "trials/0/pid").read_text() == began  # once
    finally:
        for process in (chief, worker):
            process.kill()


@pytest.mark.long
def test_interrupted_trials_are_not_lost(tree, small, tmp_path):
    """Ctrl-C goes to chief, workers and trials alike."""
    output, what = tmp_path / "search", tmp_path / "search.pickle"
    given = search_of(tree, small, output, trials=2, workers=2)
    what.write_bytes(pickle.dumps(given))
    process = subprocess.Popen(
        [sys.executable, made_up_trials.__file__, what],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        until(lambda: len(list(output.glob("trials/*/pid"))) == 2)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode in (130, -signal.SIGINT)
    assert "KeyboardInterrupt" in said
    assert "failed" not in said
    oracle = given.oracle()
    Tuner(oracle, given.model(), output)
    assert sorted(oracle._retry_queue) == ["0", "1"]


def begun(output: Path) -> dict[str, int]:
    """How often each trial of `made_up_trials.unlucky` began."""
    return {path.parent.name: len(path.read_text()) for path in output.glob("trials/*/begun")}


@pytest.mark.long
def test_trials_and_workers_that_die_on_one_host(tree, small, tmp_path):
    """Each takes its own trial along; when no worker is left, the same command goes on."""
    what = search_of(tree, small, tmp_path / "search", trials=6, workers=2)
    lines: list[str] = []
    with pytest.raises(workers.WorkersLostError, match="all workers died"):
        search.search(what, say=lines.append, train=made_up_trials.unlucky)
    progress = search.search(what, say=lines.append, train=made_up_trials.unlucky)
    assert progress is not None
    assert progress.best_trial is not None
    assert progress.best_trial.trial_id == "5"
    notes = {row["trial"]: row["note"] for row in progress._rows()}
    assert notes["0"] == "failed: loss is nan at epoch 1, step 1"
    assert notes["1"] == "failed: killed, perhaps for want of memory"
    assert notes["2"].startswith("failed: its worker worker-")
    assert notes["2"].endswith("died")
    assert notes["4"] == "failed: val_si_sdr is nan"
    assert notes["5"] == ""
    assert "4 of 6 trials are finished already" in lines
    # Only where memory may have been short is a trial tried again.
    assert begun(tmp_path / "search") == {"0": 1, "1": 2, "2": 1, "3": 1, "4": 1, "5": 1}
    assert "FloatingPointError" in (tmp_path / "search/logs/0.log").read_text()
    text = progress.table()
    assert text.splitlines()[2].split()[:2] == ["5", "1.50"]


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_full_disk_costs_no_trial(workers, tree, small, tmp_path):
    """The search stops, and the same command runs the trial anew."""
    what, lines = (
        search_of(tree, small, tmp_path / "search", trials=2, workers=workers),
        list[str](),
    )
    with pytest.raises(WorkFailedError, match="No space left on device"):
        search.search(what, say=lines.append, train=made_up_trials.without_space)
    progress = search.search(what, say=lines.append, train=made_up_trials.without_space)
    assert progress is not None
    assert [row["note"] for row in progress._rows()] == ["", ""]


@pytest.mark.long
@pytest.mark.parametrize(
    ("workers", "gpus"), [pytest.param(1, {"0"}, marks=pytest.mark.long), (2, {"0", "2"})]
)
def test_trials_have_a_gpu_each_and_are_tried_again_alone_for_want_of_memory(
    workers, gpus, tree, small, tmp_path, monkeypatch
):
    known = {"auto": ["0", "2"]}
    monkeypatch.setattr(devices, "gpu_names", lambda asked: known[asked])
    output, lines = tmp_path / "search", list[str]()
    what = search_of(tree, {**small, "devices": "auto"}, output, trials=5, workers=workers)
    progress = search.search(what, say=lines.append, train=made_up_trials.short_of_memory)
    assert progress is not None
    first, second = "out of memory: OOM when allocating", "killed, perhaps for want of memory"
    notes = {row["trial"]: row["note"] for row in progress._rows()}
    assert notes["0"] == f"second try, alone, after: {first}"
    assert notes["1"] == f"second try, alone, after: {second}"
    assert notes["2"] == "failed: val_si_sdr is nan"
    assert notes["3"] == notes["4"] == ""
    line = next(line for line in lines if "/5 trial 1: " in line)
    assert f", second try, alone, after: {second}, about" in line
    logs = [path.read_text() for path in output.glob("logs/worker-*")]
    said = "\n".join([*lines, *logs])
    assert f"trial 0: {first}; it is tried again, alone" in said
    assert f"trial 1: {second}; it is tried again, alone" in said

    tries = made_up_trials.tries(output)
    assert sorted(each.trial for each in tries) == ["0", "0", "1", "1", "2", "3", "4"]
    assert {each.gpu for each in tries} == gpus
    again = [max(each for each in tries if each.trial == name) for name in ("0", "1")]
    for alone in again:
        others = [each for each in tries if each != alone]
        assert all(alone.end <= each.begin or each.end <= alone.begin for each in others)


@pytest.mark.long
def test_a_trial_gone_on_with_is_as_if_trained_at_once(tree, small, tmp_path):
    """As Hyperband wants it; and its loss has the weight that was chosen."""
    values = {**small, "root": str(tree), "loss": "dissimilarity_freq", "deterministic": True}
    values["unidirectional"] = True
    base = RunConfig.from_flat(values)
    what = Search(base, SearchConfig(tuner="hyperband", trial_epochs=3), tmp_path / "search")
    model = what.model()

    def trial(name, epochs, earlier=None):
        hp = what.oracle().get_space()
        hp.values = {"beta": 0.0321, "tuner/epochs": epochs}
        return model.build(hp), tmp_path / name, earlier and tmp_path / earlier

    trials = [trial("short", 1), trial("longer", 2, "short"), trial("whole", 2)]
    # Once more: nothing is trained again.
    job = Job(made_up_trials.in_turn, *trials, trials[1], log=tmp_path / "log")
    result = job.result()
    assert result.failure is None
    rows = result.value
    assert rows[1] == rows[2] == rows[3]
    log = (tmp_path / "log").read_text()
    assert log.count("\nepoch 2/2  loss ") == 2
    # That of the whole one: the longer one has its first already.
    assert log.count("\nepoch 1/2  loss ") == 1
    for one, other in zip(
        *(runs.load(tmp_path / name).get_weights() for name in ("longer", "whole")), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    # The trial before is left as it was.
    assert runs.read_config(tmp_path / "short/config.yaml").training.epochs == 1
    config = runs.read_config(tmp_path / "longer/config.yaml")
    assert config.training.epochs == 2
    assert config.training.loss_args == {"beta": 0.0321}


def adversarial(**settings):
    training = TrainingConfig(loss=("adversarial",), epochs=30)
    return RunConfig(training=training, adversarial=AdversarialConfig(**settings))


@pytest.mark.parametrize(
    ("config", "settings", "message"),
    [
        ({}, {"objective": "val_loss"}, "val_loss, which a smaller weight lowers by itself"),
        ({}, {"objective": "snr"}, r"objective: found 'snr' \(did you mean val_snr\?\)"),
        ({}, {"range": ("hidden-size=15:17",)}, "^hidden_size: found 15, wanted an even number"),
        ({}, {"range": ("lr=-1:1",)}, "^lr: found -1"),
        ({"loss": "l2_freq"}, {}, "loss: found l2_freq, without weights to search"),
        ({"loss": "nonsense"}, {}, "^loss: found 'nonsense', wanted one of l1_time"),
        ({}, {"tuner": "grid", "trials": 1}, "trials: found 1, wanted at least 2 for a grid"),
        (
            adversarial(),
            {"tuner": "hyperband"},
            "tuner: found hyperband with `loss` adversarial",
        ),
        (
            adversarial(pretrain_epochs=5),
            {"trial_epochs": 5},
            "trial_epochs: found 5, wanted more",
        ),
    ],
)
def test_what_cannot_be_searched(config, settings, message, tmp_path):
    if isinstance(config, dict):
        config = RunConfig.from_flat({"loss": "dissimilarity_freq", **config})
    with pytest.raises(UserError, match=message):
        Search(config, SearchConfig(**settings), tmp_path)


def test_epochs_of_hyperband_come_after_pretraining(tmp_path):
    what = Search(adversarial(pretrain_epochs=20), SearchConfig(tuner="hyperband"), tmp_path)
    oracle = what.oracle()
    assert oracle.max_epochs == 10
    hp = oracle.get_space()
    hp.values = {"gamma": 0.02, **{"tuner/epochs": 4, "tuner/initial_epoch": 2}}
    found = what.model().build(hp)
    assert found.training.epochs == 20 + 4
    assert found.training.loss_args == {"gamma": 0.02}


def test_the_folder_of_another_search_is_refused(tree, small, tmp_path):
    what = search_of(tree, small, tmp_path / "search", trials=1)
    what.claim().take(what.output)
    other = dataclasses.replace(what, settings=SearchConfig(tuner="bayesian", trial_epochs=1))
    with pytest.raises(UserError, match=r"another search in .*: `tuner` random \(now bayesian\)"):
        search.search(other)
    more = search_of(tree, small, tmp_path / "search", trials=9)
    before = (more.output / "search.yaml").read_text()
    more.claim().take(more.output)  # only goes further
    assert (more.output / "search.yaml").read_text() == before
    (tmp_path / "else").mkdir()
    (tmp_path / "else/song.wav").touch()
    with pytest.raises(UserError, match="found something else"):
        search.search(search_of(tree, small, tmp_path / "else"))


def test_roles_in_a_search_on_many_machines(monkeypatch, tree, small, tmp_path):
    assert Role.from_environment() is None
    monkeypatch.setenv(NAMES[0], "chief")
    with pytest.raises(
        UserError, match="KERASTUNER_ORACLE_IP, KERASTUNER_ORACLE_PORT: found no value"
    ):
        Role.from_environment()
    monkeypatch.setenv(NAMES[1], "10.0.0.1")
    monkeypatch.setenv(NAMES[2], "70")
    role = Role.from_environment()
    assert role == Role("chief", "10.0.0.1:70")
    assert role.is_chief
    assert not Role("worker-1", role.address).is_chief
    Role("worker-1", "10.0.0.2:71").to_environment()
    assert Role.from_environment() == Role("worker-1", "10.0.0.2:71")
    role.to_environment()
    with pytest.raises(UserError, match="workers: found 2 with KERASTUNER_TUNER_ID"):
        search.search(search_of(tree, small, tmp_path / "one", workers=2))
    with pytest.raises(UserError, match=r"found 10\.0\.0\.1:70, which cannot be listened on"):
        search.search(search_of(tree, small, tmp_path / "two"))


def test_statistics_are_shared(tree, small, tmp_path):
    what = search_of(tree, small, tmp_path)
    decoded = what.with_decoded_data(say=pytest.fail, progress=False)
    prepared = decoded.with_statistics(progress=False)
    assert prepared.config.data.statistics == str(tmp_path / "statistics.npz")
    assert (tmp_path / "statistics.npz").exists()
    assert prepared.claim() == what.claim()
    # Those of another run, once and for all.
    given = dataclasses.replace(what.config.data, statistics=str(tmp_path / "statistics.npz"))
    other = dataclasses.replace(
        what, config=dataclasses.replace(what.config, data=given), output=tmp_path / "other"
    )
    own = str(tmp_path / "other/statistics.npz")
    for again in (other, what):
        again = dataclasses.replace(again, output=tmp_path / "other")
        assert again.with_statistics(progress=False).config.data.statistics == own
    assert Path(own).read_bytes() == (tmp_path / "statistics.npz").read_bytes()
    with pytest.raises(UserError, match="worker_timeout: found 9, wanted it with KERASTUNER_TUN"):
        search.search(search_of(tree, small, tmp_path / "x", worker_timeout=9))
    assert loop.resolve(prepared.config).training.lr == 1e-3


def test_the_old_name_of_an_objective(tree, small, tmp_path):
    """It is read in settings, in histories, and in folders from before."""
    what = search_of(tree, small, tmp_path / "search", objective="val_sdr")
    assert what.objective == what.oracle().objective.name == "val_snr"
    assert renamed({"val_sdr": 3.0, "val_si_sdr": 2.0}) == {"val_snr": 3.0, "val_si_sdr": 2.0}
    bring_up_to_date(what.output)  # nothing is there
    what.claim().take(what.output)
    path = what.output / "search.yaml"
    path.write_text(path.read_text().replace("val_snr", "val_sdr"))
    with pytest.raises(UserError, match="another search"):
        what.claim().check(what.output)
    bring_up_to_date(what.output)
    what.claim().check(what.output)
    other = search_of(tree, small, tmp_path / "search", objective="val_si_sdr")
    with pytest.raises(UserError, match="another search"):
        other.claim().check(what.output)
