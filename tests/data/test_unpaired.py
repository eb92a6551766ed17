"""Unpaired music: from elsewhere, or so that no Ŷ is a source of an X̂."""

import dataclasses

import numpy as np
import pytest
import soundfile

from mss_keras import data
from mss_keras.config import AdversarialConfig, AudioConfig, DataConfig, UserError
from mss_keras.data.unpaired import draw_unpaired

AUDIO = AudioConfig(nfft=512, nhop=128)
MUSIC = DataConfig(
    sources=("a", "b"), seq_dur=0.02, batch_size=4, samples_per_track=8, augmentations=()
)
SAMPLES = 882


def write(path, waveform, rate=44100):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, waveform, rate, subtype="FLOAT" if path.suffix == ".wav" else None)


def labelled(root, tracks, samples):
    """Tracks whose samples say where they are: track + source / 8 left, place right."""
    for track in range(tracks + 1):  # the last is for validation
        for number, source in enumerate(MUSIC.sources):
            place = np.arange(samples) / samples
            waveform = np.stack([np.full(samples, track + number / 8), place + 1], axis=1)
            write(root / f"track {track}" / f"{source}.wav", waveform / 16)
    config = dataclasses.replace(MUSIC, root=str(root))
    return config, data.open_set(config, AUDIO).train


def batches(tracks, config, count, unpaired=None):
    examples = data.training_examples(
        tracks, config, AUDIO, seed=1, unpaired=unpaired or data.Unpaired()
    )
    return list(examples.take(count).as_numpy_iterator())


@pytest.mark.parametrize("tracks", [2, 3, 6])
def test_recordings_are_of_other_tracks_than_the_batch_s_mixtures(tmp_path, tracks):
    found = set()
    for start in range(0, 80, 4):
        drawn = [draw_unpaired(1, start + i, tracks, 2, 4) for i in range(4)]
        mixtures, recordings = (
            {int(t) for each in drawn for t in each[kind]["track"]}
            for kind in ("mixture", "sources")
        )
        assert not mixtures & recordings
        found |= mixtures | recordings
    assert found == set(range(tracks))


def test_excerpts_are_those_drawn(tmp_path):
    config, tracks = labelled(tmp_path, 4, 3000)
    for number, batch in enumerate(batches(tracks, config, 3)):
        for i in range(4):
            drawn = draw_unpaired(1, 4 * number + i, 4, 2, 4)
            label = drawn["sources"]["track"].numpy() + np.array([0, 1 / 8])
            np.testing.assert_allclose(batch["unpaired_sources"][i, :, 0, 0] * 16, label, atol=1e-5)
            label = np.sum(drawn["mixture"]["track"].numpy() + np.array([0, 1 / 8]))
            np.testing.assert_allclose(batch["unpaired_mixture"][i, 0, 0] * 16, label, atol=1e-5)
        pairs = batch["sources"].sum(1)
        np.testing.assert_allclose(batch["mixture"], pairs, atol=1e-6)


def test_a_single_track_is_divided_in_time(tmp_path):
    """Nothing heard in a mixture is heard alone, even where halves are short."""
    for samples in (5000, 1000):
        config, tracks = labelled(tmp_path / str(samples), 1, samples)
        config = dataclasses.replace(config, sources=("a",))
        tracks = data.open_set(config, AUDIO).train
        sides = set()
        for batch in batches(tracks, config, 6):
            places = []
            for kind in ("mixture", "sources"):
                place = batch[f"unpaired_{kind}"].reshape(-1, 2)[:, 1] * 16 - 1
                places.append(place[place >= 0])  # without padding
                assert len(places[-1])
            assert places[0].max() < 0.5 <= places[1].min() or (
                places[1].max() < 0.5 <= places[0].min()
            )
            sides.add(places[0].max() < 0.5)
        assert sides == {True, False}


def test_what_is_paired_stays_what_it_is(tmp_path):
    config, tracks = labelled(tmp_path, 3, 3000)
    alone = data.training_examples(tracks, config, AUDIO, seed=1).take(2).as_numpy_iterator()
    for one, other in zip(alone, batches(tracks, config, 2), strict=True):
        np.testing.assert_array_equal(one["sources"], other["sources"])


def test_from_elsewhere(tmp_path):
    """Songs of any rate and format; recordings of each source; decoded once."""
    config, tracks = labelled(tmp_path / "music", 2, 3000)
    write(tmp_path / "songs" / "a" / "song.flac", np.full((6000, 1), 0.5), 22050)
    write(tmp_path / "songs" / "song.wav", np.full((4000, 2), 0.5))
    for source, level in (("a", 0.25), ("b", -0.25)):
        write(tmp_path / "parts" / source / "x.wav", np.full((2000, 2), level))
    settings = AdversarialConfig(
        unpaired_root=str(tmp_path / "songs"), unpaired_sources=str(tmp_path / "parts")
    )
    said = []
    unpaired = data.open_unpaired(settings, config, AUDIO, say=said.append)
    assert len(unpaired.songs) == 2
    assert len(said) == 1
    assert [len(files) for files in unpaired.recordings] == [1, 1]
    decoded = tmp_path / "songs-wav" / "a" / "song.flac.wav"
    assert soundfile.info(decoded).frames == 12000
    for batch in batches(tracks, config, 2, unpaired):
        middle = batch["unpaired_mixture"][:, 300:500]
        np.testing.assert_allclose(middle, 0.5, atol=1e-3)
        for source, level in ((0, 0.25), (1, -0.25)):
            np.testing.assert_allclose(batch["unpaired_sources"][:, source], level, atol=1e-4)
    again = data.open_unpaired(settings, config, AUDIO, say=said.append)
    assert again == unpaired
    assert len(said) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unpaired_root": "nothing"}, "--unpaired-root: .*nothing found no such folder"),
        ({"unpaired_root": "empty"}, "empty: no songs found"),
        ({"unpaired_sources": "empty"}, "--unpaired-sources: .*empty/a found no such folder"),
        ({"unpaired_root": "bad"}, "bad/x.mp3: "),
    ],
)
def test_wrong_folders(tmp_path, settings, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.mp3").write_text("no music")
    settings = {key: str(tmp_path / value) for key, value in settings.items()}
    with pytest.raises(UserError, match=message):
        data.open_unpaired(AdversarialConfig(**settings), MUSIC, AUDIO)
    assert not list((tmp_path / "bad-wav").rglob("*.wav"))
