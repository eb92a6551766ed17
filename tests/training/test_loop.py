"""Whole runs, in processes of their own: killed and resumed, on two devices, gone wrong."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from command_line import flags
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mss_keras.config import SOURCES, RunConfig, UserError
from mss_keras.training import loop, runs


def weights(run, epoch):
    """All arrays of a checkpoint, by path."""
    with np.load(run / f"checkpoints/epoch-{epoch:04d}/weights.npz") as file:
        return {name: file[name] for name in file}


def history(run):
    with (run / "history.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.long
def test_killed_and_resumed_is_as_if_never_killed(tree, small, tmp_path, trainer):
    settings = {
        **small,
        "unidirectional": True,
        "samples_per_track": 40,
        "epochs": 4,
        "lr": 0.02,
        "lr_decay_patience": 1,
        "lr_decay_cooldown": 0,
        "deterministic": True,
        "root": tree,
    }
    arguments = ["train", *flags(settings)]
    trainer(*arguments, "--output", tmp_path / "whole", check=0)

    run = tmp_path / "killed"
    command = [sys.executable, "-m", "trainer", *map(str, arguments), "--output", str(run)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while not (run / "checkpoints/epoch-0002").exists():
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(0.3)  # into the third epoch
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (run / "checkpoints/epoch-0003").exists()
    result = trainer(*arguments, "--output", run, check=0)
    assert "going on after epoch 2" in result.stdout

    assert history(run) == history(tmp_path / "whole")
    assert len(history(run)) == 4
    one, other = weights(tmp_path / "whole", 4), weights(run, 4)
    assert set(one) == set(other)
    assert any("optimizer" in name for name in one)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    state = [
        (r / "checkpoints/epoch-0004/state.json").read_text() for r in (tmp_path / "whole", run)
    ]
    assert state[0].split('"sha256"')[0] == state[1].split('"sha256"')[0]


TWO_DEVICES = """
import keras, numpy as np, sys, tensorflow as tf
from mss_keras import Separator, data
from mss_keras.config import AudioConfig, DataConfig, ModelConfig
from mss_keras.training.devices import choose

mirrored = choose("cpu:2").strategy
audio, network = AudioConfig(nfft=512, nhop=256), ModelConfig(hidden_size=16, dropout=0.0)
settings = DataConfig(root=sys.argv[1], seq_dur=0.3, batch_size=4)
music = data.open_set(settings, audio)
weights = []
for strategy in (tf.distribute.get_strategy(), mirrored):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        separator = Separator(settings.sources, audio, network, synchronized=True)
        separator.build()
        separator.compile(keras.optimizers.SGD(0.05))
    start = [v.numpy() for v in separator.variables]
    separator.fit(data.training_examples(music.train, settings, audio, seed=1), steps_per_epoch=5,
                  validation_data=data.validation_examples(music.valid, settings, audio),
                  shuffle=False, verbose=0)
    weights.append([v.numpy() for v in separator.variables])
print(strategy.num_replicas_in_sync, "replicas")
print("moved", max(np.abs(a - b).max() for a, b in zip(start, weights[1])))
print("differ", max(np.abs(a - b).max() for a, b in zip(*weights)))
"""


@pytest.mark.long
def test_two_devices_give_the_weights_of_one(tree):
    """By SGD: Adam's first steps are the gradient's sign, which is noise where that is nearly 0."""
    command = [sys.executable, "-c", TWO_DEVICES, str(tree)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert "2 replicas" in result.stdout, result.stderr
    found = dict(line.split() for line in result.stdout.splitlines() if line[0] in "dm")
    assert float(found["moved"]) > 0.1
    assert float(found["differ"]) < 1e-4


@pytest.mark.long
def test_two_devices_from_the_command_line(tree, small, tmp_path, trainer, command):
    """Two in a process of their own: they are set up before TensorFlow runs."""
    settings = {**small, "batch_size": 4, "epochs": 2, "dropout": 0.0, "root": tree}
    settings["unidirectional"] = True
    for devices, run in (("cpu", command), ("cpu:2", trainer)):
        result = run(
            *flags({**settings, "devices": devices}), "--output", tmp_path / devices, check=0
        )
        assert ("2 virtual CPUs" in result.stdout) == (devices == "cpu:2")
    for name in ("loss", "val_loss", "val_si_sdr"):
        one, two = ([float(row[name]) for row in history(tmp_path / d)] for d in ("cpu", "cpu:2"))
        np.testing.assert_allclose(one, two, rtol=5e-3)
    odd = trainer(*flags({**settings, "batch_size": 3, "devices": "cpu:2"}), check=2)
    assert "--batch-size: found 3, wanted a multiple of 2" in odd.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    "extra",
    [
        {"mixed_precision": "bfloat16", "loss": "l1_time"},
        pytest.param({"mixed_precision": "float16"}, marks=pytest.mark.long),
        pytest.param({"jit_compile": True, "loss": "l2_time"}, marks=pytest.mark.long),
        pytest.param({"network": "separate", "unidirectional": True}, marks=pytest.mark.long),
        pytest.param(
            {"nb_channels": 1, "in_memory": True, "loss": "l1_freq"}, marks=pytest.mark.long
        ),
    ],
    ids=lambda extra: "-".join(extra),
)
def test_options_train(tree, small, tmp_path, command, monkeypatch, extra):
    compiled, function = set(), tf.function

    def recorded(*args, **kwargs):
        compiled.add(kwargs.get("jit_compile"))
        return function(*args, **kwargs)

    monkeypatch.setattr("keras.src.backend.tensorflow.trainer.tf.function", recorded)
    settings = {**small, **extra, "epochs": 2, "root": tree}
    result = command(*flags(settings), "--output", tmp_path / "run", check=0)
    rows = history(tmp_path / "run")
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(np.isfinite(float(value)) for row in rows for value in row.values())
    if "mixed_precision" in extra:
        assert f"mixed {extra['mixed_precision']}" in result.stdout
    assert (True in compiled) == extra.get("jit_compile", False)  # XLA, of Keras's steps
    stem, _ = soundfile.read(tmp_path / "run/stems/valid/bass.wav", always_2d=True)
    assert stem.shape == (44100, settings.get("nb_channels", 2))


@pytest.mark.long
def test_a_run_leaves_what_it_promises_and_reproduces(run, tmp_path, trainer):
    assert {path.name for path in run.iterdir()} == {
        "config.yaml", "statistics.npz", "tracks.json", "checkpoints", "history.csv",
        "tensorboard", "curves.png", "spectrograms.png", "stems", "saved_model", "report.html",
    }  # fmt: skip
    again = tmp_path / "again"
    trainer("--config", run / "config.yaml", "--output", again, check=0)
    assert (run / "history.csv").read_text() == (again / "history.csv").read_text()
    assert (run / "config.yaml").read_text() == (again / "config.yaml").read_text()
    other_weights = weights(again, 2)
    for name, value in weights(run, 2).items():
        np.testing.assert_array_equal(value, other_weights[name])


def test_a_folder_keeps_the_run_of_its_configuration(run, tmp_path, trainer):
    copy = shutil.copytree(run, tmp_path / "run")
    files = [copy / "config.yaml", *copy.glob("checkpoints/*/*"), copy / "history.csv"]
    before = [(path, path.stat().st_mtime_ns) for path in files]
    other = trainer("--config", run / "config.yaml", "--hidden-size", 32, "--output", copy, check=2)
    assert "--hidden-size 16 (now 32)" in other.stderr
    assert len(other.stderr.strip().splitlines()) == 1
    assert [(path, path.stat().st_mtime_ns) for path in files] == before


def test_tensorboard_shows_the_run(run):
    train, validation, target, estimate = (
        EventAccumulator(str(run / "tensorboard" / part), size_guidance={"tensors": 0})
        for part in ("train", "validation", "target", "estimate")
    )
    assert set(train.Reload().Tags()["tensors"]) == {
        "loss", "run/learning_rate", "run/seconds_per_step", "run/share_waiting_for_data",
    }  # fmt: skip
    assert set(validation.Reload().Tags()["tensors"]) == {"loss", "si_sdr", "snr"}
    sounds = {f"example/{name}" for name in SOURCES}
    assert set(target.Reload().Tags()["tensors"]) == {"example/mixture", *sounds}
    assert set(estimate.Reload().Tags()["tensors"]) == {"spectrograms", *sounds}
    assert [event.step for event in estimate.Tensors("example/bass")] == [2]
    logged = [float(tf.make_ndarray(event.tensor_proto)) for event in train.Tensors("loss")]
    rows = [float(row["loss"]) for row in history(run)]
    assert len(rows) == 2
    np.testing.assert_allclose(logged, rows, rtol=1e-6)
    for event in train.Tensors("run/share_waiting_for_data"):
        assert 0 <= float(tf.make_ndarray(event.tensor_proto)) <= 1


def test_a_nan_names_its_tracks_and_leaves_the_last_good_checkpoint(run, tree, tmp_path, trainer):
    """In a run that had ended and goes on to more epochs, with what became of its music."""
    own = shutil.copytree(run, tmp_path / "run")
    values = runs.read_config(run / "config.yaml").to_flat()
    runs.write_config(RunConfig.from_flat({**values, "root": str(tree)}), own / "config.yaml")
    kept = sorted(os.listdir(own / "checkpoints"))
    for source in ("vocals", "drums", "bass", "other"):
        waveform = np.full((44100, 2), np.nan)
        soundfile.write(tree / f"train/b/{source}.wav", waveform, 44100, subtype="FLOAT")
    result = trainer("--config", own / "config.yaml", "--epochs", 9, "--output", own, check=1)
    assert "going on after epoch 2" in result.stdout
    assert "loss is nan at epoch 3" in result.stderr
    assert "tracks in the batches: " in result.stderr
    assert "b" in result.stderr.split("tracks in the batches: ")[1].split(";")[0].split(", ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert sorted(os.listdir(own / "checkpoints")) == kept


@pytest.mark.long
def test_a_nan_in_validation_names_its_file(tree, small, tmp_path, command):
    soundfile.write(tree / "valid/d/drums.wav", np.full((44100, 2), np.nan), 44100, subtype="FLOAT")
    settings = {**small, "root": tree, "epochs": 1}
    result = command(*flags(settings), "--output", tmp_path / "run", check=1)
    line = f"failed: validation loss is nan at epoch 1; samples that are not finite in {tree}"
    assert result.stderr.startswith(f"{line}/valid/d/drums.wav")


@pytest.mark.long
def test_early_stop_and_plateau(tree, small, tmp_path, command):
    settings = {
        **small, "root": tree, "epochs": 30, "lr": 1e-12, "patience": 4, "lr_decay_patience": 2,
        "lr_decay_cooldown": 0,
    }  # fmt: skip
    settings["unidirectional"] = True
    command(*flags(settings), "--output", tmp_path / "run", check=0)
    rates = [float(row["learning_rate"]) for row in history(tmp_path / "run")]
    assert len(rates) < 30
    assert rates[0] == pytest.approx(1e-12)
    assert rates[-1] == pytest.approx(3e-13)
    (tmp_path / "run/history.csv").unlink()  # as where a run is killed before it is written
    ended = command(*flags(settings), "--output", tmp_path / "run", check=0)  # no epoch more
    assert len(history(tmp_path / "run")) == len(rates)
    assert "\nepoch " not in ended.stdout
    assert re.search(
        r"Best epoch \d+ of \d+: .*Stopped early: val_loss has not fallen for 4 epochs\.",
        ended.stdout,
    )


def test_a_run_keeps_the_threshold_that_it_was_begun_with(tmp_path):
    """And has none if it was begun before losses had one."""
    config = RunConfig.from_flat({"loss": ["sisdr_time", "l2_freq"]})
    fresh = loop.resolve(config, tmp_path / "new")
    (threshold,) = fresh.training.loss_args["sisdr_time"].values()
    assert threshold > 0
    assert set(fresh.training.loss_args) == {"sisdr_time"}
    for name, arguments in [
        ("before", {}),
        ("now", dict(fresh.training.loss_args)),
        ("other", {"sisdr_time": {"soft_threshold": 55.0}}),
    ]:
        resolved = RunConfig.from_flat({**fresh.to_flat(), "loss_args": arguments})
        runs.claim(tmp_path / name, resolved)
        again = loop.resolve(config, tmp_path / name)
        assert again == resolved
        runs.claim(tmp_path / name, again)


@pytest.mark.parametrize(
    ("loss", "given", "activation"),
    [
        (["l2_freq"], None, "relu"),
        (["l2_freq", "cross_entropy_mask"], None, "softmax"),
        (["binary_cross_entropy_mask"], None, "sigmoid"),
        (["binary_cross_entropy_mask"], "softmax", "softmax"),
    ],
)
def test_the_activation_of_masks_follows_from_the_loss(loss, given, activation, tmp_path):
    config = RunConfig.from_flat({"loss": loss, "mask_activation": given})
    fresh = loop.resolve(config, tmp_path)
    assert fresh.model.mask_activation == activation
    runs.claim(tmp_path, fresh)
    assert loop.resolve(config, tmp_path) == fresh


def test_a_run_from_before_there_were_activations_goes_on_without_one(tmp_path):
    config = RunConfig.from_flat({"loss": ["cross_entropy_mask"]})
    runs.claim(tmp_path, RunConfig.from_flat({**config.to_flat(), "lr": 1e-3}))
    file = tmp_path / "config.yaml"
    file.write_text("".join(line for line in file.open() if not line.startswith("mask_activation")))
    again = loop.resolve(config, tmp_path)
    assert again.model.mask_activation is None
    runs.claim(tmp_path, again)


def test_losses_that_want_masks_made_differently_are_refused():
    both = {"loss": ["cross_entropy_mask", "binary_cross_entropy_mask"]}
    with pytest.raises(UserError, match="loss: found cross_entropy_mask and binary_cross_entropy"):
        loop.resolve(RunConfig.from_flat(both))
