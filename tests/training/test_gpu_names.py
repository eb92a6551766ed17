"""GPUs as CUDA_VISIBLE_DEVICES names them."""

import pytest
import tensorflow as tf

from mss_keras.training import devices


@pytest.mark.parametrize(
    ("visible", "seen", "names"),
    [
        (None, 0, []),
        (None, 3, ["0", "1", "2"]),
        ("0,2", 2, ["0", "2"]),
        ("GPU-8932f937, GPU-b6e6", 2, ["GPU-8932f937", "GPU-b6e6"]),
        ("1,-1,0", 1, ["1"]),
        ("-1", 0, []),
        ("", 0, []),
    ],
)
def test_names_of_those_that_are_seen(monkeypatch, visible, seen, names):
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    gpus = [f"/physical_device:GPU:{number}" for number in range(seen)]
    monkeypatch.setattr(tf.config, "list_physical_devices", {"GPU": gpus}.get)
    assert devices.gpu_names() == devices.gpu_names("gpu:2") == names
    assert devices.gpu_names("cpu") == devices.gpu_names("cpu:2") == []
