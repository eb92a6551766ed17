"""Histories written and read back."""

import math

from mss_keras.training.history import best_row, write_csv


def test_the_best_epoch_of_phases_that_measure_different_things(tmp_path):
    path = tmp_path / "history.csv"
    first = {"epoch": 1, "val_loss": 2.0}
    second = {"epoch": 2, "val_loss": 3.0, "adversarial/separator": 1.5}
    write_csv(path, [first, second])
    assert best_row(path) == first
    write_csv(path, [first, {**second, "val_loss": 1.0}])
    assert best_row(path) == {**second, "val_loss": 1.0}


def test_no_epoch_is_best(tmp_path):
    path = tmp_path / "history.csv"
    assert best_row(path) is None
    write_csv(path, [{"epoch": 1, "val_loss": math.nan}, {"epoch": 2, "loss": 1.0}])
    assert best_row(path) is None
