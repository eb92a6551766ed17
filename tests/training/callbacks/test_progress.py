"""What a terminal and a log show of an epoch, on a model and a clock that are made up."""

import fcntl
import io
import os
import struct
import sys
import termios
from functools import partial
from types import SimpleNamespace

import keras
import pytest

from mss_keras.training.callbacks import EpochTimes, ShowProgress, progress, times
from mss_keras.training.companions import Phase

LOGS = {"loss": 0.0123456, "val_loss": 12345.6, "val_si_sdr": -1.234, "val_snr": 3.456}


class Terminal(io.StringIO):
    """Holds what is written to a terminal of so many columns."""

    def __init__(self, columns):
        super().__init__()
        self.ends: tuple[int, ...] = os.openpty()
        fcntl.ioctl(self.ends[1], termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    def isatty(self):
        return True

    def fileno(self):
        return self.ends[1]

    def close(self):
        super().close()
        for end in self.ends:
            os.close(end)
        self.ends = ()


class Run:
    """A run whose steps take seconds that a test sets; every few of them tell their loss."""

    def __init__(self, monkeypatch, *, columns=None, phase=None, epochs=30):
        self.now, self.lines, self.terminal = 100.0, list[str](), Terminal(columns or 80)
        monkeypatch.setattr(times.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(sys, "stderr", self.terminal)
        if columns:
            monkeypatch.setattr(sys, "stdout", self.terminal)
            monkeypatch.setenv("COLUMNS", str(columns))  # pytest has taken stdout's own
        monkeypatch.setattr(progress, "tqdm", partial(progress.tqdm, mininterval=0, miniters=1))
        self.model = SimpleNamespace(data_wait=0.0)
        self.stopping = keras.callbacks.EarlyStopping()
        self.stopping.best_epoch = 0
        clock = EpochTimes()
        self.show = ShowProgress(
            *(clock, self.stopping, phase or Phase(epochs, 9)),
            epochs=epochs, validation_steps=3, say=self.lines.append, live=columns is not None,
        )  # fmt: skip
        self.callbacks: list[keras.callbacks.Callback] = [clock, self.show]

    def call(self, name, *given):
        for callback in self.callbacks:
            getattr(callback, name)(*given)

    def epoch(self, epoch, *, steps=10, seconds=4.0, first=0.0, wait=0.25, logs=LOGS, told=4):
        for callback in self.callbacks:
            callback.set_model(self.model)
            callback.set_params({"steps": steps})
        self.call("on_epoch_begin", epoch)
        for step in range(steps):
            self.model.data_wait += wait * seconds
            self.now += seconds + first * (step == 0)
            self.call("on_train_batch_end", step, {"loss": 0.5} if step % told == 0 else {})
        self.call("on_test_begin")
        for step in range(3):
            self.now += seconds
            self.call("on_test_batch_end", step, {})
        self.call("on_epoch_end", epoch, logs)
        return self.lines[-1]

    def frames(self):
        return [frame for frame in self.terminal.getvalue().split("\r") if frame.strip()]


def test_a_log_has_one_plain_line_an_epoch(monkeypatch):
    run = Run(monkeypatch)
    run.epoch(0)
    run.epoch(1, seconds=8.0)
    assert run.lines == [
        "epoch  1/30  loss 0.01235  val_loss 12346  val_si_sdr -1.23 dB  val_snr 3.46 dB"
        "  52 s  waiting 25%  25 min left  best",
        "epoch  2/30  loss 0.01235  val_loss 12346  val_si_sdr -1.23 dB  val_snr 3.46 dB"
        "  2 min  waiting 25%  49 min left",
    ]
    assert run.terminal.getvalue() == ""
    assert not run.epoch(29).count("left")


def test_time_is_counted_from_where_a_run_goes_on(monkeypatch):
    """And without the first epoch, which is compiled, where there is another."""
    run = Run(monkeypatch, epochs=1000)
    assert run.epoch(899, seconds=1000.0).startswith("epoch  900/1000  ")
    assert "  15 d 1 h left" in run.lines[-1]
    assert "  7 h 5 min left" in run.epoch(901, seconds=20.0)


def test_a_phase_that_others_follow_ends_at_its_epoch(monkeypatch):
    run = Run(monkeypatch, phase=Phase(2, 9), epochs=4)
    assert "  52 s to epoch 2  " in run.epoch(0)
    assert " to epoch " not in run.epoch(1)


@pytest.mark.parametrize("columns", [12, 40, 60, 80, 200])
def test_a_terminal_has_a_bar_that_leaves_a_line_which_fits(monkeypatch, columns):
    run = Run(monkeypatch, columns=columns)
    for epoch in range(2):
        line = run.epoch(epoch)
        assert line.startswith("epoch ")
        assert len(line) <= max(columns, len("epoch  1/30"))
        assert run.show.bar is None
        assert run.terminal.getvalue().endswith("\r")  # the bar is wiped away
    assert [x for x in run.frames() if len(x) > columns] == []
    if columns >= 60:
        assert "  loss 0.01235  " in line
        assert "  val_snr 3.46 dB" in line
    if columns >= 200:
        frames = " ".join(run.frames())
        assert " 1/10 " in frames
        assert "epoch  1/30 validating" in frames
        assert "loss 0.5000, waiting 25%" in frames


def test_the_bar_takes_the_loss_of_the_last_step_that_told_it(monkeypatch):
    """A step without logs asks the device for nothing."""
    run = Run(monkeypatch, columns=80)
    for callback in run.callbacks:
        callback.set_model(run.model)
        callback.set_params({"steps": 10})
    run.call("on_epoch_begin", 0)
    told = [{}, {}, {"loss": -2.5e-6}, {}]
    postfixes = []
    for step, logs in enumerate(told):
        run.now += 3600.0
        run.call("on_train_batch_end", step, logs)
        postfixes.append(run.show.bar.postfix)
    assert postfixes[0] == "waiting 0%"
    assert postfixes[1] == "waiting 0%, 12 d 10 h left"
    assert postfixes[3].startswith("loss -2.50e-6, waiting 0%, ")
    run.show.close()


def test_one_step_an_epoch(monkeypatch):
    run = Run(monkeypatch, columns=200)
    line = run.epoch(0, steps=1, seconds=0.5)
    assert "  2.0 s  waiting 25%  58 s left  best" in line


def test_steps_are_timed_without_validation(monkeypatch):
    clock, now = EpochTimes(), [10.0]
    monkeypatch.setattr(times.time, "perf_counter", lambda: now[0])
    clock.set_model(SimpleNamespace(data_wait=5.0))
    clock.on_epoch_begin(0)
    now[0] += 4.0
    clock.model.data_wait += 1.0
    clock.on_train_batch_end(7)
    assert (clock.steps, clock.train_seconds, clock.share_waiting) == (8, 4.0, 0.25)
    clock.on_test_begin()
    now[0] += 2.0
    assert (clock.seconds, clock.train_seconds, clock.share_waiting) == (6.0, 4.0, 0.25)
