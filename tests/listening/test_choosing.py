"""Excerpts of a test: drawn by a seed, from different songs first, read in blocks."""

import numpy as np
import pytest
import soundfile
from loud_songs import OFF, RATE, SOURCES, song, tracks_of

from mss_keras.config import ListeningConfig, UserError
from mss_keras.evaluation import reading
from mss_keras.listening.choosing import choose


def chosen(root, say=lambda line: None, **settings):
    tests = ListeningConfig(**{"duration": 2.0, "per_source": 2, **settings})
    return choose(tracks_of(root), SOURCES, settings=tests, say=say)


def test_different_songs_first_and_no_overlap(tmp_path):
    for name in "abc":
        song(tmp_path, name, vocals=[-20] * 20, bass=[-20] * 20)
    excerpts, training = chosen(tmp_path, per_source=5)
    for source in SOURCES:
        own = [excerpt for excerpt in excerpts if excerpt.source == source]
        assert len(own) == 5
        assert {excerpt.track.name for excerpt in own[:3]} == set("abc")
        assert not [(x, y) for x in own for y in own if x is not y and x.overlaps(y)]
    assert not any(training.overlaps(excerpt) for excerpt in excerpts)
    assert excerpts == chosen(tmp_path, per_source=5)[0]
    assert excerpts != chosen(tmp_path, per_source=5, seed=1)[0]
    assert excerpts[0].name == f"{excerpts[0].track.name} @ {excerpts[0].start:g} s"


def test_a_draw_that_leaves_no_room_gives_way(tmp_path):
    song(tmp_path, "a", vocals=[-20] * 6, bass=[-20] * 6)
    for seed in range(6):
        lines: list[str] = []
        excerpts, _ = chosen(tmp_path, lines.append, per_source=3, seed=seed)
        assert len(excerpts) == 6
        assert not lines


def test_what_fills_a_song_is_drawn_too(tmp_path):
    """Where a draw leaves no room for more, those taken are not all at the song's beginning."""
    song(tmp_path, "a", vocals=[-20] * 9, bass=[OFF] * 9)
    starts = []
    for seed in range(12):
        excerpts, training = chosen(tmp_path, targets=("vocals",), per_source=3, seed=seed)
        assert not any(training.overlaps(excerpt) for excerpt in excerpts)
        starts.append(sorted(excerpt.start for excerpt in excerpts))
    assert starts.count([0, 2, 4]) < 6


def test_a_mixture_that_is_longer_than_its_sources(tmp_path):
    folder = song(tmp_path, "a", vocals=[-20, -20], bass=[-20, -20])
    for name, samples in (("vocals", 8720), ("bass", 8720)):
        waveform, _ = soundfile.read(folder / f"{name}.wav")
        soundfile.write(folder / f"{name}.wav", waveform[:samples], RATE, subtype="FLOAT")
    mixture = np.random.default_rng(1).normal(size=8960) * 0.1
    soundfile.write(folder / "mixture.wav", mixture, RATE, subtype="FLOAT")
    excerpts, _ = chosen(tmp_path, duration=0.58, per_source=1)
    assert [excerpt.start for excerpt in excerpts] == [0.0, 0.0]
    with pytest.raises(UserError, match=r"duration: found inf, wanted 0\.4 seconds or more"):
        ListeningConfig(duration=float("inf"))


def test_too_few_are_told_in_a_line(tmp_path):
    song(tmp_path, "a", vocals=[-20] * 4, bass=[OFF] * 4)
    lines: list[str] = []
    excerpts, training = chosen(tmp_path, lines.append, per_source=3)
    assert [excerpt.source for excerpt in excerpts] == ["vocals", "vocals"]
    assert training is excerpts[0]
    assert [line.split(":")[0] for line in lines] == [
        "only 2 of 3 excerpts for vocals",
        "only 0 of 3 excerpts for bass",
    ]
    with pytest.raises(UserError, match=r"duration: found no excerpt of 2 s in which bass is loud"):
        chosen(tmp_path, targets=("bass",))
    with pytest.raises(UserError, match=r"targets: found 'vocal' \(did you mean vocals\?\)"):
        chosen(tmp_path, targets=("vocal",))
    with pytest.raises(
        UserError,
        match=r"duration: found 9 s, but no song that long, wanted .* s, as the longest has",
    ):
        chosen(tmp_path, duration=9.0)


def test_channels_do_not_cancel_each_other(tmp_path):
    folder = song(tmp_path, "a", vocals=[-20] * 4, bass=[-20] * 4)
    for source in SOURCES:
        waveform, _ = soundfile.read(folder / f"{source}.wav")
        opposite = np.stack([waveform, -waveform], axis=1)
        soundfile.write(folder / f"{source}.wav", opposite, RATE, subtype="FLOAT")
    excerpts, _ = chosen(tmp_path)
    assert len(excerpts) == 4


def test_samples_that_are_not_finite(tmp_path):
    folder = song(tmp_path, "a", vocals=[-20] * 4, bass=[-20] * 4)
    waveform, _ = soundfile.read(folder / "bass.wav")
    waveform[100] = np.nan
    soundfile.write(folder / "bass.wav", waveform, RATE, subtype="FLOAT")
    with pytest.raises(UserError, match=r"found samples that are not finite"):
        chosen(tmp_path)


def test_files_are_read_in_blocks(tmp_path, monkeypatch):
    song(tmp_path, "a", vocals=[-20] * 60, bass=[-20] * 60)
    read, lengths = reading.Recording.read, []

    def counted(self, start, stop):
        lengths.append(stop - start)
        return read(self, start, stop)

    monkeypatch.setattr(reading.Recording, "read", counted)
    chosen(tmp_path)
    assert max(lengths) <= 10 * RATE
