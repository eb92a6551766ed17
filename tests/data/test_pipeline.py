"""The pipeline's examples against the files they were cut from."""

import dataclasses

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from mss_keras.config import AudioConfig, DataConfig
from mss_keras.data import (
    open_set,
    steps_per_epoch,
    training_examples,
    validation_examples,
)
from mss_keras.data.draws import draw
from mss_keras.data.headers import AudioFile
from mss_keras.data.readers import map_in_parallel, reader

AUDIO = AudioConfig()


def settings(tree, **kwargs):
    fields = {"seq_dur": 0.25, "batch_size": 2, "samples_per_track": 4, **kwargs}
    return DataConfig(root=str(tree), **fields)


def take(dataset, batches):
    return [{k: v.numpy() for k, v in batch.items()} for batch in dataset.take(batches)]


def test_examples_are_what_was_drawn(tree):
    data = settings(tree)
    tracks = open_set(data, AUDIO).train
    (batch,) = take(training_examples(tracks, data, AUDIO, seed=3), 1)
    samples = 11025
    assert batch["sources"].shape == (2, 4, samples, 2)
    assert batch["mixture"].shape == (2, samples, 2)
    assert batch["mixture"].dtype == batch["sources"].dtype == np.float32
    np.testing.assert_allclose(batch["mixture"], batch["sources"].sum(1), atol=1e-6)
    for index in range(2):
        drawn = draw(3, index, tracks=3, sources=4)
        gain, swap = (drawn.augmentations[name].numpy() for name in ("gain", "channelswap"))
        for source in range(4):
            file = tracks[int(drawn.track[source])].sources[source]
            offset = int(drawn.position[source].numpy() * (file.samples - samples + 1))
            waveform, _ = soundfile.read(file.path, samples, offset, dtype="float32")
            waveform = waveform[:, ::-1] if swap[source] else waveform
            expected = waveform * gain[source]
            np.testing.assert_allclose(batch["sources"][index, source], expected, atol=1e-7)


def test_draws_have_the_distributions_promised():
    drawn = [draw(1, index, tracks=5, sources=4) for index in range(500)]
    gains = np.concatenate([d.augmentations["gain"].numpy() for d in drawn])
    swaps = np.concatenate([d.augmentations["channelswap"].numpy() for d in drawn])
    tracks = np.concatenate([d.track.numpy() for d in drawn])
    places = np.concatenate([d.position.numpy() for d in drawn])
    assert gains.min() >= 0.25
    assert gains.max() <= 1.25
    assert gains.mean() == pytest.approx(0.75, abs=0.03)  # 4.6 standard errors
    assert swaps.mean() == pytest.approx(0.5, abs=0.05)
    assert np.bincount(tracks, minlength=5) == pytest.approx(400, abs=80)
    assert places.mean() == pytest.approx(0.5, abs=0.03)
    assert len({tuple(d.augmentations["gain"].numpy()) for d in drawn}) == 500
    other = draw(2, 0, tracks=5, sources=4).augmentations["gain"].numpy()
    assert np.any(other != drawn[0].augmentations["gain"].numpy())


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_resumed_pipeline_goes_on(tree, in_memory):
    data = settings(tree, in_memory=in_memory)
    tracks = open_set(data, AUDIO).train
    whole = take(training_examples(tracks, data, AUDIO, seed=5), 3)
    rest = take(training_examples(tracks, data, AUDIO, seed=5, start=4), 1)
    np.testing.assert_array_equal(whole[2]["sources"], rest[0]["sources"])
    assert np.any(whole[0]["sources"] != whole[1]["sources"])


def test_parallel_reads_do_not_mix_up_their_files(tmp_path):
    """tensorflow-io's ops do, one read in some thousands, when a map calls them in parallel."""
    files = []
    for value in range(1, 9):
        path = tmp_path / f"{value}.wav"
        soundfile.write(path, np.full((88200, 2), value * 1000, np.int16), 44100)
        files.append([AudioFile.read_header(path)])
    read = reader(files, AUDIO, 20000, in_memory=False)
    items = tf.data.Dataset.range(20000)
    examples = map_in_parallel(items, lambda i: (i, read(i % 8, 0, i * 37 % 60000)))
    extremes = examples.map(lambda i, x: (i, tf.reduce_min(x), tf.reduce_max(x))).batch(1000)
    found = [np.concatenate(parts) for parts in zip(*extremes.as_numpy_iterator(), strict=True)]
    np.testing.assert_array_equal(found[0], np.arange(20000))  # in order
    expected = (np.arange(20000) % 8 + 1) * 1000 / 32768
    np.testing.assert_array_equal(found[1], expected.astype(np.float32))
    np.testing.assert_array_equal(found[2], expected.astype(np.float32))


@pytest.mark.parametrize("workers", [1, 3])
def test_parallelism_does_not_matter(tree, monkeypatch, workers):
    data = settings(tree)
    tracks = open_set(data, AUDIO).train
    usual = take(training_examples(tracks, data, AUDIO, seed=5), 4)
    monkeypatch.setattr("mss_keras.data.readers.cores", lambda: workers)
    other = take(training_examples(tracks, data, AUDIO, seed=5), 4)
    for one, two in zip(usual, other, strict=True):
        np.testing.assert_array_equal(one["mixture"], two["mixture"])


def test_memory_gives_what_the_disk_gives(tree):
    soundfile.write(tree / "train/b/bass.wav", np.full((30000, 1), 0.25), 44100, subtype="PCM_24")
    data = settings(tree, seq_dur=0.8)
    tracks = open_set(data, AUDIO).train
    disk, memory = (
        take(training_examples(tracks, dataclasses.replace(data, in_memory=m), AUDIO, seed=1), 3)
        for m in (False, True)
    )
    for one, other in zip(disk, memory, strict=True):
        np.testing.assert_allclose(one["sources"], other["sources"], atol=1e-7)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("wanted", [1, 2])
def test_every_encoding(tree, subtype, channels, wanted):
    waveform = np.random.default_rng(0).uniform(-1, 1, (44100, channels))
    path = tree / "valid/d/drums.wav"
    soundfile.write(path, waveform, 44100, subtype=subtype)
    data = settings(tree, seq_dur=1.0)
    audio = AudioConfig(nb_channels=wanted)
    (batch,) = take(validation_examples(open_set(data, audio).valid, data, audio), 1)
    expected, _ = soundfile.read(path, dtype="float64", always_2d=True)
    if channels != wanted:
        expected = expected.mean(1, keepdims=True) if wanted == 1 else expected.repeat(2, 1)
    np.testing.assert_allclose(batch["sources"][0, 1], expected, atol=1e-6)


def test_short_tracks_are_padded_with_silence(tree):
    data = settings(tree, seq_dur=1.5, augmentations=())
    tracks = open_set(data, AUDIO).train
    (batch,) = take(training_examples(tracks, data, AUDIO, seed=0), 1)
    assert batch["mixture"].shape == (2, 66150, 2)
    assert not batch["mixture"][:, 44100:].any()
    assert batch["mixture"][:, :44100].any()


def test_validation_covers_every_track_once_through(tree):
    data = settings(tree, seq_dur=0.3)
    track = open_set(data, AUDIO).valid[0]
    batches = take(validation_examples([track, track], data, AUDIO), 100)
    excerpts = np.concatenate([batch["mixture"] for batch in batches])
    assert track.mixture
    mixture, _ = soundfile.read(track.mixture.path, dtype="float32")
    starts = [0, 13230, 26460, 44100 - 13230]  # the last is moved back to end with the track
    assert len(excerpts) == 8
    for excerpt, start in zip(excerpts, starts * 2, strict=True):
        np.testing.assert_allclose(excerpt, mixture[start : start + 13230], atol=1e-7)


@pytest.mark.parametrize(("batch_size", "weights"), [(3, [1, 1, 1, 1, 0, 0]), (4, [1, 1, 1, 1])])
def test_the_last_batch_of_validation_is_filled_up_with_silence(tree, batch_size, weights):
    data = settings(tree, seq_dur=0.3, batch_size=batch_size)
    batches = take(validation_examples(open_set(data, AUDIO).valid, data, AUDIO), 100)
    assert [len(batch["sources"]) for batch in batches] == [batch_size] * len(batches)
    assert np.concatenate([batch["weight"] for batch in batches]).tolist() == weights
    for name in ("mixture", "sources"):
        excerpts = np.concatenate([batch[name] for batch in batches])
        for excerpt, weight in zip(excerpts, weights, strict=True):
            assert np.any(excerpt) == (weight == 1)


def test_batches_without_their_mixtures(tree):
    data = settings(tree)
    tracks = open_set(data, AUDIO).train
    (mixed,) = take(training_examples(tracks, data, AUDIO, seed=3), 1)
    (apart,) = take(training_examples(tracks, data, AUDIO, seed=3, mixed=False), 1)
    assert set(apart) == {"sources"}
    np.testing.assert_array_equal(apart["sources"], mixed["sources"])
    np.testing.assert_allclose(apart["sources"].sum(1), mixed["mixture"], atol=1e-6)


def test_validation_without_a_mixture_takes_the_sum(tree):
    (tree / "valid/d/mixture.wav").unlink()
    data = settings(tree)
    (batch, *_) = take(validation_examples(open_set(data, AUDIO).valid, data, AUDIO), 3)
    np.testing.assert_allclose(batch["mixture"], batch["sources"].sum(1), atol=1e-6)


def test_steps_of_an_epoch(tree):
    tracks = open_set(settings(tree), AUDIO).train
    assert steps_per_epoch(tracks, settings(tree, samples_per_track=64, batch_size=16)) == 12
    assert steps_per_epoch(tracks, settings(tree, samples_per_track=64, batch_size=5)) == 38
    assert steps_per_epoch(tracks, settings(tree, samples_per_track=1, batch_size=16)) == 1


def test_no_python_runs_in_the_pipeline(tree):
    data = settings(tree)
    tracks = open_set(data, AUDIO).train
    for examples in (
        training_examples(tracks, data, AUDIO, seed=0),
        validation_examples(tracks, data, AUDIO),
    ):
        functions = [f.function.graph for d in walk(examples) for f in d._functions()]
        ops = {op.type for function in functions for op in function.get_operations()}
        assert not {op for op in ops if "Py" in op}
        assert any("IO>Audio" in op for op in ops)


def walk(dataset):
    yield dataset
    for parent in dataset._inputs():
        yield from walk(parent)
