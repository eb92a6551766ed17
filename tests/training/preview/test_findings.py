"""Levels of what training gets, and what is said of them."""

import numpy as np
import pytest
from excerpt import RATE

from mss_keras.config import DataConfig
from mss_keras.data import AudioFile, Origin, Track
from mss_keras.data.alike import Alike
from mss_keras.training.preview.findings import findings
from mss_keras.training.preview.levels import row_of, sounds_of, summarised

DATA = DataConfig(sources=("bass", "drums"), samples_per_track=64, batch_size=16)
SINE = np.sqrt(2) * np.sin(np.arange(4410) / 10)[:, np.newaxis]  # of RMS 1


def tracks(*seconds):
    return [
        Track(f"track {i}", (AudioFile("x", round(s * RATE), 2, RATE, "int16"),) * 2, None)
        for i, s in enumerate(seconds)
    ]


MANY = tracks(*[200.0] * 86)


def example(number, bass, drums, **changes):
    """An example whose sources are waveforms, or sines of these levels, dBFS."""
    sources = np.stack(
        [x if isinstance(x, np.ndarray) else SINE * 10 ** (x / 20) for x in (bass, drums)]
    )
    origins = [Origin(f"track {number}", 100 * i, 100 * i + 4410, changes) for i in range(2)]
    waveforms = {"mixture": sources.sum(0), "sources": sources}
    told = sounds_of(number, waveforms, {"sources": origins}, sources=DATA.sources)
    return [sound for sound, _ in told]


def said(sounds, *, music=MANY, data=DATA, same=()):
    found = findings(
        sounds, summarised(sounds), tracks=music, data=data, sample_rate=RATE, same=same
    )
    return [("!" if finding.serious else "") + finding.text for finding in found]


def test_levels():
    loud, silent = np.array([[1.5], [0.0]]), np.zeros((2, 1))
    mixture, bass, drums = example(3, loud, silent, gain=0.5, channelswap=True)
    assert (mixture.name, bass.name, drums.name) == ("mixture", "bass", "drums")
    assert bass.peak == pytest.approx(3.52, abs=0.01)
    assert bass.rms == pytest.approx(0.51, abs=0.01)
    assert bass.clips
    assert not example(3, np.array([[1.0], [0.0]]), silent)[1].clips
    assert drums.silent
    assert drums.peak == -np.inf
    assert row_of(bass, 1000) == {
        **{"example": 4, "sound": "bass", "rms_dbfs": 0.51, "peak_dbfs": 3.52, "silent": 0},
        **{"above_full_scale": 1, "track": "track 3", "start_s": 0.0, "end_s": 4.41},
        **{"gain": 0.5, "channelswap": True},
    }
    assert "track" not in row_of(mixture, 1000)
    assert not example(0, -60.01, -59.99)[2].silent
    assert example(0, -60.01, -59.99)[1].silent


def test_summaries():
    sounds = [
        x for i, level in enumerate((-10.0, -20.0, -30.0, -70.0)) for x in example(i, level, -5.0)
    ]
    mixture, bass, drums = summarised(sounds)
    assert (mixture.name, bass.silent, drums.silent, bass.examples) == ("mixture", 0.25, 0, 4)
    assert bass.rms == pytest.approx((-28, -20, -12), abs=0.01)
    assert bass.peak == pytest.approx(-7, abs=0.1)


def test_unpaired_sounds_have_names_of_their_own():
    half = {"mixture": SINE, "sources": np.stack([SINE, SINE])}
    waveforms = {**half, **{f"unpaired_{name}": x for name, x in half.items()}}
    song = [Origin("song.wav", 0, 4410, {})]
    origins = {"sources": song * 2, "unpaired_mixture": song, "unpaired_sources": song * 2}
    told = sounds_of(0, waveforms, origins, sources=DATA.sources)
    names = [sound.name for sound, _ in told]
    assert names[3:] == ["unpaired mixture", "unpaired bass", "unpaired drums"]
    assert row_of(told[3][0], RATE)["track"] == "song.wav"


def test_sound_data_has_no_findings():
    assert said(example(0, -20.0, -25.0)) == []


def test_a_silent_source():
    sounds = [x for i in range(10) for x in example(i, -80.0 if i < 4 else -20.0, -20.0)]
    (text,) = said(sounds)
    assert text.startswith("bass is silent, below -60 dBFS, in 40% of 10 examples.")
    assert "`seq_dur`" in text
    sounds = [x for i in range(20) for x in example(i, -80.0 if i < 1 else -20.0, -20.0)]
    assert said(sounds) == []  # 5 %
    sounds = [x for i in range(20) for x in example(i, -80.0 if i < 2 else -20.0, -20.0)]
    assert len(said(sounds)) == 1  # 10 %
    (text,) = said(example(0, -80.0, -20.0))
    assert text.startswith("!bass is silent, below -60 dBFS, in all of 1 example: nothing can be")


def test_a_soft_source():
    (text,) = said(example(0, -45.1, -25.0))
    assert text.startswith("bass is 20 dB softer than drums")
    assert said(example(0, -44.9, -25.0)) == []
    levels = [(-20.0, -41.0)] * 6 + [(-20.0, -10.0)] * 4  # by medians, not by their loudest
    (text,) = said([x for i, pair in enumerate(levels) for x in example(i, *pair)])
    assert text.startswith("drums is 21 dB softer than bass")


def test_a_mixture_beyond_full_scale():
    sounds = [x for i in range(5) for x in example(i, 3.0 if i == 0 else -20.0, -20.0)]
    (text,) = said(sounds)
    assert text.startswith("The mixture goes beyond full scale in 20% of 5 examples, by 6.6 dB at")


def test_samples_that_are_no_numbers():
    broken = SINE.copy()
    broken[7] = np.nan
    sounds = [*example(0, broken, -20.0), *example(1, -20.0, -20.0), *example(2, broken, -20.0)]
    (text,) = said(sounds)
    assert text.startswith(
        "!bass holds NaN or infinite samples in 2 examples, from track 0, track 2"
    )
    assert said(example(0, broken, broken))[1].startswith("!drums holds NaN")


def test_files_that_hold_the_same_sound():
    same = [Alike(f"track {i}", "bass", "drums") for i in range(5)]
    (text,) = said(example(0, -20.0, -20.0), same=same)
    assert text == (
        "!bass and drums hold the same sound in 5 tracks: track 0, track 1, track 2 and 2 more."
    )


def test_tracks_that_are_shorter_than_an_excerpt():
    music = tracks(*[200.0] * 85, 5.999)
    (text,) = said(example(0, -20.0, -20.0), music=music)
    assert text == (
        "1 track of 86 is shorter than an excerpt of 6 s, which ends in silence there: track 85. "
        "A `seq_dur` of 5.99 fits all."
    )


def test_a_track_that_an_excerpt_fits_exactly():
    assert said(example(0, -20.0, -20.0), music=tracks(*[200.0] * 85, 6.0)) == []


def test_a_handful_of_steps_and_one_track():
    few, one = said(example(0, -20.0, -20.0), music=tracks(200.0))
    assert few.startswith("An epoch has 4 steps (1 track")
    assert one.startswith("There is one training track")


def test_the_serious_come_first():
    sounds = example(0, -80.0, 8.0)
    assert [text[0] == "!" for text in said(sounds)] == [True, False]
