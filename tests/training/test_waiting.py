"""Waiting for data is told where a device had nothing else to do."""

from types import SimpleNamespace

import pytest
import soundfile

from mss_keras.config import AudioConfig, DataConfig
from mss_keras.data import open_set
from mss_keras.training import waiting
from mss_keras.training.waiting import TellWaiting, advice


@pytest.fixture
def clock(monkeypatch):
    """Seconds that the test sets."""
    now = [0.0]
    monkeypatch.setattr(waiting.time, "perf_counter", lambda: now[0])
    return now


class Run:
    """Epochs of steps that wait and work for given seconds; every few of them tell their logs."""

    def __init__(self, clock):
        self.clock = clock
        self.lines: list[str] = []
        self.model = SimpleNamespace(data_wait=0.0)
        self.callback = TellWaiting("buy more", self.lines.append)
        self.callback.set_model(self.model)

    def epoch(self, *, steps, wait, work, first=0.0, every=1, while_busy=None):
        for step in range(steps):
            idle = step % every == 0  # after a step that told
            waited = first if step == 0 else wait if idle or while_busy is None else while_busy
            self.model.data_wait += waited
            self.clock[0] += waited + work
            self.callback.on_train_batch_end(
                step, {"loss": 1.0} if step % every == every - 1 else {}
            )
        self.callback.on_epoch_end(0)
        return self.lines


def test_more_than_a_fifth_is_told_once(clock):
    run = Run(clock)
    assert run.epoch(steps=20, wait=0.19, work=0.81) == []
    run = Run(clock)
    lines = ["30% of the time of training is spent waiting for data: buy more"]
    assert run.epoch(steps=20, wait=0.3, work=0.7) == lines
    assert run.epoch(steps=20, wait=0.3, work=0.7) == lines
    # All steps count, where only every other wait does.
    assert Run(clock).epoch(steps=40, wait=0.3, work=0.7, every=2) == lines


def test_no_more_than_all_of_the_time_is_told(clock):
    (line,) = Run(clock).epoch(steps=100, wait=5.0, work=0.1, while_busy=0.0, every=10)
    assert line.startswith("100% of the time")


def test_the_start_of_an_epoch_does_not_count(clock):
    run = Run(clock)
    for _ in range(3):
        assert run.epoch(steps=20, wait=0.0, work=1.0, first=60.0) == []


def test_the_wait_beside_a_working_device_does_not_count(clock):
    """The host is ahead of a GPU that is the slower one, and waits for what will be used later."""
    run = Run(clock)
    assert run.epoch(steps=100, wait=0.0, work=0.1, while_busy=0.1, every=10) == []


def test_little_is_not_judged(clock):
    run = Run(clock)
    assert run.epoch(steps=5, wait=5.0, work=1.0) == []  # four steps
    assert run.epoch(steps=5, wait=5.0, work=1.0) != []
    assert Run(clock).epoch(steps=6, wait=5.0, work=1.0) != []  # five steps
    assert Run(clock).epoch(steps=50, wait=0.1, work=0.1) == []  # 9.8 seconds


def test_the_advice_is_about_what_is_not_yet_done(tree):
    config = DataConfig(root=str(tree))
    music = open_set(config, AudioConfig())
    assert "`in_memory`" in advice(config, music)
    assert "16 bits" not in advice(config, music)
    assert "in_memory" not in advice(DataConfig(root=str(tree), in_memory=True), music)
    for path in tree.glob("train/b/*.wav"):
        waveform, rate = soundfile.read(path)
        soundfile.write(path, waveform, rate, subtype="PCM_24")
    assert "WAV files of 16 bits, or a faster disk" in advice(
        config, open_set(config, AudioConfig())
    )


@pytest.mark.long
def test_a_run_that_waits_says_so(tree, tmp_path, monkeypatch, small, command):
    """As the command line writes it."""
    from command_line import flags

    from mss_keras.training.separator import Separator

    monkeypatch.setattr(waiting, "_STEPS", 1)
    monkeypatch.setattr(waiting, "_SECONDS", 0.0)
    seconds = iter(range(100000))
    monkeypatch.setattr(Separator, "data_wait", property(lambda self: float(next(seconds))))
    monkeypatch.setattr("mss_keras.training.steps._SECONDS", 0.0)
    settings = {**small, "epochs": 1, "samples_per_track": 8, "root": tree}
    result = command(*flags(settings), "--output", tmp_path / "run", check=0)
    assert (
        "waiting for data: what helps is --in-memory, which reads every file once" in result.stdout
    )
    assert result.stdout.count("waiting for data") == 1
