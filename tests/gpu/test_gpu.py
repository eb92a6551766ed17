"""What a CPU cannot show: the matrix of devices, exports and speed on real GPUs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
TRAINING = ROOT / "tests/training"
sys.path.insert(0, str(TRAINING))

import test_devices_matrix as matrix  # noqa: E402


def results(environment, devices):
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    result = subprocess.run(
        [sys.executable, "-W", "ignore", str(TRAINING / "devices_matrix.py"), devices],
        input=json.dumps(matrix.CASES), capture_output=True, text=True, timeout=1500,
        env={**environment, "PYTHONPATH": paths, "NVIDIA_TF32_OVERRIDE": "0"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def on_cpu(seeing):
    return results(seeing, "cpu")


@pytest.mark.parametrize("devices", ["auto", "gpu:2"])
def test_gpus_train_as_the_cpu_does(on_cpu, seeing, devices):
    """TF32 is switched off: it rounds to 10 bits what is multiplied."""
    found = results(seeing, devices)
    assert (on_cpu["gpus"], found["gpus"] > 0) == (0, True)
    pairs = zip(matrix.CASES, on_cpu["results"], found["results"], strict=True)
    for case, one, other in pairs:
        matrix.compare(case, one, other)


def trainer(environment, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "trainer", *map(str, arguments)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=True,
    ).stdout  # fmt: skip


def test_devices_and_a_dry_run(seeing, tmp_path):
    facts = trainer(seeing, "devices")
    assert "cuDNN" in facts
    told = trainer(seeing, "train", "--demo", "--dry-run", "--output", tmp_path / "run")
    assert "peak memory" in told
    assert not (tmp_path / "run").exists()


def test_what_is_exported_beside_a_gpu_runs_on_a_cpu(seeing, tmp_path):
    run = tmp_path / "run"
    trainer(seeing, "train", "--demo", "--epochs", 1, "--output", run)
    trainer(seeing, "export", "--model", run, "--output", tmp_path / "served")
    script = (
        "import sys, numpy as np, tensorflow as tf\n"
        "served = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
        "(name,) = served.structured_input_signature[1]\n"
        "stems = served(**{name: np.zeros([1, 9000, 2], np.float32)})\n"
        "print(sorted(stems), all(np.isfinite(x).all() for x in stems.values()))\n"
    )
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    said = subprocess.check_output(
        [sys.executable, "-c", script, str(tmp_path / "served/1")], env=hidden, text=True
    )
    assert "True" in said


def test_the_speed_script_runs(seeing):
    """It prints the figures; how fast a GPU is, is no test's matter."""
    said = subprocess.check_output(
        [sys.executable, str(ROOT / "tests/benchmarks/steps.py"), "--devices", "auto"],
        env={**seeing, "PYTHONPATH": str(ROOT)}, text=True,
    )  # fmt: skip
    print(said)
    assert np.char.count(said, "\n") >= 2
