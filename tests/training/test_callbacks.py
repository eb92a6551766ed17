"""Callbacks, called as Keras calls them, on a model that is made up."""

import csv
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from mss_keras.training.callbacks import DivergedError, SaveState, StopOnNaN, TensorBoardLog
from mss_keras.training.state import RunState


def stop_on_nan(loss=1.0):
    """With names that say of which steps they are asked for, and a loss in the metrics."""
    callback = StopOnNaN(lambda first, last: [f"{first}", f"{last}"], 10)
    callback.set_model(SimpleNamespace(get_metrics_result=lambda: {"loss": loss}))
    callback.on_epoch_begin(2)
    return callback


def test_a_loss_that_is_told_names_the_tracks_since_the_last():
    callback = stop_on_nan()
    callback.on_train_batch_end(0, {"loss": 1.0})
    callback.on_train_batch_end(1, {})
    with pytest.raises(DivergedError) as caught:
        callback.on_train_batch_end(2, {"loss": np.nan})
    assert str(caught.value) == (
        "loss is nan at epoch 3, one of the steps 2 to 3; tracks in the batches: 21, 22"
    )
    callback = stop_on_nan()
    with pytest.raises(DivergedError, match=r"loss is inf at epoch 3, step 1; .*: 20, 20"):
        callback.on_train_batch_end(0, {"loss": np.inf})


def test_the_last_steps_are_checked_before_validation():
    callback = stop_on_nan(np.nan)
    callback.on_train_batch_end(0, {"loss": 1.0})
    callback.on_test_begin()  # all steps have told their loss
    callback.on_train_batch_end(1, {})
    with pytest.raises(DivergedError, match=r"loss is nan at epoch 3, step 2; .*: 21, 21"):
        callback.on_test_begin()


def test_a_validation_that_is_not_finite_ends_the_run():
    callback = stop_on_nan()
    callback.on_epoch_end(2, {"loss": 1.0, "val_loss": 1.0})
    callback.on_epoch_end(2, {"loss": 1.0})
    with pytest.raises(DivergedError, match=r"validation loss is inf at epoch 3$"):
        callback.on_epoch_end(2, {"loss": 1.0, "val_loss": np.inf})
    callback.unsound = lambda: ["a/bass.wav", "b/mixture.wav"]
    with pytest.raises(DivergedError, match=r"3; samples .* not finite in a/bass.wav, b/mixture"):
        callback.on_epoch_end(2, {"loss": 1.0, "val_loss": np.nan})


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


def test_means_of_companions_begin_anew_with_every_epoch(tmp_path):
    called = []
    objective = SimpleNamespace(reset_logs=lambda: called.append("reset"))
    log = TensorBoardLog(tmp_path, {}, keras.callbacks.EarlyStopping())
    log.set_model(SimpleNamespace(objective=objective, data_wait=0.0))
    log.on_epoch_begin(0)
    log.on_epoch_begin(1)
    assert called == ["reset", "reset"]
