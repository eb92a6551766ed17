"""Stems of a run, and its page."""

import dataclasses

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from mss_keras import data
from mss_keras.config import AudioConfig, DataConfig, RunConfig, TrainingConfig
from mss_keras.data import make_demo
from mss_keras.reports.pages import Example, Picture, Table
from mss_keras.training import report
from mss_keras.training.advice import Remark
from mss_keras.training.report import Separated
from mss_keras.training.report_page import DEMONSTRATION, Finished, page_of
from mss_keras.training.scores import Score
from mss_keras.training.spent import seconds_spent

AUDIO = AudioConfig(nfft=512, nhop=256)


def test_stems_are_whole_floats(tmp_path):
    stem = np.random.default_rng(0).uniform(-2, 2, (1000, 2)).astype(np.float32)
    report.write_stems({"bass": stem}, tmp_path / "stems", 22050)
    found, rate = soundfile.read(tmp_path / "stems/bass.wav", dtype="float32")
    assert rate == 22050
    np.testing.assert_array_equal(found, stem)  # not rescaled, not clipped
    assert [p.name for p in (tmp_path / "stems").iterdir()] == ["bass.wav"]


@pytest.fixture
def finished(tree, tmp_path):
    """A run of two epochs that is made up."""
    own = DataConfig(root=str(tree), sources=("vocals", "bass"), batch_size=2, samples_per_track=4)
    config = RunConfig(audio=AUDIO, data=own, training=TrainingConfig(lr=0.01, epochs=2))
    row = {"loss": 2.0, "val_loss": 3.0, "val_si_sdr": 1.0, "val_snr": 1.0, "learning_rate": 0.01}
    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 4410, 2)).astype(np.float32)
    separated = [
        Separated(
            split,
            f"track {split}",
            waveform.sum(0),
            waveform,
            {"vocals": waveform[0], "bass": waveform[1]},
            [
                Score(split, "vocals", sdr, 1.0),
                Score(split, "bass", float("nan"), float("nan")),
            ],
        )
        for split, sdr in (("train", 7.0), ("valid", 5.0))
    ]
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").touch()
    return Finished(
        config,
        folder,
        data.open_set(own, AUDIO),
        history=[{"epoch": epoch, **row} for epoch in (1, 2)],
        best_epoch=2,
        loss="l2_freq",
        devices="the CPU, 2 cores, float32",
        parameters=1234567,
        separated=separated,
    )


def test_the_page_says_what_a_run_is_and_how_it_sounds(finished):
    page = page_of(finished, [Remark("a larger `batch_size`", True), Remark("more `epochs`")])
    assert page.warnings == ["a larger --batch-size"]
    assert "SI-SDR is 5.0 dB in the mean of the sources, 4.0 dB better than" in page.answer
    notes, scores, sounds, went, facts = page.sections
    assert notes.parts == [["more --epochs"]]
    (table,) = scores.parts
    assert isinstance(table, Table)
    assert table.rows[0] == ["train, vocals", "7.00", "1.00", "+6.00"]
    assert table.rows[1] == ["train, bass", "silent target", "", ""]
    assert table.rows[-1] == ["valid, mean", "5.00", "1.00", "+4.00"]
    notes_of = {"track train, train": "7.0 dB (+6.0)", "track valid, valid": "5.0 dB (+4.0)"}
    for each, (title, note) in zip(sounds.parts, notes_of.items(), strict=True):
        assert isinstance(each, Example)
        assert each.title == f"{title}, 0 to 0.1 s"
        places = [(stimulus.row, stimulus.column, stimulus.note) for stimulus in each.stimuli]
        assert places == [
            ("mixture", "", ""),
            ("vocals", "target", ""),
            ("vocals", "estimate", note),
            ("bass", "target", "silent"),
            ("bass", "estimate", ""),
        ]
    (drawn,), (told_of,) = went.parts, facts.parts
    assert isinstance(drawn, Picture)
    assert isinstance(told_of, Table)
    assert drawn.png == (finished.folder / "curves.png").read_bytes()
    told = {row[0]: row[1] for row in told_of.rows}
    assert told["music"] == "music: 3 tracks to train on, 1 to validate on"
    assert told["epochs"] == "2 of at most 2; the best was 2"
    assert "1,234,567 parameters" in told["network"]
    assert told["examples"].startswith(
        "6 s in batches of 2; 6 steps an epoch; gain and channelswap"
    )
    assert page.links["configuration"] == "config.yaml"
    assert "history of the epochs" not in page.links  # there is none here
    assert page.links["stems, valid, bass"] == "stems/valid/bass.wav"
    assert str(finished.folder) not in str(page.links) + str(told)


def test_the_page_of_a_demonstration_says_so(finished, tmp_path):
    root = make_demo(tmp_path / "demo")
    own = dataclasses.replace(finished.config.data, root=str(root))
    music = data.open_set(own, AUDIO)
    assert data.is_demo(music)
    assert not data.is_demo(finished.music)
    assert page_of(dataclasses.replace(finished, music=music), []).warnings == [DEMONSTRATION]


def test_time_is_that_of_all_sessions(tmp_path):
    for number in range(2):
        writer = tf.summary.create_file_writer(str(tmp_path), filename_suffix=str(number))
        with writer.as_default():
            tf.summary.scalar("loss", 1.0, step=1)
        writer.close()
    (one, other) = sorted(tmp_path.iterdir())
    events = [[1000.0, 1030.0, 1065.5], [5000.0, 5004.0]]
    for path, times in zip((one, other), events, strict=True):
        with tf.io.TFRecordWriter(str(path)) as file:
            for when in times:
                file.write(tf.compat.v1.Event(wall_time=when).SerializeToString())
    assert seconds_spent(tmp_path) == pytest.approx(69.5)
    other.write_bytes(other.read_bytes()[:-3])  # killed while it wrote
    assert seconds_spent(tmp_path) == pytest.approx(65.5)
    assert seconds_spent(tmp_path / "nothing") == 0.0
