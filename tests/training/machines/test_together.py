"""Whole runs on two workers, real processes: killed and resumed, refused, late."""

import re
import shutil
import signal
import time

import numpy as np
import pytest
import soundfile
from cluster import Worker, free_addresses, start
from command_line import SMALL, flags

from mss_keras.config import SOURCES

SETTINGS = {
    **SMALL, "nfft": 256, "nhop": 128, "hidden_size": 8, "unidirectional": True, "dropout": 0.2,
    "samples_per_track": 20, "deterministic": True, "lr": 0.01,
}  # fmt: skip


@pytest.fixture
def noise(tmp_path):
    """Three tracks to train on and one to validate on, a second of noise each."""
    generator = np.random.default_rng(0)
    for track in ("train/a", "train/b", "train/c", "valid/d"):
        (tmp_path / "noise" / track).mkdir(parents=True)
        for source in SOURCES:
            waveform = 0.1 * generator.normal(size=(44100, 2))
            soundfile.write(tmp_path / "noise" / track / f"{source}.wav", waveform, 44100)
    return tmp_path / "noise"


def command(root, output, **changes):
    settings = {**SETTINGS, "root": root, "epochs": 3, "strategy": "multiworker", **changes}
    return ["train", *flags(settings), "--output", output]


def weights(run, epoch):
    with np.load(run / f"checkpoints/epoch-{epoch:04d}/weights.npz") as file:
        return {name: file[name] for name in file}


def ends(workers, codes):
    found = [worker.ended() for worker in workers]
    assert found == codes, "\n".join(worker.printed() for worker in workers)


@pytest.mark.long
@pytest.mark.parametrize("killed", [0, 1])
def test_killed_and_resumed_is_as_if_never_killed(noise, tmp_path, killed):
    ends(start(command(noise, tmp_path / "whole"), tmp_path / "logs-whole"), [0, 0])

    run = tmp_path / "killed"
    addresses = free_addresses(2)
    workers = start(command(noise, run), tmp_path / "logs", addresses=addresses)
    workers[0].wait_for("epoch 1/3")
    time.sleep(0.3)  # into the second epoch
    workers[killed].process.send_signal(signal.SIGKILL)
    began = time.monotonic()
    other = workers[1 - killed]
    assert other.ended(60) == 1, other.printed()
    assert time.monotonic() - began < 60
    gone = f"failed: worker {killed} ({addresses[killed]}) is gone; the same command on all workers"
    assert [line for line in other.printed().splitlines() if line.startswith(gone)]
    assert not (run / "checkpoints/epoch-0003").exists()

    again = start(command(noise, run), tmp_path / "logs-again", addresses=addresses)
    ends(again, [0, 0])
    assert re.search(r"going on after epoch [12]\n", again[0].printed())
    whole, resumed = weights(tmp_path / "whole", 3), weights(run, 3)
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(value, resumed[name], err_msg=name)
    assert (run / "saved_model/1").exists()


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_of_three_workers_the_lost_one_alone_is_named(noise, tmp_path, how):
    addresses = free_addresses(3)
    arguments = command(noise, tmp_path / "run", epochs=300, batch_size=3)
    workers = start(arguments, tmp_path, count=3, addresses=addresses)
    try:
        workers[0].wait_for("epoch   1/300")
        workers[1].process.send_signal(how)
        for worker in (workers[0], workers[2]):
            assert worker.ended(60) == 1
            line = f"failed: worker 1 ({addresses[1]}) is gone; the same command"
            assert line in worker.printed()
    finally:
        for worker in workers:
            worker.process.kill()


@pytest.mark.long
def test_another_worker_is_refused(noise, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(noise, other)
    shutil.move(other / "train/b", other / "train/z")
    first = command(noise, tmp_path / "run")
    for number, (second, line) in enumerate(
        {
            "--lr": ([*first, "--lr", "0.02"], "--lr: found 0.02 on worker 1 ({}), wanted 0.01"),
            "--root": (
                command(other, tmp_path / "run"),
                "--root: found no train/b on worker 1 ({}), wanted 44100 samples of train/b",
            ),
        }.values()
    ):
        addresses = free_addresses(2)
        workers = [
            Worker(given, addresses=addresses, index=i, log=tmp_path / f"{number}-{i}.log")
            for i, given in enumerate((first, second))
        ]
        ends(workers, [2, 2])
        for worker in workers:
            assert f"error: {line.format(addresses[1])}, as on worker 0" in worker.printed()
    assert not (tmp_path / "run").exists()


@pytest.mark.long
@pytest.mark.parametrize("index", [0, 1])
def test_what_one_worker_finds_wrong_ends_all(noise, tmp_path, index):
    other = tmp_path / "other"
    shutil.copytree(noise, other)
    (other / "train/b/bass.wav").write_text("no music")
    addresses = free_addresses(2)
    workers = [
        Worker(
            command(other if i == index else noise, tmp_path / "run"),
            addresses=addresses,
            index=i,
            log=tmp_path / f"{i}.log",
        )
        for i in range(2)
    ]
    ends(workers, [2, 2])
    line = f"error: {other}/train/b/bass.wav: found no audio, wanted a WAV file"
    last = [worker.printed().splitlines()[-1] for worker in workers]
    assert last[index] == line
    assert last[1 - index] == f"{line}; worker {index} ({addresses[index]}) says so"


@pytest.mark.long
def test_a_worker_that_is_interrupted_is_named(noise, tmp_path):
    workers = start(command(noise, tmp_path / "run", epochs=300), tmp_path)
    workers[0].wait_for("epoch   1/300")
    workers[1].process.send_signal(signal.SIGINT)
    ends(workers, [1, 130])
    assert re.search(r"\nfailed: worker 1 \(.*\) was interrupted; the same", workers[0].printed())
    assert "0000 00:00" not in workers[0].printed().partition("epoch   1/300")[0]


@pytest.mark.long
def test_a_late_worker_is_waited_for_and_only_the_chief_writes(noise, tmp_path):
    addresses = free_addresses(2)
    arguments = command(noise, tmp_path / "run", epochs=1, startup_timeout=100)
    chief = Worker(arguments, addresses=addresses, index=0, log=tmp_path / "0.log")
    chief.wait_for("waits for the others, 100 s at most")
    time.sleep(1.0)
    theirs = command(noise, tmp_path / "elsewhere", epochs=1, startup_timeout=100)
    worker = Worker(theirs, addresses=addresses, index=1, log=tmp_path / "1.log")
    ends([chief, worker], [0, 0])
    assert not (tmp_path / "elsewhere").exists()
    assert f"worker 0 ({addresses[0]}) writes the run" in worker.printed()
    assert "epoch 1/1" in chief.printed()
    assert "epoch" not in worker.printed()
    alone = command(noise, tmp_path / "alone", epochs=1, startup_timeout=1)
    late = Worker(alone, addresses=free_addresses(2), index=0, log=tmp_path / "late.log")
    assert late.ended() == 1
    assert "did not come within 1 s, which is --startup-timeout" in late.printed()
