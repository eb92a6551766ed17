"""Correlations and their intervals: scipy's values, and the truth within."""

import numpy as np
import pytest
import scipy.stats

from mss_keras.listening.coefficients import COEFFICIENTS, interval, value

PEERS = {
    "pearson": scipy.stats.pearsonr,
    "spearman": scipy.stats.spearmanr,
    "kendall": scipy.stats.kendalltau,
}


@pytest.mark.parametrize("name", COEFFICIENTS)
@pytest.mark.parametrize("tied", [False, True])
def test_a_sample_that_is_drawn_anew_has_scipy_s_correlation(name, tied):
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(2, 12))
    y += x
    if tied:
        x, y = x.round(), y.round()
    counts = generator.multinomial(12, [1 / 12] * 12, 50)
    found = COEFFICIENTS[name](x, y, counts.astype(float))
    for row, ours in zip(counts, found, strict=True):
        theirs = PEERS[name](np.repeat(x, row), np.repeat(y, row)).statistic
        assert ours == pytest.approx(theirs, abs=1e-12)
    assert value(name, x, y) == PEERS[name](x, y).statistic
    once = np.ones([1, 12])
    assert COEFFICIENTS[name](1e6 + 1e-3 * x, y, once)[0] == pytest.approx(value(name, x, y))


@pytest.mark.parametrize("name", COEFFICIENTS)
def test_what_is_constant_or_short_has_no_correlation(name):
    x, same = np.arange(4.0), np.full(4, 0.1)
    assert np.isnan(value(name, x, same))
    assert np.isnan(value(name, x[:2], x[:2]))
    with np.errstate(all="raise"):
        assert np.isnan(COEFFICIENTS[name](x, same, np.ones([1, 4]))).all()
        assert np.isnan(COEFFICIENTS[name](x, x, np.array([[4.0, 0, 0, 0]]))).all()
    assert value(name, x, -x) == pytest.approx(-1)


def _sample(generator, groups):
    # Four systems in each group; groups differ in level.
    level = generator.normal(0, 0.6, (groups, 1))
    x = level + generator.normal(0, 1, (groups, 4)) + np.arange(4) * 0.5
    y = 0.8 * x + generator.normal(0, 0.5, (groups, 1)) + generator.normal(0, 0.7, (groups, 4))
    return x.ravel(), y.ravel()


@pytest.mark.parametrize("name", COEFFICIENTS)
@pytest.mark.parametrize("groups", [5, 12])
def test_the_truth_lies_in_95_of_100_intervals(name, groups):
    truth = value(name, *_sample(np.random.default_rng(1), 10000))
    trials, within = 300, 0
    for seed in range(trials):
        generator = np.random.default_rng(1000 + seed)
        x, y = _sample(generator, groups)
        counts = generator.multinomial(groups, [1 / groups] * groups, 200)
        drawn = COEFFICIENTS[name](x, y, counts.repeat(4, axis=1).astype(float))
        low, high = interval(value(name, x, y), drawn, groups=groups, confidence=0.95)
        within += low <= truth <= high
    assert 0.93 <= within / trials <= 0.995


def test_an_interval_in_closed_form():
    """Samples of spread 1 − r² give z a standard error of 1."""
    drawn = 0.5 + 0.75 * np.array([-1.0, 0.0, 1.0])
    half = scipy.stats.t.ppf(0.95, 9)
    ends = np.tanh(np.arctanh(0.5) + np.array([-half, half]))
    assert interval(0.5, drawn, groups=10, confidence=0.9) == pytest.approx(tuple(ends))


def test_where_there_is_no_interval():
    drawn = np.linspace(0, 0.5, 100)
    assert np.isnan(interval(0.2, drawn, groups=2, confidence=0.95)).all()
    assert np.isnan(interval(np.nan, drawn, groups=9, confidence=0.95)).all()
    mostly = np.where(np.arange(100) < 51, np.nan, drawn)
    assert np.isnan(interval(0.2, mostly, groups=9, confidence=0.95)).all()
    for found in (1.0, -1.0, float(np.nextafter(1, 0))):  # of which all samples have the same
        assert np.isnan(interval(found, np.full(100, found), groups=9, confidence=0.95)).all()
