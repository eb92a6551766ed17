"""Spleeter's checkpoints give here what they give there (recorded, see record_spleeter.py)."""

import dataclasses
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from mss_keras import Separator
from mss_keras.config import ModelConfig, SeparationConfig, UserError
from mss_keras.models.masking import MaskingModel
from mss_keras.separation.spleeter_import import AUDIO, CONFIGURATIONS, import_spleeter, import_to
from mss_keras.training import runs
from mss_keras.training.pretrained import pretrained_weights

RECORDED = Path(__file__).with_name("spleeter")
RECORDED_NAMES = ("2stems", "4stems", "5stems", "2stems-16kHz")
QUICK = ("2stems", "5stems")  # the two types of networks
SEGMENT = 512 * 1024
SUFFIXES = ("", *(f"_{number}" for number in range(1, 14)))  # of convolutions of two sources
EVERY = 211  # samples of which one is recorded

# The network hears 512 frames at once, as many as Spleeter's segments have.
ONE_SEGMENT = SeparationConfig(chunk_dur=12.0, wiener_win_len=512, context_dur=1.0)


def folder_of(name):
    return RECORDED / name.removesuffix("-16kHz")


def music(excerpt):
    """As record_spleeter.py has it."""
    return np.concatenate([excerpt["mixture"]] * 2)[: SEGMENT - 5120]


def as_spleeter_frames_it(model, song):
    """Stems by one segment of Spleeter: its first frame begins a whole frame ahead of the song.

    Ours begins half a frame ahead. With silence for the other half, frames and so the grids of
    the U-Nets are the same, and what is reflected at both ends is silence as it is in Spleeter.
    """
    half = model.audio.nfft // 2
    # As many frames as a segment has: beyond its end the networks hear nothing.
    behind = 511 * model.audio.nhop - half - len(song)
    padded = np.pad(song, [(half, behind), (0, 0)])
    stems = model.separate(padded, ONE_SEGMENT)
    return {name: stem[half : half + len(song)] for name, stem in stems.items()}


def check_stems(model, name, excerpt):
    stems = as_spleeter_frames_it(model, music(excerpt))
    with np.load(RECORDED / "stems.npz") as recorded:
        for source, stem in stems.items():
            expected = recorded[f"{name}/{source}"]
            error = stem[::EVERY] - expected
            assert np.sum(error**2) < 1e-8 * np.sum(expected**2)  # -80 dB


@pytest.mark.parametrize(
    "name",
    [x if x in QUICK else pytest.param(x, marks=pytest.mark.long) for x in RECORDED_NAMES],
)
def test_stems_are_those_of_spleeter(name, excerpt):
    model = import_spleeter(folder_of(name), f"spleeter-{name}")
    assert model.source_names == CONFIGURATIONS[name].sources
    check_stems(model, name, excerpt)


def test_stems_of_the_blstm_are_those_of_spleeter(excerpt):
    """No such model is published; its masks are averaged above the bins that are read."""
    arguments = {"type": "blstm", "lstm_units": 3, "mask_extension": "average"}
    bandwidth = 127.5 * AUDIO.sample_rate / AUDIO.nfft
    config = ModelConfig(network="spleeter", network_args=arguments, bandwidth=bandwidth)
    model = MaskingModel(("vocals", "accompaniment"), AUDIO, config)
    model.build()
    read = tf.train.load_checkpoint(RECORDED / "blstm")
    left = sorted(read.get_variable_to_shape_map().keys() - {"global_step"})

    def take(layer, scope):
        for kind in ("kernel", "recurrent_kernel", "bias"):
            for name in [x for x in left if re.fullmatch(rf"{scope}/{kind}", x)]:
                getattr(layer, kind).assign(read.get_tensor(name))
                left.remove(name)

    for source, body in enumerate(model.network.bodies):
        for number, lstm in enumerate(body.lstms, 3 * source):
            scope = f"bidirectional_{number}" if number else "bidirectional"
            take(lstm.forward_layer.cell, f"{scope}/forward_.*")
            take(lstm.backward_layer.cell, f"{scope}/backward_.*")
        take(body.last, f"time_distributed_{1 + 2 * source}")
    assert left == []
    check_stems(model, "blstm", excerpt)


def arrays_of(name):
    read = tf.train.load_checkpoint(RECORDED / name)
    return {key: read.get_tensor(key) for key in read.get_variable_to_shape_map()}


def write(arrays, folder):
    """A checkpoint of TensorFlow 1."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = {name: tf.compat.v1.Variable(array) for name, array in arrays.items()}
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(variables).save(session, str(folder / "model"))


def test_every_variable_is_set():
    model = import_spleeter(RECORDED / "2stems", "2stems")
    arrays = arrays_of("2stems")
    # The sums of all variables of a source, without what nothing reads and the steps.
    unread = ("batch_normalization_5/", "batch_normalization_17/", "global_step")
    total = sum(float(x.sum()) for k, x in arrays.items() if not k.startswith(unread))
    weights = [x for x in model.network.weights if "seed" not in x.path]
    assert len(weights) == 148 - 2 * 4
    assert sum(float(x.numpy().sum()) for x in weights) == pytest.approx(total, rel=1e-5)


def test_an_import_is_written_and_loaded(tmp_path):
    model = import_to(RECORDED / "2stems", tmp_path / "two.keras")
    assert model.network.value_bins == 1024
    # What is Spleeter's by default is left out.
    assert model.network_config.network_args == {"conv_n_filters": [2, 2, 3, 3, 4, 4]}
    loaded = runs.load(tmp_path / "two.keras")
    assert (loaded.source_names, loaded.network_config) == (
        model.source_names,
        model.network_config,
    )
    for weight, again in zip(model.network.weights, loaded.network.weights, strict=True):
        np.testing.assert_array_equal(weight, again)
    with pytest.raises(UserError, match=r"^output: found .*two.keras, wanted a new path that ends"):
        import_to(RECORDED / "2stems", tmp_path / "two.keras")


def test_a_checkpoint_may_have_other_variables_and_files_beside_it(tmp_path):
    values = arrays_of("2stems")
    for more in ("/Adam", "/Adam_1"):
        values |= {name + more: value + 1 for name, value in arrays_of("2stems").items()}
    write({**values, "beta1_power": np.float32(0.5)}, tmp_path)
    (tmp_path / "checkpoint").unlink()
    (tmp_path / "._model.index").write_bytes(b"of macOS")
    found = import_spleeter(tmp_path, "2stems").network.weights
    expected = import_spleeter(RECORDED / "2stems", "2stems").network.weights
    for weight, wanted in zip(found, expected, strict=True):
        if "seed" not in wanted.path:
            np.testing.assert_array_equal(weight, wanted)


def test_wrong_folders_are_told(tmp_path):
    wanted = "wanted the folder of a model of Spleeter, which holds a TensorFlow checkpoint$"
    with pytest.raises(UserError, match=f"nothing: found no folder, {wanted}"):
        import_spleeter(tmp_path / "nothing", "2stems")
    with pytest.raises(UserError, match=f"found no checkpoint, {wanted}"):
        import_spleeter(tmp_path, "2stems")
    with pytest.raises(UserError, match=r"found a checkpoint of 4 sources, wanted the 2 of 2stems"):
        import_spleeter(RECORDED / "4stems", "2stems")
    with pytest.raises(UserError, match=r"configuration: found '3stems' \(did you mean 5?2?4?stem"):
        import_spleeter(RECORDED / "4stems", "3stems")
    shutil.copytree(RECORDED / "2stems", tmp_path / "broken")
    (tmp_path / "broken/model.data-00000-of-00001").write_bytes(b"short")
    with pytest.raises(UserError, match=rf"broken: found a broken checkpoint \(.*\), {wanted}"):
        import_spleeter(tmp_path / "broken", "2stems")
    write({f"conv2d{x}/bias": np.float32(0.5) for x in SUFFIXES}, tmp_path / "scalars")
    with pytest.raises(UserError, match=f"scalars: found a checkpoint of something else, {wanted}"):
        import_spleeter(tmp_path / "scalars", "2stems")
    tf.train.Checkpoint(x=tf.Variable(1.0)).write(tmp_path / "other/x")
    with pytest.raises(UserError, match=f"other: found a checkpoint of something else, {wanted}"):
        import_spleeter(tmp_path / "other", "2stems")


def test_a_variable_of_another_shape_is_told(tmp_path):
    arrays = arrays_of("2stems")
    arrays["conv2d_8/kernel"] = arrays["conv2d_8/kernel"][..., :1]
    write(arrays, tmp_path)
    shapes = r"conv2d_8/kernel of shape \(5, 5, 2, 1\), wanted .* of shape \(5, 5, 2, 2\)"
    with pytest.raises(UserError, match=f"found {shapes}"):
        import_spleeter(tmp_path, "2stems")


def test_the_checkpoint_that_the_folder_names_is_read(tmp_path):
    shutil.copytree(RECORDED / "2stems", tmp_path / "2stems")
    for path in (RECORDED / "4stems").glob("model.*"):
        shutil.copy(path, tmp_path / "2stems" / path.name.replace("model", "other"))
    assert import_spleeter(tmp_path / "2stems", "2stems").source_names == (
        "vocals",
        "accompaniment",
    )


@pytest.mark.long
def test_training_goes_on_with_an_import_of_the_same_arguments(tmp_path):
    path = tmp_path / "four.keras"
    model = import_to(RECORDED / "4stems", path)
    separator = Separator.of(model)
    for weight, again in zip(pretrained_weights(path, separator), model.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, again)
    arguments = {**model.network_config.network_args, "conv_activation": "relu"}
    config = dataclasses.replace(model.network_config, network_args=arguments)
    other = Separator(model.source_names, model.audio, config)
    other.build()
    with pytest.raises(
        UserError, match=r"wanted `network_args.conv_activation` elu \(found relu\)$"
    ):
        pretrained_weights(path, other)
