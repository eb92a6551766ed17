"""A loss that is not finite, told as Keras calls callbacks, on a model that is made up."""

from types import SimpleNamespace

import numpy as np
import pytest

from mss_keras.training.callbacks import DivergedError, StopOnNaN


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
