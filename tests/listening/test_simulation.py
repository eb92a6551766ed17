"""Simulated listeners rate as they are said to."""

import dataclasses

import numpy as np
import pytest
import scipy.stats
from listening_tests import make_key, make_test, write_scores

from mss_keras.config import UserError
from mss_keras.listening.ratings import find_files, read_ratings
from mss_keras.listening.scores import read_scores, sign_of
from mss_keras.listening.simulation import Simulation, qualities, simulate

KEY = make_key()


@pytest.fixture
def scores(tmp_path):
    return read_scores([str(write_scores(KEY, tmp_path, agreement=0.5))], KEY)


@pytest.mark.parametrize("metric", ["sdr", "snr", "l1_time"])
def test_without_noise_a_rating_rises_with_the_metric(scores, metric):
    (listener,) = simulate(
        KEY, scores, Simulation(metric, listeners=1, careless=0, bias=0, noise=0)
    )
    kinds = {s: (t.trial, kind) for t in KEY.trials for s, kind in t.stimuli.items()}
    rated = {kinds[rating["stimulus"]]: rating["rating"] for rating in listener["ratings"]}
    table = scores.table
    ratings = [rated[place] for place in zip(table["trial"], table["system"], strict=True)]
    values = sign_of(metric) * table[metric]
    assert scipy.stats.kendalltau(values, ratings).statistic > 0.98  # they are whole numbers
    assert all(rated[trial.trial, "reference"] >= 97 for trial in KEY.trials)
    assert all(rated[trial.trial, "anchor"] == 20 for trial in KEY.trials)


def test_what_is_drawn_is_as_large_as_said(scores):
    """The spread of listeners' levels and of what is left around them."""
    how = Simulation("sdr", listeners=300, careless=0, bias=0.08, noise=0.1)
    worth = qualities(KEY, scores, "sdr")
    systems = {s for t in KEY.trials for s, kind in t.stimuli.items() if kind in KEY.systems}
    rest = np.array(
        [
            [r["rating"] / 100 - worth[r["stimulus"]] for r in x["ratings"]
             if r["stimulus"] in systems]
            for x in simulate(KEY, scores, how)
        ]
    )  # fmt: skip
    levels = rest.mean(axis=1)
    assert levels.std() == pytest.approx(0.08, rel=0.15)
    assert (rest - levels[:, None]).std() == pytest.approx(0.1, rel=0.1)


def test_files_are_those_of_listeners(tmp_path):
    make_test(tmp_path, KEY, Simulation(listeners=4, careless=1, missing=0.5))
    found = read_ratings(find_files([tmp_path / "ratings"]), KEY)
    assert len(found.listeners) == 4
    assert not found.skipped
    assert all(listener.simulated for listener in found.listeners)
    count = sum(len(listener.ratings) for listener in found.listeners)
    assert 0.35 * 4 * 48 < count < 0.65 * 4 * 48


def test_mos_and_the_same_again(scores):
    key = make_key(scale="mos")
    first = simulate(key, scores, Simulation())
    assert {r["rating"] for x in first for r in x["ratings"]} == {1, 2, 3, 4, 5}
    assert first == simulate(key, scores, Simulation())
    assert first != simulate(key, scores, Simulation(seed=1))


def test_wrong_numbers():
    with pytest.raises(UserError, match="careless: found 3, wanted a part of `listeners`"):
        Simulation(listeners=2, careless=3)
    with pytest.raises(UserError, match=r"missing: found 1.0, wanted a share below 1"):
        dataclasses.replace(Simulation(), missing=1.0)
