"""An epoch is saved, on a model that is made up."""

import csv
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from mss_keras.training.callbacks import SaveState
from mss_keras.training.state import RunState

PLATEAU = {"best": np.float32(0.5), "wait": 2, "cooldown_counter": 1}
STOPPING = {"best": np.float32(0.25), "wait": 3, "best_epoch": 4}


def save_state(folder, phase, state=None, plateau=None, stopping=None):
    saved: list[RunState] = []
    callbacks = (keras.callbacks.ReduceLROnPlateau(), keras.callbacks.EarlyStopping())
    for callback, values in zip(callbacks, (plateau, stopping), strict=True):
        vars(callback).update(values or {})
    save = SaveState(
        SimpleNamespace(save=lambda model, state: saved.append(state)),  # type: ignore[arg-type]
        *callbacks, folder=folder, phase=phase, state=state,
    )  # fmt: skip
    objective = SimpleNamespace(logs=lambda: {"discriminator/vocals/score_real": 0.75})
    save.set_model(SimpleNamespace(stop_training=True, objective=objective))
    return save, saved


def test_an_epoch_is_saved_with_the_state_of_the_other_callbacks(tmp_path):
    before = RunState(epoch=5, best_epoch=5, phase=1, history=[{"epoch": 5, "loss": 2.0}])
    save, saved = save_state(tmp_path, 1, before, PLATEAU, STOPPING)
    save.on_epoch_end(5, {"loss": np.float32(0.5)})
    row = {"epoch": 6, "loss": 0.5, "discriminator/vocals/score_real": 0.75}
    assert saved == [
        RunState(6, 5, 1, stopped=True, history=[{"epoch": 5, "loss": 2.0}, row],
                 plateau=PLATEAU, stopping=STOPPING)
    ]  # fmt: skip
    assert RunState.from_json(saved[0].to_json()) == saved[0]  # of plain types
    assert save.state == saved[0]
    assert before.history == [{"epoch": 5, "loss": 2.0}]
    with (tmp_path / "history.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["5", "6"]


@pytest.mark.parametrize("phase", [1, 2])
def test_the_other_callbacks_get_their_state_back_in_the_same_phase_alone(tmp_path, phase):
    state = RunState(5, 5, 1, plateau=PLATEAU, stopping=STOPPING)
    save, _ = save_state(tmp_path, phase, state)
    save.plateau.on_train_begin()
    save.stopping.on_train_begin()
    save.on_train_begin()
    for callback, values in ((save.plateau, PLATEAU), (save.stopping, STOPPING)):
        found = {name: getattr(callback, name) for name in values}
        assert (found == values) == (phase == 1)
