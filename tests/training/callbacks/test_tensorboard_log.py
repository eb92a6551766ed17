"""What TensorBoard gets, on a model that is made up."""

from types import SimpleNamespace

import keras

from mss_keras.training.callbacks import TensorBoardLog


def test_means_of_companions_begin_anew_with_every_epoch(tmp_path):
    called = []
    objective = SimpleNamespace(reset_logs=lambda: called.append("reset"))
    log = TensorBoardLog(tmp_path, {}, keras.callbacks.EarlyStopping())
    log.set_model(SimpleNamespace(objective=objective, data_wait=0.0))
    log.on_epoch_begin(0)
    log.on_epoch_begin(1)
    assert called == ["reset", "reset"]
