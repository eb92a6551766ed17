"""BSSEval v4 beside museval, and on signals whose numbers are known."""

import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest
import scipy.signal
from museval_peer import metrics as museval_metrics

from mss_keras.config import UserError
from mss_keras.metrics import bss_eval
from mss_keras.metrics.bsseval import RATIOS, over_finite

RATE = 44100
LAGS = 128  # museval is 20 times faster than with its 512


def quantised(waveforms):
    """As 16-bit files have them, in double precision."""
    return np.clip(np.round(np.asarray(waveforms, float) * 2**15), -(2**15), 2**15 - 1) / 2**15


def separated(y_true, seed=0):
    """Estimates: targets filtered, with leakage and noise, 16 bits."""
    rng = np.random.default_rng(seed)
    decay = np.exp(-np.arange(32) / 6)
    estimates = []
    for target in y_true:
        taps = rng.standard_normal(32) * decay
        filtered = scipy.signal.lfilter(taps / np.abs(taps).sum(), 1, target, axis=0)
        noise = 0.01 * target.std() * rng.standard_normal(target.shape)
        estimates.append(0.5 * target + filtered + noise + 0.1 * (y_true.sum(0) - target))
    return quantised(np.stack(estimates))


@pytest.fixture(scope="module")
def music(excerpt):
    """Vocals and drums, 2.4 s of 16-bit stereo, and their estimates."""
    y_true = quantised(excerpt["sources"][:2, RATE : RATE + round(2.4 * RATE)])
    return y_true, separated(y_true)


def by_museval(y_true, y_pred, *, window=RATE, hop=RATE, lags=LAGS):
    with np.errstate(all="ignore"):
        ratios = museval_metrics.bss_eval(y_true, y_pred, window=window, hop=hop, filters_len=lags)[
            :4
        ]
    return dict(zip(RATIOS, ratios, strict=True))


def assert_equal(ours, theirs, tolerance=1e-3):
    for name in RATIOS:
        np.testing.assert_allclose(
            getattr(ours, name), theirs[name], rtol=0, atol=tolerance, err_msg=name
        )


def test_four_sources_of_music(excerpt):
    y_true = quantised(excerpt["sources"][:, : 2 * RATE])
    y_pred = separated(y_true)
    ours = bss_eval(y_true, y_pred)
    assert ours.sdr.shape == (4, 2)
    assert_equal(ours, by_museval(y_true, y_pred, lags=512))


@pytest.mark.parametrize(
    ("window", "hop"), [(RATE, RATE), (RATE, RATE // 3), (30000, 44000), (10 * RATE, RATE)]
)
def test_windows(music, window, hop):
    ours = bss_eval(*music, window=window, hop=hop, lags=LAGS)
    assert_equal(ours, by_museval(*music, window=window, hop=hop))


def test_one_source_has_infinite_sir(music):
    y_true, y_pred = (waveforms[:1] for waveforms in music)
    ours = bss_eval(y_true, y_pred, lags=LAGS)
    assert np.isposinf(ours.sir).all()
    assert np.isnan(ours.median()["sir"])
    assert_equal(ours, by_museval(y_true, y_pred))


def change(waveforms, source, samples, channels, value):
    changed = waveforms.copy()
    changed[source, samples, channels] = value
    return changed


def test_channels(music):
    y_true, y_pred = music
    everything, later = slice(None), slice(RATE, None)
    left = y_true[0, :, 0]
    cases = {
        "one channel": (y_true[..., :1], y_pred[..., :1]),
        "dead channel": (change(y_true, 0, everything, 1, 0), y_pred),
        "channel dead later": (change(y_true, 0, later, 1, 0), y_pred),
        "dual mono": (change(y_true, 0, everything, 1, left), y_pred),
        "soft channel": (
            change(y_true, 0, everything, 1, quantised(0.003 * y_true[1, :, 1])),
            y_pred,
        ),
        "panned": (change(y_true, 0, everything, 1, 0.25 * left), y_pred),
        "mono sources and estimates": tuple(np.repeat(y[..., :1], 2, 2) for y in music),
    }
    for case, (targets, estimates) in cases.items():
        theirs = by_museval(targets, estimates)
        try:
            assert_equal(bss_eval(targets, estimates, lags=LAGS), theirs)
        except AssertionError as error:
            raise AssertionError(case) from error


def test_one_source_twice(music):
    """No interference but rounding's, of which museval makes 120 to 170 dB."""
    y_true, y_pred = music
    targets = np.stack([y_true[0], y_true[0]])
    ours, theirs = bss_eval(targets, y_pred, lags=LAGS), by_museval(targets, y_pred)
    for name in ("sdr", "isr", "sar"):
        np.testing.assert_allclose(getattr(ours, name), theirs[name], rtol=0, atol=1e-3)
    assert (ours.sir > 100).all()


def test_silence_in_a_frame_is_nan_for_all_sources(music):
    y_true, y_pred = music
    first = slice(0, RATE)
    targets = change(y_true, 1, first, slice(None), 0)
    ours = bss_eval(targets, y_pred, lags=LAGS)
    assert np.isnan(ours.sdr).tolist() == [[True, False]] * 2
    assert ours.nan_frames.tolist() == [1, 1]
    assert ours.silent.tolist() == [[[False] * 2, [True, False]], [[False] * 2] * 2]
    assert_equal(ours, by_museval(targets, y_pred))

    estimates = change(y_pred, 0, first, slice(None), 0)
    ours = bss_eval(y_true, estimates, lags=LAGS)
    assert np.argwhere(ours.silent).tolist() == [[1, 0, 0]]
    assert_equal(ours, by_museval(y_true, estimates))


def test_antiphase_is_silence_as_in_museval(music):
    y_true, y_pred = music
    targets = change(y_true, 0, slice(0, RATE), 1, -y_true[0, :RATE, 0])
    ours = bss_eval(targets, y_pred, lags=LAGS)
    assert np.isnan(ours.sdr[:, 0]).all()
    assert_equal(ours, by_museval(targets, y_pred))


def test_sound_behind_the_last_whole_frame_only(music):
    y_true, y_pred = music
    targets = change(y_true, 0, slice(0, 2 * RATE), slice(None), 0)
    ours = bss_eval(targets, y_pred, lags=LAGS)
    assert ours.nan_frames.tolist() == [2, 2]
    assert_equal(ours, by_museval(targets, y_pred))


@pytest.mark.parametrize("silent", [[0], [1], [0, 1]])
def test_a_target_silent_throughout_leaves_no_frame_with_a_score(music, silent):
    y_true, y_pred = music
    targets = change(y_true, silent, slice(None), slice(None), 0)
    ours = bss_eval(targets, y_pred, lags=LAGS)
    assert all(np.isnan(getattr(ours, name)).all() for name in RATIOS)
    assert ours.silent[0].all(axis=1).tolist() == [0 in silent, 1 in silent]
    assert not ours.silent[1].any()


@pytest.mark.parametrize("silent", [[0], [1], [0, 1]])
def test_an_estimate_silent_throughout_has_no_score_and_costs_the_others_none(music, silent):
    y_true, y_pred = music
    estimates = change(y_pred, silent, slice(None), slice(None), 0)
    ours, whole = (bss_eval(y_true, x, lags=LAGS) for x in (estimates, y_pred))
    for name in RATIOS:
        values = getattr(ours, name)
        assert np.isnan(values[silent]).all()
        others = np.delete(values, silent, axis=0)
        np.testing.assert_array_equal(others, np.delete(getattr(whole, name), silent, axis=0))
    assert ours.silent[1, silent].all()


@pytest.mark.parametrize(
    ("sample", "value"), [(10, np.nan), (-1, 0.5), (10 + RATE, 0.5)], ids=["nan", "end", "unscored"]
)
def test_an_estimate_silent_where_scores_are_costs_the_others_none(music, sample, value):
    """But for a sample that is not finite, in the dropped last frame, or where a target rests."""
    y_true, y_pred = music
    if sample == 10 + RATE:
        y_true = change(y_true, 1, slice(RATE, 2 * RATE), slice(None), 0)
    estimates = change(y_pred, 0, slice(None), slice(None), 0)
    estimates[0, sample, 0] = value
    ours, whole = (bss_eval(y_true, x, lags=LAGS) for x in (estimates, y_pred))
    for name in RATIOS:
        values = getattr(ours, name)
        assert np.isnan(values[0]).all()
        np.testing.assert_allclose(values[1], getattr(whole, name)[1], atol=1e-9)
    assert np.isfinite(ours.sdr[1, 0])


def test_frames_in_which_another_estimate_is_silent_stay_without_a_score(music):
    y_true, y_pred = music
    estimates = change(y_pred, 0, slice(None), slice(None), 0)
    estimates = change(estimates, 1, slice(0, RATE), slice(None), 0)
    assert np.isnan(bss_eval(y_true, estimates, lags=LAGS).sdr).tolist() == [
        [True, True],
        [True, False],
    ]


def test_estimates_equal_to_targets(music):
    y_true, _ = music
    ours, theirs = bss_eval(y_true, y_true, lags=LAGS), by_museval(y_true, y_true)
    for name in RATIOS:  # what is finite is rounding noise
        infinite = np.isinf(getattr(ours, name))
        assert infinite.tolist() == np.isinf(theirs[name]).tolist()
        assert (getattr(ours, name) > 100).all()
    assert np.isposinf(ours.sdr).all()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_finite_estimate_leaves_the_others_alone(music, channels, value):
    y_true, y_pred = (waveforms[..., :channels] for waveforms in music)
    whole = bss_eval(y_true, y_pred, lags=LAGS)
    estimates = change(y_pred, 0, 5, 0, value)
    ours = bss_eval(y_true, estimates, lags=LAGS)
    assert_equal(ours, by_museval(y_true, estimates))
    assert ours.finite.tolist() == [False, True]
    assert ours.nan_frames.tolist() == [2, 0]
    for name in RATIOS:
        np.testing.assert_allclose(getattr(ours, name)[1], getattr(whole, name)[1], atol=1e-9)
    assert np.isnan(ours.median()["sdr"][0])
    with pytest.raises(UserError, match="target 0: found NaN"):
        bss_eval(change(y_true, 0, 5, 0, value), y_pred, lags=LAGS)


@pytest.mark.parametrize("shape", [(2, 100), (2, 0, 2), (2, 100, 1)])
def test_shapes_are_checked(shape):
    with pytest.raises(UserError, match=r"^y_(true|pred): found .*, wanted (the )?shape"):
        bss_eval(np.ones(shape), np.ones((2, 100, 2)))


@pytest.mark.parametrize("argument", ["window", "hop", "lags", "threads"])
def test_numbers_are_checked(argument):
    changed: dict[str, Any] = {argument: 0}
    with pytest.raises(UserError, match=f"^{argument}: found 0, wanted 1 or more"):
        bss_eval(np.ones((2, 100, 2)), np.ones((2, 100, 2)), **changed)


def test_float_stems_within_the_noise_of_museval(excerpt):
    """Coding has emptied bands, so the system is nearly singular and rounding shows."""
    y_true = excerpt["sources"][:2, RATE : 3 * RATE].astype(float)
    y_pred = separated(y_true)
    ours, theirs = bss_eval(y_true, y_pred), by_museval(y_true, y_pred, lags=512)
    again = by_museval(0.7 * y_true, 0.7 * y_pred, lags=512)
    noise = max(np.abs(theirs[name] - again[name]).max() for name in RATIOS)
    assert_equal(ours, theirs, max(3 * noise, 0.01))


def test_gain_and_noise_in_closed_form():
    """One tap, white signals: the parts are orthogonal and their energies known."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((6000, 3)))[0].T[:, :, None]
    y_true, noise = basis[:2], basis[2]
    y_pred = np.stack([1.5 * y_true[0] + 0.2 * y_true[1] + 0.1 * noise, y_true[1] + 0.1 * noise])
    ours = bss_eval(y_true, y_pred, window=6000, hop=6000, lags=1)
    expected = {
        "sdr": 1 / (0.25 + 0.04 + 0.01),
        "isr": 1 / 0.25,
        "sir": 2.25 / 0.04,
        "sar": (2.25 + 0.04) / 0.01,
    }
    for name, ratio in expected.items():
        assert getattr(ours, name)[0, 0] == pytest.approx(10 * np.log10(ratio), abs=1e-9)
    assert ours.sdr[1, 0] == pytest.approx(20, abs=1e-9)


def test_number_of_threads_changes_nothing(music):
    one, three = (bss_eval(*music, threads=threads) for threads in (1, 3))
    for name in RATIOS:
        np.testing.assert_allclose(getattr(one, name), getattr(three, name), atol=1e-6)


class Repeated:
    """Waveforms of any length that take no memory."""

    def __init__(self, waveforms, times):
        self.waveforms = waveforms
        self.shape = (len(waveforms), waveforms.shape[1] * times, waveforms.shape[2])

    def __getitem__(self, index):
        sources, samples = index
        positions = np.arange(*samples.indices(self.shape[1])) % self.waveforms.shape[1]
        return self.waveforms[sources][:, positions]


def test_memory_does_not_grow_with_length(music):
    def peak(times):
        tracemalloc.start()
        bss_eval(*(Repeated(waveforms, times) for waveforms in music), threads=1)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(8) < 1.02 * peak(2)


def test_median_leaves_nan_and_infinity_out():
    values = np.array([[1.0, np.nan, 5.0, np.inf, 3.0], [np.nan, -np.inf, np.inf, np.nan, np.nan]])
    assert over_finite(np.median, values).tolist()[0] == 3.0
    assert np.isnan(over_finite(np.median, values)[1])


def test_scoring_imports_no_tensorflow():
    code = (
        "import sys; from mss_keras.metrics import bss_eval, whole_track, TrackScores; "
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
