"""What TensorBoard gets, on a model that is made up."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mss_keras.config import AudioConfig
from mss_keras.training.callbacks import EpochTimes, TensorBoardLog
from mss_keras.training.spent import seconds_spent

AUDIO = AudioConfig(sample_rate=2000, nfft=256, nhop=128)
SOURCES = ("vocals", "bass")


def train(folder, epochs, *, audio_every, seconds=1):
    """Goes through epochs, counted from 0, as one session of a run."""
    example = {
        "mixture": np.zeros((seconds * 2000, 2), np.float32),
        "sources": np.full((2, seconds * 2000, 2), 0.25, np.float32),
    }
    objective = SimpleNamespace(reset_logs=lambda: None, logs=lambda: {})
    separated = []

    def separate(mixture):
        separated.append(len(mixture))
        return {name: mixture + 0.5 for name in SOURCES}

    log = TensorBoardLog(folder, times := EpochTimes(), example, audio_every=audio_every)
    model = SimpleNamespace(
        objective=objective,
        data_wait=0.0,
        audio=AUDIO,
        source_names=SOURCES,
        separate=separate,
    )
    for callback in (times, log):
        callback.set_model(model)
    log.on_train_begin()
    assert list((folder / "train").iterdir()), "the log begins with the training"
    for epoch in epochs:
        times.on_epoch_begin(epoch)
        log.on_epoch_begin(epoch)
        log.on_epoch_end(epoch, {"loss": 1.0, "learning_rate": 0.1, "val_loss": 2.0})
    log.on_train_end()
    return separated


def steps(folder, part, tag):
    """Values by their steps; sessions within a second have their files in any order."""
    log = EventAccumulator(
        str(folder / part), size_guidance={"tensors": 0}, purge_orphaned_data=False
    )
    events = sorted(log.Reload().Tensors(tag), key=lambda event: event.step)
    assert len({event.step for event in events}) == len(events)
    return {event.step: tf.make_ndarray(event.tensor_proto) for event in events}


def waveform(value):
    audio, rate = tf.audio.decode_wav(value.ravel()[0])
    assert rate == 2000
    return audio.numpy()


def test_an_example_comes_every_so_many_epochs_and_only_then(tmp_path):
    train(tmp_path, range(7), audio_every=3)
    for tag in ("example/vocals", "example/bass", "spectrograms"):
        assert list(steps(tmp_path, "estimate", tag)) == [3, 6]
    assert list(steps(tmp_path, "validation", "loss")) == list(range(1, 8))
    bass = waveform(steps(tmp_path, "estimate", "example/bass")[3])
    np.testing.assert_allclose(bass, np.full((2000, 2), 0.5), atol=1e-3)
    target = waveform(steps(tmp_path, "target", "example/bass")[0])
    np.testing.assert_allclose(target, np.full((2000, 2), 0.25), atol=1e-3)
    assert waveform(steps(tmp_path, "target", "example/mixture")[0]).shape == (2000, 2)


def test_a_run_that_goes_on_writes_what_it_would_have_written(tmp_path):
    """The targets once."""
    for session in (range(2), range(2, 5), range(5, 7)):
        train(tmp_path, session, audio_every=3)
    assert list(steps(tmp_path, "estimate", "example/vocals")) == [3, 6]
    assert len(list((tmp_path / "target").iterdir())) == 1


@pytest.mark.parametrize("every", [0, 100])
def test_nothing_is_separated_or_written_where_no_example_is_due(tmp_path, every):
    assert train(tmp_path, range(9), audio_every=every) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train", "validation"]


def test_of_a_longer_example_ten_seconds_are_written(tmp_path):
    assert train(tmp_path, range(1), audio_every=1, seconds=12) == [20000]
    for part in ("target", "estimate"):
        (sound,) = steps(tmp_path, part, "example/vocals").values()
        assert waveform(sound).shape == (20000, 2)


def test_the_log_begins_before_the_first_epoch_for_the_time_that_a_run_took(tmp_path, monkeypatch):
    there = []
    monkeypatch.setattr(
        TensorBoardLog,
        "on_epoch_begin",
        lambda *_: there.append(list((tmp_path / "train").glob("events.*"))),
    )
    train(tmp_path, range(1), audio_every=0)
    assert there == [list((tmp_path / "train").iterdir())]
    assert 0 < seconds_spent(tmp_path / "train") < 60


def test_means_of_companions_begin_anew_with_every_epoch(tmp_path):
    called = []
    objective = SimpleNamespace(reset_logs=lambda: called.append("reset"))
    log = TensorBoardLog(tmp_path, EpochTimes(), {}, audio_every=0)
    log.set_model(SimpleNamespace(objective=objective))
    log.on_epoch_begin(0)
    log.on_epoch_begin(1)
    assert called == ["reset", "reset"]
