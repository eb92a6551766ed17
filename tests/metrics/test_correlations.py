"""Correlations in blocks beside sums over all samples."""

import numpy as np
import pytest

from mss_keras.metrics.correlations import correlate, sounds


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(
    ("shape", "lags"),
    [((2, 9000, 2), 64), ((3, 140000, 1), 512), ((1, 100, 1), 64), ((1, 4033, 3), 1)],
)
def test_equals_sums(shape, lags, threads):
    sources, samples, channels = shape
    y_true, y_pred = np.random.default_rng(0).standard_normal((2, *shape))
    known = correlate(y_true, y_pred, lags, threads=threads)
    y, e = (x.swapaxes(1, 2).reshape(sources * channels, samples) for x in (y_true, y_pred))
    for lag in {0, 1, lags // 2, lags - 1} & set(range(lags)):
        for found, other in ((known.auto, y), (known.cross, e)):
            wanted = y[:, : samples - lag] @ other[:, lag:].T
            np.testing.assert_allclose(found[lag], wanted, rtol=0, atol=1e-9)
    assert known.auto.shape == known.cross.shape == (lags, len(y), len(y))


def test_soft_and_dead_channels_beside_loud_ones():
    y_true, y_pred = np.random.default_rng(0).standard_normal((2, 2, 5000, 2))
    y_true[0, :, 1] *= 1e-6
    y_true[1, :, 1] = 0
    known = correlate(y_true, y_pred, 16)
    soft = y_true[0, :, 1]
    assert known.auto[3, 1, 1] == pytest.approx(soft[:-3] @ soft[3:], rel=1e-9)
    assert not known.auto[:, 3].any()
    assert not known.auto[:, :, 3].any()
    assert not known.cross[:, 3].any()


def test_tells_silence_and_what_is_not_finite():
    y_true, y_pred = np.ones((2, 2, 70000, 2))
    y_true[0, :, 1] = -1
    y_pred[1, 69999, 0] = np.nan
    known = correlate(y_true, y_pred, 16)
    assert known.sounding.tolist() == [[False, True], [True, True]]
    assert known.finite.tolist() == [[True, True], [True, False]]
    assert sounds(y_true).tolist() == [False, True]
