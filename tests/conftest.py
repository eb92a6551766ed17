"""Real music for the tests: the excerpt of MUSDB18 that stempeg ships."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# For tests/gpu, whose processes are to see the GPUs that this one does not.
os.environ.setdefault("MSS_KERAS_GPUS", os.environ.get("CUDA_VISIBLE_DEVICES", ""))
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
# Two workers on two cores, and operations too small to share among threads.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from browser import Tabs, chromium
from command_line import SMALL, flags
from excerpt import RATE, read_excerpt
from once import once

from mss_keras.config import SOURCES
from mss_keras.data.stems import to_int16


@pytest.fixture(autouse=True)
def heeded():
    """A shell has its background jobs ignore SIGINT, and their children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def stems() -> dict[str, np.ndarray]:
    """See `read_excerpt`."""
    return read_excerpt()


@pytest.fixture(scope="session")
def excerpt(stems) -> dict[str, np.ndarray]:
    """`mixture` [samples, channels] and `sources` [sources, samples, channels]."""
    return {"mixture": stems["mixture"], "sources": np.stack([stems[name] for name in SOURCES])}


def pytest_configure(config):
    if not hasattr(config, "workerinput"):  # the process that starts the others
        os.environ["MSS_KERAS_SHARED"] = tempfile.mkdtemp(prefix="mss_keras-tests-")


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ["MSS_KERAS_SHARED"])


@pytest.fixture(scope="session")
def vggish() -> Path:
    """A SavedModel like TF-Hub's VGGish, with random weights; written once for all workers."""
    import vggish_module

    return once("vggish", vggish_module.save)


@pytest.fixture(scope="session")
def _tree(stems) -> Path:
    """ROOT/{train,valid,test}/TRACK/*.wav: pieces of the excerpt, as MUSDB18-HQ has them."""

    def make(root):
        pieces = {"train/a": 0.0, "train/b": 1.3, "train/c": 2.2, "valid/d": 4.2, "test/e": 5.0}
        for track, seconds in pieces.items():
            (root / track).mkdir(parents=True)
            start = round(seconds * RATE)
            for name, waveform in stems.items():
                piece = to_int16(waveform[start : start + round(1.0 * RATE)])
                soundfile.write(root / track / f"{name}.wav", piece, RATE)

    return once("music", make)


@pytest.fixture
def tree(_tree, tmp_path) -> Path:
    """A copy of the tree that a test may damage."""
    return Path(shutil.copytree(_tree, tmp_path / "music"))


@pytest.fixture
def small() -> dict:
    """Fields of a configuration that trains in seconds."""
    return dict(SMALL)


@pytest.fixture(scope="session")
def run(_tree) -> Path:
    """The folder of a small run of two epochs, trained once for all workers; to be read only."""
    values = {**SMALL, "epochs": 2, "deterministic": True, "audio_every": 2, "root": _tree}

    def make(folder):
        command = [sys.executable, "-m", "trainer", *flags(values), "--output", str(folder)]
        environment = {**os.environ, "PATH": "/nowhere"}
        subprocess.run(command, check=True, capture_output=True, timeout=300, env=environment)

    return once("small", make)


@pytest.fixture
def command(capsys, monkeypatch):
    """As `trainer`, in this process: for what does not depend on a process of its own."""
    from trainer.__main__ import main

    def run(*arguments, check: int):
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert code == check, said.out + said.err
        return SimpleNamespace(returncode=code, stdout=said.out, stderr=said.err)

    monkeypatch.setenv("PATH", "/nowhere")
    return run


@pytest.fixture
def trainer():
    """Runs `python -m trainer` with ffmpeg hidden from PATH."""

    def run(*arguments, check: int | None = None, **kwargs):
        result = subprocess.run(
            [sys.executable, "-m", "trainer", *map(str, arguments)],
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": "/nowhere"},
            timeout=300,
            **kwargs,
        )
        if check is not None:
            assert result.returncode == check, result.stdout + result.stderr
        return result

    return run


@pytest.fixture(scope="session")
def browser():
    """See `chromium`."""
    with chromium() as started:
        yield started


@pytest.fixture
def visitor(browser):
    """Makes `Tabs` of a visitor; nothing may go wrong in them that a test does not expect."""
    visitors = []

    def visit(**options) -> Tabs:
        visitors.append(Tabs(browser, **options))
        return visitors[-1]

    yield visit
    for tabs in visitors:
        tabs.context.close()
    assert not [error for tabs in visitors for error in tabs.errors]
