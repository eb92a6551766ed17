"""What trials of searches in real processes do: `python made_up_trials.py SEARCH`.

Every trial's process imports this file, so TensorFlow is imported only where it is used.
"""

import errno
import os
import pickle
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple


def waiting(config, folder, earlier):
    """Begins, and ends when the search's folder holds `go`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pid").write_text(f"{os.getpid()} {os.getppid()}")
    while not (folder.parent.parent / "go").exists():
        time.sleep(0.1)
    return {"val_si_sdr": -config.training.loss_args["beta"]}


def unlucky(config, folder, earlier):
    """The first diverges, the second is killed, the next two are with their workers."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "begun").open("a") as file:
        file.write("x")
    number = int(folder.name)
    if number == 0:
        raise FloatingPointError("loss is nan at epoch 1, step 1")
    if number in (1, 2, 3):
        os.kill(os.getpid() if number == 1 else os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if number == 4:
        return {"val_si_sdr": float("nan")}
    return {"val_si_sdr": 1.5}


def without_space(config, folder, earlier):
    """The disk is full when the first begins, and has space afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "begun").exists():
        (folder / "begun").touch()
        if folder.name == "0":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return {"val_si_sdr": 1.5}


class Try(NamedTuple):
    """One try of a trial: its GPU, and when it began and ended, s."""

    trial: str
    begin: float
    end: float
    gpu: str


def short_of_memory(config, folder, earlier):
    """The first lacks memory at its first try, the second is killed at its first try."""
    begin, number = time.monotonic(), int(folder.name)
    folder.mkdir(parents=True, exist_ok=True)
    if number == 0:
        import tensorflow as tf  # takes long enough for the others to be at work
    time.sleep(0.5)
    with (folder / "tries").open("a") as file:
        file.write(f"{begin} {time.monotonic()} {os.environ['CUDA_VISIBLE_DEVICES']}\n")
    first_try = len((folder / "tries").read_text().splitlines()) == 1
    if number == 0 and first_try:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
    if number == 1 and first_try:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"val_si_sdr": float("nan") if number == 2 else 1.5}


def tries(output: Path) -> list[Try]:
    """All tries of trials of `short_of_memory`."""
    return [
        Try(path.parent.name, float(begin), float(end), gpu)
        for path in output.glob("trials/*/tries")
        for begin, end, gpu in map(str.split, path.read_text().splitlines())
    ]


def in_turn(*trials):
    """Real trials in one process, which deterministic training does not leave as it was."""
    from mss_keras.experiments.search.tuner import train_trial

    return [train_trial(*trial) for trial in trials]


if __name__ == "__main__":
    from mss_keras.experiments.search import search

    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    progress = search.search(
        pickle.loads(Path(sys.argv[1]).read_bytes()),
        say=lambda line: print(line, flush=True),
        train=waiting,
    )
    print(progress.table() if progress else "no more trials")
