"""Checkpoints: exact, atomic, and safe against damage."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from mss_keras import Separator
from mss_keras.config import AudioConfig, ModelConfig, UserError
from mss_keras.training.checkpoints import Checkpoints
from mss_keras.training.state import RunState

AUDIO = AudioConfig(nfft=256, nhop=64)


def trained(steps=2, seed=1):
    keras.utils.set_random_seed(seed)
    model = Separator(("a", "b"), AUDIO, ModelConfig(hidden_size=8))
    model.build()
    model.compile(keras.optimizers.Adam(1e-2))
    model.optimizer.build(model.trainable_variables)
    fit(model, steps)
    return model


def fit(model, steps):
    sources = tf.random.stateless_normal([2, 2, 2000, 2], [1, 2])
    data = tf.data.Dataset.from_tensors((tf.reduce_sum(sources, 1), sources)).repeat()
    if steps:
        model.fit(data, steps_per_epoch=steps, verbose=0)


def state(epoch=1, best=1, **more):
    return RunState(epoch=epoch, best_epoch=best, **more)


def restored(checkpoints, model):
    state = checkpoints.restore(model)
    assert state is not None
    return state


def everything(model):
    variables = [*model.variables, *model.optimizer.variables]
    return [v.numpy() for v in variables]


def test_a_restored_model_goes_on_as_if_nothing_had_been(tmp_path):
    """Dropout's generators and the optimiser come back, too."""
    checkpoints = Checkpoints(tmp_path, pytest.fail)
    model = trained()
    checkpoints.save(model, state(plateau={"wait": 7}))
    fit(model, 3)
    other = trained(steps=0, seed=99)
    assert restored(checkpoints, other).plateau == {"wait": 7}
    fit(other, 3)
    for one, two in zip(everything(model), everything(other), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_best_row_is_that_of_the_best_weights(tmp_path):
    """Not the lowest loss: phases of a run measure different things."""
    rows = [{"epoch": 1, "val_loss": 1.0}, {"epoch": 2, "val_loss": 2.0}]
    checkpoints, model = Checkpoints(tmp_path, pytest.fail), trained(0)
    for epoch in (1, 2):
        checkpoints.save(model, state(epoch, best=2, history=rows[:epoch]))
    assert checkpoints.best_weights().parent.name == "epoch-0002"
    assert checkpoints.best_row() == rows[1]


def test_the_last_two_and_the_best_are_kept(tmp_path):
    checkpoints, model = Checkpoints(tmp_path, pytest.fail), trained(0)
    for epoch in range(1, 6):
        checkpoints.save(model, state(epoch, best=2))
    assert checkpoints.epochs() == [2, 4, 5]
    assert checkpoints.best_weights().parent.name == "epoch-0002"


@pytest.mark.parametrize("file", ["weights.npz", "state.json"])
def test_a_damaged_one_is_reported_and_the_one_before_is_used(tmp_path, file):
    lines: list[str] = []
    checkpoints, model = Checkpoints(tmp_path, lines.append), trained(0)
    for epoch in (1, 2):
        checkpoints.save(model, state(epoch, best=epoch))
    path = tmp_path / "epoch-0002" / file
    path.write_bytes(path.read_bytes()[:-10])
    assert restored(checkpoints, model).epoch == 1
    assert len(lines) == 1
    assert "epoch-0002: damaged" in lines[0]
    assert checkpoints.best_weights().parent.name == "epoch-0001"
    (tmp_path / "epoch-0001" / file).unlink()
    with pytest.raises(UserError, match="all checkpoints damaged"):
        checkpoints.restore(model)


def test_other_folders_are_no_checkpoints(tmp_path):
    for name in ("epoch-x", "epoch-0003-copy", "epoch-", "epoch-0007"):
        (tmp_path / name).mkdir()
    assert Checkpoints(tmp_path, print).epochs() == [7]


def test_none_yet(tmp_path):
    assert Checkpoints(tmp_path / "x", pytest.fail).restore(trained(0)) is None
    with pytest.raises(UserError, match="found no checkpoint"):
        Checkpoints(tmp_path, pytest.fail).best_weights()


FULL_DISK = """
import resource, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_checkpoints import Checkpoints, state, trained
checkpoints, model = Checkpoints(Path(sys.argv[1]), print), trained(0)
checkpoints.save(model, state())
resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000))
try:
    checkpoints.save(model, state(2))
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_disk_that_fills_up_leaves_the_one_before(tmp_path, request):
    """The operating system refuses to let the file grow, as a full disk does."""
    folder = tmp_path / "checkpoints"
    command = [sys.executable, "-c", FULL_DISK, str(folder), str(request.path.parent)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "UserError" in result.stdout, result.stdout + result.stderr
    (line,) = result.stdout.strip().splitlines()
    assert "while the checkpoint of epoch 2 was written" in line
    assert "the last one is of epoch 1" in line
    assert [p.name for p in folder.iterdir()] == ["epoch-0001"]
    assert restored(Checkpoints(folder, pytest.fail), trained(0)).epoch == 1
