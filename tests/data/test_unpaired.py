"""Unpaired music: from elsewhere, or so that no Ŷ is a source of an X̂."""

import dataclasses

import numpy as np
import pytest
import soundfile
from labelled import AUDIO, MUSIC, labelled, write

from mss_keras import data
from mss_keras.config import AdversarialConfig, UserError
from mss_keras.data.augmentations import AUGMENTATIONS
from mss_keras.data.draws import draw_unpaired

SIZES = {"sources": 2, "batch_size": 4}


def batches(tracks, config, count, unpaired=None):
    examples = data.training_examples(
        tracks, config, AUDIO, seed=1, unpaired=unpaired or data.Unpaired()
    )
    return list(examples.take(count).as_numpy_iterator())


@pytest.mark.parametrize("tracks", [2, 3, 6])
def test_recordings_are_of_other_tracks_than_the_batch_s_mixtures(tmp_path, tracks):
    found = set()
    for start in range(0, 80, 4):
        drawn = [draw_unpaired(1, start + i, tracks=tracks, **SIZES) for i in range(4)]
        mixtures, recordings = (
            {int(t) for each in drawn for t in each[kind].track} for kind in ("mixture", "sources")
        )
        assert not mixtures & recordings
        found |= mixtures | recordings
    assert found == set(range(tracks))


def test_excerpts_are_those_drawn(tmp_path):
    config, tracks = labelled(tmp_path, 4, 3000)
    for number, batch in enumerate(batches(tracks, config, 3)):
        for i in range(4):
            drawn = draw_unpaired(1, 4 * number + i, tracks=4, **SIZES)
            label = drawn["sources"].track.numpy() + np.array([0, 1 / 8])
            np.testing.assert_allclose(batch["unpaired_sources"][i, :, 0, 0] * 16, label, atol=1e-5)
            label = np.sum(drawn["mixture"].track.numpy() + np.array([0, 1 / 8]))
            np.testing.assert_allclose(batch["unpaired_mixture"][i, 0, 0] * 16, label, atol=1e-5)
        pairs = batch["sources"].sum(1)
        np.testing.assert_allclose(batch["mixture"], pairs, atol=1e-6)


def test_unpaired_examples_are_augmented_as_drawn(tmp_path):
    """Each recording by its own draw, and each part of a mixture before it is summed."""
    config, tracks = labelled(tmp_path, 4, 3000)
    config = dataclasses.replace(config, augmentations=("gain", "channelswap"))
    swaps: set[tuple] = set()
    for number, batch in enumerate(batches(tracks, config, 3)):
        for i in range(4):
            drawn = draw_unpaired(1, 4 * number + i, tracks=4, **SIZES)
            labels = {}
            for kind in ("mixture", "sources"):
                gain, swap = (drawn[kind].augmentations[x].numpy() for x in AUGMENTATIONS)
                label = (drawn[kind].track.numpy() + np.array([0, 1 / 8])) * gain
                labels[kind], swaps = (label, swap), swaps | {(kind, *swap.tolist())}
            (heard, swap), (alone, turned) = labels["mixture"], labels["sources"]
            for source in range(2):
                left = batch["unpaired_sources"][i, source, 0, int(turned[source])]
                np.testing.assert_allclose(left * 16, alone[source], atol=1e-5)
            if swap[0] == swap[1]:  # both labels are in one channel
                left = batch["unpaired_mixture"][i, 0, int(swap[0])]
                np.testing.assert_allclose(left * 16, heard.sum(), atol=1e-5)
    assert {("mixture", True, True), ("mixture", False, False)} < swaps
    assert {swap[1] for swap in swaps if swap[0] == "sources"} == {True, False}


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
    said: list[str] = []
    unpaired = data.open_unpaired(settings, config, AUDIO, say=said.append)
    assert unpaired.songs
    assert unpaired.recordings
    assert len(unpaired.songs) == 2
    assert len(said) == 1
    assert [len(files) for files in unpaired.recordings] == [1, 1]
    (decoded,) = (tmp_path / "songs-wav" / "a").glob("song.flac.*.wav")
    assert soundfile.info(decoded).frames == 12000
    for batch in batches(tracks, config, 2, unpaired):
        middle = batch["unpaired_mixture"][:, 300:500]
        np.testing.assert_allclose(middle, 0.5, atol=1e-3)
        for number, level in enumerate((0.25, -0.25)):
            np.testing.assert_allclose(batch["unpaired_sources"][:, number], level, atol=1e-4)
    again = data.open_unpaired(settings, config, AUDIO, say=said.append)
    assert again == unpaired
    assert len(said) == 1


def test_what_was_decoded_before_is_heard_as_it_is_wanted_now(tmp_path):
    """At the rate and with the channels wanted, and anew where the song is another."""
    song = tmp_path / "songs" / "song.flac"
    settings = AdversarialConfig(unpaired_root=str(song.parent))

    def opened(**audio):
        found = data.open_unpaired(settings, MUSIC, dataclasses.replace(AUDIO, **audio))
        assert found.songs
        return found.songs[0]

    write(song, np.full((6000, 1), 0.5), 22050)
    first = opened()
    assert (first.samples, first.channels, first.sample_rate) == (12000, 2, 44100)
    other = opened(sample_rate=22050, nb_channels=1)
    assert (other.samples, other.channels, other.sample_rate) == (6000, 1, 22050)
    assert opened() == first
    write(song, np.full((6000, 1), 0.25), 22050)  # of the same size
    again, _ = soundfile.read(opened().path)
    np.testing.assert_allclose(again[3000:9000], 0.25, atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unpaired_root": "nothing"}, "unpaired_root: found no such folder .*nothing"),
        ({"unpaired_root": "empty"}, "empty: found no songs"),
        ({"unpaired_sources": "empty"}, "unpaired_sources: found no such folder .*empty/a"),
        ({"unpaired_root": "bad"}, "bad/x.mp3: found "),
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


def test_a_folder_that_cannot_be_written(tmp_path, stems):
    (tmp_path / "songs").mkdir()
    soundfile.write(tmp_path / "songs/x.flac", stems["mixture"][:5000], 44100)
    (tmp_path / "songs-wav").write_text("a file")
    with pytest.raises(UserError, match=r"songs-wav/x\.flac.*: found .*, wanted a file to write"):
        data.open_unpaired(AdversarialConfig(unpaired_root=str(tmp_path / "songs")), MUSIC, AUDIO)
