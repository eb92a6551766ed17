"""Stimuli: as loud as one another, unclipped, faded, and an anchor as BS.1534 has it."""

import io

import numpy as np
import pytest
import soundfile

from mss_keras.config import UserError
from mss_keras.listening.stimuli import (
    ANCHOR_HZ,
    ANCHOR_HZ_OF,
    FADE_SECONDS,
    MOST_CUT_DB,
    MOST_GAIN_DB,
    PEAK_DBFS,
    anchor,
    level,
    loudness,
    wav_bytes,
)

RATE = 44100
NOISE = np.random.default_rng(0).normal(size=(RATE, 2)) * 0.05


def peak_db(waveforms):
    return 20 * np.log10(max(np.abs(waveform).max() for waveform in waveforms.values()))


@pytest.mark.parametrize("channels", [1, 2])
def test_all_have_the_loudness_that_is_asked_for(channels):
    reference = NOISE[:, :channels]
    waveforms = {
        "reference": reference,
        "low": anchor(reference, RATE, "vocals"),
        "x": 0.1 * reference,
    }
    found = level(waveforms, RATE, lufs=-23.0)
    assert found.lufs == -23.0
    for waveform in found.waveforms.values():
        assert loudness(waveform, RATE) == pytest.approx(-23.0, abs=0.01)
    assert not found.notes
    # BS.1770 by hand: white noise of a channel has its power times the mean gain of the filter;
    # twice the channels are 3 dB more.
    both = loudness(np.repeat(NOISE[:, :1], 2, axis=1), RATE)
    assert both - loudness(NOISE[:, :1], RATE) == pytest.approx(3.01, abs=0.01)


def test_a_trial_that_would_clip_is_softer_as_a_whole():
    clicks = np.zeros_like(NOISE)
    clicks[:: RATE // 8] = 0.5
    found = level({"reference": NOISE, "mixture": clicks}, RATE, lufs=-14.0)
    assert peak_db(found.waveforms) == pytest.approx(PEAK_DBFS, abs=1e-6)
    assert found.lufs < -15.0
    for waveform in found.waveforms.values():
        assert loudness(waveform, RATE) == pytest.approx(found.lufs, abs=0.01)


def test_clicks_of_one_system_make_it_alone_much_softer():
    """Otherwise a single bad estimate would leave a trial that nobody can hear."""
    clicks = 1e-3 * NOISE
    clicks[RATE // 2 : RATE // 2 + 4] = 0.9
    found = level({"reference": NOISE, "theirs": NOISE, "ours": clicks}, RATE, lufs=-23.0)
    assert found.lufs == pytest.approx(-23.0 - MOST_CUT_DB)
    for name in ("reference", "theirs"):
        assert loudness(found.waveforms[name], RATE) == pytest.approx(found.lufs, abs=0.01)
    assert peak_db({"ours": found.waveforms["ours"]}) == pytest.approx(PEAK_DBFS, abs=1e-6)
    (note,) = found.notes
    softer = found.lufs - loudness(found.waveforms["ours"], RATE)
    assert note.startswith(f"ours has peaks far above its loudness, and is {softer:.1f} dB softer")
    alone = level({"reference": clicks}, RATE, lufs=-23.0)  # music that is so is as it is
    assert not alone.notes
    assert alone.lufs < -23.0 - MOST_CUT_DB - 2


def test_silent_estimates_are_named_and_stay_silent():
    waveforms = {
        "reference": NOISE,
        "silent": 0 * NOISE,
        "hiss": 1e-3 * NOISE,
        "dead": 1e-6 * NOISE,
    }
    found = level(waveforms, RATE, lufs=-23.0)
    assert not found.waveforms["silent"].any()
    assert [note.split(" is ")[0] for note in found.notes] == ["silent", "hiss", "dead"]
    assert "30.0 dB softer" in found.notes[1]
    least = loudness(found.waveforms["hiss"], RATE)
    assert least == pytest.approx(-23.0 - (60 - MOST_GAIN_DB), abs=0.05)
    assert "90.0 dB softer" in found.notes[2]
    with pytest.raises(UserError, match="targets: found silence as the reference"):
        level({"reference": 0 * NOISE}, RATE, lufs=-23.0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_refused(value):
    broken = NOISE.copy()
    broken[7, 1] = value
    with pytest.raises(UserError, match="systems: found samples that are not finite in ours"):
        level({"reference": NOISE, "ours": broken}, RATE, lufs=-23.0)


def test_what_is_too_short_to_be_measured_is_refused():
    short = NOISE[: round(0.39 * RATE)]
    with pytest.raises(UserError, match=r"duration: found '?0\.39\d* s'?, wanted 0\.4 or more"):
        level({"reference": short}, RATE, lufs=-23.0)
    assert np.isfinite(loudness(NOISE[: round(0.4 * RATE)], RATE))


def test_both_ends_fade():
    found = level({"reference": np.ones_like(NOISE)}, RATE, lufs=-40.0)
    waveform = found.waveforms["reference"][:, 0]
    samples = round(FADE_SECONDS * RATE)
    assert abs(waveform[0]) < 1e-3 * waveform[RATE // 2]
    assert abs(waveform[-1]) < 1e-3 * waveform[RATE // 2]
    np.testing.assert_allclose(waveform[samples : RATE - samples], waveform[RATE // 2])
    assert (np.diff(waveform[:samples]) > 0).all()
    np.testing.assert_allclose(waveform[:samples], waveform[::-1][:samples])


@pytest.mark.parametrize("source", ["vocals", "bass"])
@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_the_anchor_is_a_zero_phase_low_pass(rate, source):
    edge = ANCHOR_HZ_OF.get(source, ANCHOR_HZ)
    impulse = np.zeros([4 * rate, 1])
    impulse[2 * rate] = 1
    found = anchor(impulse, rate, source)[:, 0]
    np.testing.assert_allclose(found[2 * rate : 3 * rate], found[2 * rate : rate : -1], atol=1e-7)
    response = 20 * np.log10(np.abs(np.fft.rfft(found)) + 1e-12)
    hertz = np.fft.rfftfreq(len(found), 1 / rate)
    assert np.abs(response[hertz <= edge]).max() <= 0.11  # BS.1534: ±0.1 dB
    assert response[hertz >= edge * 4 / 3.5].max() <= -49.5  # BS.1534: -25 dB at 4 kHz


def test_an_anchor_wants_its_frequencies():
    with pytest.raises(UserError, match="sample_rate: found 8000, wanted more than 8000 Hz"):
        anchor(NOISE, 8000, "vocals")


def test_files_of_one_sound_differ_by_their_dither_alone():
    one, same, other = (wav_bytes(NOISE, RATE, noise=noise) for noise in ("a", "a", "b"))
    assert one == same != other
    assert len(one) == len(other) == 44 + 4 * RATE
    for content in (one, other):
        samples, rate = soundfile.read(io.BytesIO(content))
        assert rate == RATE
        assert np.abs(samples - NOISE).max() <= 1.5 / 2**15
        assert abs(np.mean(samples - NOISE)) < 0.02 / 2**15
    full = wav_bytes(np.array([[1.0], [-1.0], [2.0]]), RATE, noise="c")
    samples, _ = soundfile.read(io.BytesIO(full), dtype="int16")
    assert samples[2] == 2**15 - 1
