"""KerasTuner's Oracles on made-up objectives: what is found, and what a kill leaves."""

import errno
import math
import os
import shutil
import typing
from collections.abc import Callable
from concurrent import futures
from pathlib import Path

import numpy as np
import pytest
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError

from mss_keras.config import RunConfig, SearchConfig, TrainingConfig, UserError
from mss_keras.experiments.search import chief, client
from mss_keras.experiments.search.oracles import ORACLES, make_oracle
from mss_keras.experiments.search.plan import RunModel
from mss_keras.experiments.search.report import completed
from mss_keras.experiments.search.role import Role
from mss_keras.experiments.search.space import Space
from mss_keras.experiments.search.tuner import Tuner

OPTIMUM = {"delta": 0.2, "lambda": 30.0}  # of 1e-3 to 1e3
CONFIG = RunConfig(training=TrainingConfig(loss=("deep_feature",), epochs=27))
SPACE = Space.of(CONFIG, ())


def objective(values) -> float:
    """0 at best; a tenfold weight costs 1 dB. More epochs show it better."""
    cost = sum(math.log10(values[name] / best) ** 2 for name, best in OPTIMUM.items())
    return -cost + 0.1 * math.sin(1e3 * values["delta"]) / values.get("tuner/epochs", 27)


class MadeUp(Tuner):
    """A search without training; a trial is completed if `run` says so of its values."""

    run: Callable[[dict], object]
    score = staticmethod(objective)

    def run_trial(self, trial, *args, **kwargs):
        values = trial.hyperparameters.values
        if not self.run(values):
            raise FailedTrialError("crashed")
        return {"val_si_sdr": self.score(values)}


def tuner(folder: Path, run=lambda values: True, seed=0, **settings) -> MadeUp:
    return reloaded(oracle_of(seed=seed, **settings), folder, run)


def oracle_of(epochs=27, seed=0, **settings):
    given = SearchConfig(**{"trials": 20, **settings})
    return make_oracle(given, SPACE, objective="val_si_sdr", epochs=epochs, seed=seed)


def reloaded(oracle, folder: Path, run=lambda values: True) -> MadeUp:
    made_up = MadeUp(oracle, RunModel(CONFIG, SPACE, 27), folder)
    made_up.run = run
    return made_up


def values_of(found: MadeUp) -> list[dict]:
    trials = found.oracle.trials
    return [trials[name].hyperparameters.values for name in sorted(trials)]


@pytest.mark.parametrize(
    ("kind", "trials", "misses"),
    [
        pytest.param("bayesian", 25, 0.1, marks=pytest.mark.long),
        ("random", 25, 1.5),
        ("grid", 25, 0.6),
        ("hyperband", 60, 1.0),
    ],
)
def test_the_optimum_is_found(tmp_path, kind, trials, misses):
    """The square of the distance from it, in decades, of six by six."""
    found = tuner(tmp_path, tuner=kind, trials=trials)
    found.search()
    best = completed(found.oracle)[0]
    assert best.score > -misses
    assert len(found.oracle.trials) == found.oracle.max_trials <= trials
    scores = [trial.score for trial in found.oracle.trials.values()]
    assert best.score == max(scores) > np.median(scores)


@pytest.mark.parametrize(
    "kind", [pytest.param("bayesian", marks=pytest.mark.long), "random", "grid", "hyperband"]
)
def test_same_seed_same_trials(tmp_path, kind):
    one, same, other = (
        tuner(tmp_path / str(n), tuner=kind, trials=12, seed=seed)
        for n, seed in enumerate((0, 0, 1))
    )
    for each in (one, same, other):
        each.search()
    assert values_of(one) == values_of(same)
    assert (values_of(one) == values_of(other)) == (kind == "grid")


def test_failed_trials_are_recorded_and_passed_over(tmp_path):
    """However many in a row."""
    calls = []

    def run(values):
        calls.append(values)
        return len(calls) > 8

    found = tuner(tmp_path, run, tuner="random", trials=10)
    found.search()
    ended = [found.oracle.trials[name] for name in found.oracle.end_order]
    assert [trial.status for trial in ended] == ["FAILED"] * 8 + ["COMPLETED"] * 2
    assert all("crashed" in trial.message for trial in ended[:8])


def test_what_failed_is_not_tried_again(tmp_path):
    found = tuner(tmp_path, lambda values: values["delta"] < 1, trials=18)
    found.search()
    failed = [t for t in found.oracle.trials.values() if t.status == TrialStatus.FAILED]
    assert failed
    assert len({str(values) for values in values_of(found)}) == 18
    assert sum(values["delta"] > 1 for values in values_of(found)[-6:]) <= 2


def test_the_end_of_a_range_is_tried_once(tmp_path):
    """Though the best lies there."""
    oracle = oracle_of(trials=12)
    found = reloaded(oracle, tmp_path)
    found.score = lambda values: -values["delta"]
    found.search()
    tried = np.log10([[values[name] for name in OPTIMUM] for values in values_of(found)])
    apart = np.abs(tried[:, None] - tried).max(axis=-1) + np.eye(12)
    assert apart.min() > 1e-3


class Killed(BaseException):
    """Nothing comes after it, as after SIGKILL."""


@pytest.mark.long
@pytest.mark.parametrize("kind", ["bayesian", "random", "grid", "hyperband"])
def test_killed_at_any_write_a_search_goes_on(tmp_path, kind, monkeypatch):
    """Before and after each file takes its name, the search goes on as if never killed; one
    trial at most, which had not been written down as ended, runs twice."""

    def four(folder, run):
        oracle = oracle_of(tuner=kind, trials=4)
        oracle.num_initial_points = 3  # random ones, of the Bayesian
        return reloaded(oracle, folder, run)

    replace, count = os.replace, [0]

    def counting(source, target):
        count[0] += 1
        replace(source, target)

    monkeypatch.setattr(os, "replace", counting)
    whole = four(tmp_path / "whole", lambda values: True)
    whole.search()
    writes = count[0]
    for moment in (*range(1, 8), writes - 4, writes - 1):
        for after in (False, True):
            folder = tmp_path / f"{moment}{after}"
            runs: list[dict] = []
            count[0] = 0

            def killing(source, target, moment=moment, after=after):
                count[0] += 1
                if count[0] == moment and not after:
                    raise Killed
                replace(source, target)
                if count[0] >= moment:
                    raise Killed

            def run(values, runs=runs):
                runs.append(dict(values))
                return True

            monkeypatch.setattr(os, "replace", killing)
            with pytest.raises(Killed):
                four(folder, run).search()
            monkeypatch.setattr(os, "replace", replace)
            again = four(folder, run)
            again.search()
            assert values_of(again) == values_of(whole)
            assert {t.status for t in again.oracle.trials.values()} == {TrialStatus.COMPLETED}
            assert sorted(again.oracle.end_order) == sorted(again.oracle.trials)
            assert len(runs) <= len(again.oracle.trials) + 1
            shutil.rmtree(folder)


@pytest.mark.parametrize("moment", range(1, 6))
def test_one_failed_write_ends_a_chief_and_no_worker(tmp_path, moment, monkeypatch):
    """Whichever it is: the worker comes to the next chief with what it has."""
    monkeypatch.setattr(client, "_PAUSE", 0.05)
    monkeypatch.setattr(chief, "_POLL", 0.05)
    replace, count = os.replace, [0]

    def once_full(source, target):
        count[0] += 1
        if count[0] == moment:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        replace(source, target)

    def started(port=0):
        oracle = oracle_of(tuner="random", trials=1)
        oracle.chief = True
        reloaded(oracle, tmp_path / "chief")
        return chief.Chief(oracle, f"127.0.0.1:{port}")

    monkeypatch.setattr(os, "replace", once_full)
    first = started()
    runs: list[dict] = []

    def run(values):
        runs.append(values)
        return True

    worker = tuner(tmp_path / "worker", run, trials=1)
    role = Role("one", f"127.0.0.1:{first.port}")
    worker.oracle, worker.tuner_id = client.Client(worker.oracle, role), role.name
    with futures.ThreadPoolExecutor(1) as pool:
        searching = pool.submit(worker.search)
        with pytest.raises(chief.ChiefFailedError, match=r"stops: \[Errno 28\] No space left"):
            first.serve(60)
        assert not searching.done()
        second = started(first.port)
        assert second.serve(60)
        searching.result(10)
    assert len(runs) == 1
    (trial,) = second._oracle.trials.values()
    assert (trial.status, trial.score) == (TrialStatus.COMPLETED, objective(runs[0]))


def test_a_trial_that_a_chief_does_not_know_ends_its_worker_alone(tmp_path):
    oracle = oracle_of(tuner="random", trials=2)
    known = reloaded(oracle, tmp_path).oracle.create_trial("one")
    serving = chief.Chief(oracle, "127.0.0.1:0")
    asking = client.Client(oracle, Role("one", f"127.0.0.1:{serving.port}"))
    serving._server.start()
    try:
        assert not asking.given_up(known)
        with pytest.raises(client.ChiefLostError, match="refuses: NOT_FOUND"):
            asking.end_trial(Trial(known.hyperparameters, "9", TrialStatus.COMPLETED))
        asking.end_trial(Trial(known.hyperparameters, known.trial_id, TrialStatus.FAILED, "why"))
        assert oracle.trials[known.trial_id].message == "why"
    finally:
        serving._server.stop(0)


def test_a_finished_search_runs_nothing(tmp_path):
    tuner(tmp_path, tuner="random", trials=3).search()
    again = tuner(tmp_path, lambda values: pytest.fail("run again"), tuner="random", trials=3)
    again.search()
    assert len(completed(again.oracle)) == 3
    more = tuner(tmp_path, tuner="random", trials=5)
    more.search()
    assert values_of(more)[:3] == values_of(again)
    assert len(completed(more.oracle)) == 5


@pytest.mark.parametrize(("trials", "epochs"), [(30, 27), (60, 27), (30, 1000), (3, 9)])
def test_hyperband_deals_out_epochs_within_the_trials(tmp_path, trials, epochs):
    oracle = oracle_of(epochs, tuner="hyperband", trials=trials)
    found = reloaded(oracle, tmp_path)
    found.search()
    values = values_of(found)
    assert len(values) == oracle.max_trials <= trials
    assert max(each["tuner/epochs"] for each in values) == epochs
    if trials > 3:  # enough for halving
        continued = [each for each in values if each["tuner/initial_epoch"]]
        assert continued
        for each in continued:
            earlier = found.oracle.trials[each["tuner/trial_id"]].hyperparameters.values
            assert earlier["tuner/epochs"] == each["tuner/initial_epoch"] < each["tuner/epochs"]
            assert {k: earlier[k] for k in OPTIMUM} == {k: each[k] for k in OPTIMUM}
        assert sum(oracle.work_of(trial) for trial in oracle.trials.values()) == oracle.total_work()


@pytest.mark.parametrize("failures", [0, 3, 7, 11, 12, 30])
def test_hyperband_goes_on_with_the_best_that_completed(tmp_path, failures):
    """However many of the 12 of its first round fail: as many go on as can."""
    count = iter(range(100))
    found = tuner(tmp_path, lambda values: next(count) >= failures, tuner="hyperband", trials=30)
    found.search()
    trials = found.oracle.trials
    rounds: dict[tuple[int, int], list[Trial]] = {}
    for trial in trials.values():
        values = trial.hyperparameters.values
        place = values["tuner/epochs"], values["tuner/initial_epoch"]
        rounds.setdefault(place, []).append(trial)
    assert len(rounds[3, 0]) == 12
    went_on = [trials[t.hyperparameters.values["tuner/trial_id"]] for t in rounds.get((9, 3), [])]
    completed_first = [t for t in rounds[3, 0] if t.status == TrialStatus.COMPLETED]
    best = sorted(completed_first, key=lambda trial: trial.score, reverse=True)[:4]
    assert {t.trial_id for t in went_on} == {t.trial_id for t in best}
    assert len(went_on) == min(4, max(0, 12 - failures))
    if failures <= 7:
        assert len(trials) == found.oracle.max_trials == 30


def test_a_state_ahead_of_its_files_is_not_written(tmp_path, monkeypatch):
    """The trial that could not be written would be in the state, and every next chief fail."""
    oracle = tuner(tmp_path, tuner="random", trials=3).oracle
    first = oracle.create_trial("one")
    whole = Path(oracle._get_oracle_fname()).read_bytes()

    def full(trial):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(oracle, "_save_trial", full)
        with pytest.raises(OSError, match="No space"):
            oracle.create_trial("two")
    oracle.lose("one", "gone")
    assert Path(oracle._get_oracle_fname()).read_bytes() == whole
    again = tuner(tmp_path, tuner="random", trials=3).oracle
    again.reload()
    assert list(again.trials) == [first.trial_id]


def test_a_worker_given_up_takes_its_trial_along(tmp_path):
    """And what it says afterwards changes nothing."""
    oracle = tuner(tmp_path, tuner="random", trials=3).oracle
    trial, other = oracle.create_trial("one"), oracle.create_trial("two")
    late = Trial.from_proto(trial.to_proto())
    oracle.lose("one", "gone")
    assert oracle.trials[trial.trial_id].status == TrialStatus.FAILED
    assert oracle.trials[trial.trial_id].message == "gone"
    assert oracle.ongoing_trials == {"two": oracle.trials[other.trial_id]}
    assert oracle.tuner_ids == {"two"}
    oracle.update_trial(trial.trial_id, {"val_si_sdr": 9.0})
    late.status = TrialStatus.COMPLETED
    oracle.end_trial(late)
    assert completed(oracle) == []


def test_a_chief_that_returns_waits_for_trials_in_its_workers(tmp_path):
    oracle = tuner(tmp_path, tuner="random", trials=3).oracle
    trial = oracle.create_trial("one")
    for waits in (True, False):
        again = oracle_of(tuner="random", trials=3)
        again.chief = waits
        reloaded(again, tmp_path)
        assert [t.trial_id for t in again.ongoing_trials.values()] == [trial.trial_id] * waits
        assert again._retry_queue == [trial.trial_id] * (not waits)
        repeated = again.create_trial("one" if waits else "another")
        assert repeated.trial_id == trial.trial_id
        assert repeated.hyperparameters.values == trial.hyperparameters.values


def test_every_tuner_of_the_settings_has_an_oracle():
    assert tuple(ORACLES) == typing.get_args(SearchConfig.__dataclass_fields__["tuner"].type)


def test_a_grid_wants_enough_trials(tmp_path):
    with pytest.raises(UserError, match="trials: found 3, wanted at least 4 for a grid"):
        tuner(tmp_path, tuner="grid", trials=3)
