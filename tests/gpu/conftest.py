"""Tests for machines with a GPU: `make test-gpu`. Elsewhere they are skipped."""

import os
import subprocess
import sys

import pytest

# tests/conftest.py hides GPUs from this process; only processes of their own see them.
SEEING = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
if os.environ.get("MSS_KERAS_GPUS"):  # what the variable was before that
    SEEING["CUDA_VISIBLE_DEVICES"] = os.environ["MSS_KERAS_GPUS"]
COUNT = "import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')))"


@pytest.fixture(scope="session")
def seeing() -> dict[str, str]:
    """An environment in which processes see the GPUs of this machine, if there are some."""
    if not os.path.exists("/dev/nvidiactl"):
        pytest.skip("there is no NVIDIA GPU on this machine")
    found = subprocess.run(
        [sys.executable, "-c", COUNT], env=SEEING, capture_output=True, text=True, check=False
    )
    if found.returncode or found.stdout.strip() == "0":
        pytest.skip("TensorFlow finds no GPU on this machine")
    return SEEING
