"""Workers under a launcher that starts them again, killed at random moments."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from cluster import free_addresses, start, tf_config
from command_line import SMALL, flags

from mss_keras.config import SOURCES

pytestmark = pytest.mark.faults

# As Slurm and Kubernetes do: again and again, until it ends well. The process tells its number.
LOOP = 'until "$@" & echo $! > "$PID"; wait $!; do sleep 0.2; done'


def launch(command, index, addresses, folder):
    environment = {
        **os.environ, "TF_CONFIG": tf_config(addresses, index), "PID": str(folder / f"{index}.pid")
    }  # fmt: skip
    with (folder / f"{index}.log").open("w") as log:
        return subprocess.Popen(
            ["bash", "-c", LOOP, "loop", *command], stdout=log, stderr=log, env=environment,
            start_new_session=True,
        )  # fmt: skip


@pytest.fixture
def noise(tmp_path):
    """Two tracks to train on and one to validate on, a second of noise each."""
    generator = np.random.default_rng(0)
    for track in ("train/a", "train/b", "valid/d"):
        (tmp_path / "noise" / track).mkdir(parents=True)
        for source in SOURCES:
            waveform = 0.1 * generator.normal(size=(44100, 2))
            soundfile.write(tmp_path / "noise" / track / f"{source}.wav", waveform, 44100)
    return tmp_path / "noise"


def test_workers_killed_five_times_end_as_if_never_killed(noise, tmp_path):
    settings = {
        **SMALL, "nfft": 256, "nhop": 128, "hidden_size": 8, "unidirectional": True,
        "dropout": 0.2, "samples_per_track": 60, "deterministic": True, "lr": 0.01, "epochs": 5,
        "root": noise, "strategy": "multiworker", "startup_timeout": 60,
    }  # fmt: skip
    whole = ["train", *flags(settings), "--output", tmp_path / "whole"]
    undisturbed = start(whole, tmp_path)
    assert [worker.ended(600) for worker in undisturbed] == [0, 0], undisturbed[0].printed()

    run = tmp_path / "killed"
    command = [sys.executable, "-m", "trainer", "train", *flags(settings), "--output", str(run)]
    addresses = free_addresses(2)
    loops = [launch(command, index, addresses, tmp_path) for index in range(2)]
    chance, kills = random.Random(7), 0
    try:
        end = time.monotonic() + 1500
        while any(loop.poll() is None for loop in loops):
            assert time.monotonic() < end, (tmp_path / "0.log").read_text()[-3000:]
            time.sleep(chance.uniform(5, 25) if kills < 5 else 1)
            if kills < 5:
                victim = chance.randrange(2)
                os.kill(int((tmp_path / f"{victim}.pid").read_text()), signal.SIGKILL)
                kills += 1
    finally:
        for loop in loops:
            if loop.poll() is None:
                os.killpg(loop.pid, signal.SIGKILL)
    assert kills == 5
    with (
        np.load(tmp_path / "whole/checkpoints/epoch-0005/weights.npz") as expected,
        np.load(run / "checkpoints/epoch-0005/weights.npz") as found,
    ):
        assert expected.files == found.files
        for name in expected.files:
            np.testing.assert_array_equal(expected[name], found[name], err_msg=name)


def test_a_benchmark_goes_on_with_what_a_killed_machine_was_at(noise, tmp_path):
    settings = {
        **SMALL, "nfft": 256, "nhop": 128, "hidden_size": 8, "unidirectional": True, "epochs": 3,
        "samples_per_track": 20, "root": noise,
    }  # fmt: skip
    output, losses = tmp_path / "benchmark", ["l1_time", "l2_freq", "psa"]
    command = [
        sys.executable, "-m", "trainer", "benchmark", *flags(settings), "--losses", *losses,
        "--jobs", "1", "--subset", "valid", "--output", str(output), "--shared",
    ]  # fmt: skip
    processes = []
    for number in range(2):
        with (tmp_path / f"{number}.log").open("w") as log:
            processes.append(subprocess.Popen(command, stdout=log, stderr=log))
    end = time.monotonic() + 240
    while len(list(output.glob("runs/*/checkpoints/epoch-0001"))) < 2:
        assert time.monotonic() < end
        assert [process.poll() for process in processes] == [None, None]
        time.sleep(0.1)
    processes[1].kill()
    processes[1].wait()
    assert processes[0].wait(600) == 0, (tmp_path / "0.log").read_text()
    table = (output / "table.md").read_text()
    assert all(name in table for name in losses)
    assert "failed" not in table
    for name in losses:
        assert (output / "evaluations" / name / "summary.csv").exists()
    # One loss was taken over, and none was taken for another reason.
    taken = [path.name for path in (output / "claims").iterdir() if path.suffix == ".1"]
    assert len([name for name in taken if not name.startswith(("preparation", "report"))]) == 1
