"""Readers from memory, and how many work at a time; test_pipeline.py compares what is read."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from mss_keras.config import AudioConfig
from mss_keras.data import readers
from mss_keras.data.headers import AudioFile
from mss_keras.data.readers import map_in_parallel, reader


def test_memory_holds_what_the_header_promised(tmp_path):
    """Though files grew or shrank since; blocks do not fall into the next file."""
    waveforms = np.random.default_rng(0).integers(-999, 999, (3, 1000, 2)).astype(np.int16)
    files = []
    for number, waveform in enumerate(waveforms):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, waveform, 44100)
        files.append([AudioFile.read_header(path)])
    soundfile.write(tmp_path / "0.wav", np.full((1500, 2), 77, np.int16), 44100)
    soundfile.write(tmp_path / "2.wav", waveforms[2, :600], 44100)
    read = reader(files, AudioConfig(), 1200, in_memory=True)
    found = [read(tf.constant(track), 0, tf.constant(0, tf.int64)).numpy() for track in range(3)]
    np.testing.assert_array_equal(found[0][:1000], np.float32(77 / 2**15))
    np.testing.assert_array_equal(found[1][:1000], waveforms[1] / np.float32(2**15))
    np.testing.assert_array_equal(found[2][:600], waveforms[2, :600] / np.float32(2**15))
    assert not np.any([excerpt[1000:] for excerpt in found])
    assert not found[2][600:].any()


PEAK = """
import resource, sys
from mss_keras.config import AudioConfig, DataConfig
from mss_keras import data

tracks = data.open_set(DataConfig(root=sys.argv[1], sources=("x",)), AudioConfig()).train
def first_batch(in_memory):
    settings = DataConfig(sources=("x",), seq_dur=0.1, batch_size=2, in_memory=in_memory)
    next(iter(data.training_examples(tracks, settings, AudioConfig(), seed=1)))
    # Not ru_maxrss, which begins with that of the process that started this one.
    with open("/proc/self/status") as file:
        return 1024 * int(next(x.split()[1] for x in file if x.startswith("VmHWM:")))
first_batch(False)
with open("/proc/self/statm") as file:
    before = int(file.read().split()[1]) * resource.getpagesize()
print((first_batch(True) - before) / sum(file.samples * 4 for t in tracks for file in t.sources))
"""


@pytest.mark.long
def test_memory_peaks_little_above_the_audio(tmp_path):
    noise = np.random.default_rng(0).integers(-999, 999, (10_000_000, 2), np.int16)
    for track in range(4):  # 153 MiB
        (tmp_path / f"train/{track}").mkdir(parents=True)
        soundfile.write(tmp_path / f"train/{track}/x.wav", noise, 44100)
    command = [sys.executable, "-c", PEAK, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert 0.7 < float(result.stdout) < 1.2, result.stderr  # of three tracks; one validates


def test_workers_are_sixteen_at_most(monkeypatch):
    """One for each of 96 cores took 20 s to the first batch."""
    asked: list[int] = []
    shard = tf.data.Dataset.shard

    def counted(self, count, index):
        asked.append(count)
        return shard(self, count, index)

    monkeypatch.setattr(readers, "cores", lambda: 96)
    monkeypatch.setattr(tf.data.Dataset, "shard", counted)
    items = map_in_parallel(tf.data.Dataset.range(40), lambda i: i)
    assert asked == [16] * 16
    assert list(items.as_numpy_iterator()) == list(range(40))
