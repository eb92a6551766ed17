"""Adversarial runs: pretraining first, then both; resumed in between, on two devices."""

import csv
import shutil

import numpy as np
import pytest
import tensorflow as tf
from command_line import flags
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mss_keras.config import AdversarialConfig, RunConfig, TrainingConfig, UserError
from mss_keras.training import loop
from mss_keras.training.companions import Phase, phases
from mss_keras.training.pretrained import pretrained_weights

KINDS = ("real_paired", "real_unpaired", "fake_paired", "fake_unpaired", "score_real", "score_fake")


def config(loss="adversarial", epochs=20, **adversarial):
    training = TrainingConfig(loss=(loss,), epochs=epochs, patience=9, lr_decay_patience=4)
    return RunConfig(training=training, adversarial=AdversarialConfig(**adversarial))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"loss": "l2_freq"}, [Phase(20, 9)]),
        ({}, [Phase(10, 4), Phase(20, 9, True)]),
        ({"pretrain_epochs": 3}, [Phase(3, 9), Phase(20, 9, True)]),
        ({"pretrain_epochs": 0}, [Phase(20, 9, True)]),
        ({"pretrained": "run"}, [Phase(20, 9, True)]),
        ({"epochs": 1}, [Phase(1, 9, True)]),
    ],
)
def test_phases(given, expected):
    assert phases(config(**given)) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pretrain_epochs": 20}, "pretrain_epochs: found 20, wanted fewer than `epochs` 20"),
        ({"pretrain_epochs": 2, "pretrained": "run"}, "found 2, wanted 0 with `pretrained`"),
        ({"discriminator_lr": 0}, "discriminator_lr: found 0"),
        ({"discriminator_clip": -1.0}, "discriminator_clip: found -1.0"),
        ({"loss": "l1_freq", "discriminator_clip": 1.0, "pretrained": "x"},
         "pretrained: found x with `loss` l1_freq, wanted it with adversarial alone"),
    ],
)  # fmt: skip
def test_wrong_settings(given, message):
    with pytest.raises(UserError, match=message):
        loop.resolve(config(**given))


def history(run):
    with (run / "history.csv").open() as file:
        return list(csv.DictReader(file))


def arrays(run, epoch):
    with np.load(run / f"checkpoints/epoch-{epoch:04d}/weights.npz") as file:
        return {name: file[name] for name in file}


@pytest.mark.long
def test_a_run(tree, small, tmp_path, trainer):
    """Pretraining, then both; stopped in between and resumed it is as if never stopped."""
    settings = {
        **small,
        "root": tree,
        "loss": "adversarial",
        "unidirectional": True,
        "dropout": 0.2,
        "pretrain_epochs": 1,
        "discriminator_filters": 2,
        "devices": "cpu:2",
        "deterministic": True,
    }
    arguments = ["train", *flags(settings), "--sources", "vocals", "drums"]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    result = trainer(*arguments, "--epochs", 2, "--output", whole, check=0)
    assert "adversarial training begins" in result.stdout
    shutil.copytree(whole, stopped)
    shutil.rmtree(stopped / "checkpoints/epoch-0002")
    result = trainer(*arguments, "--epochs", 2, "--output", stopped, check=0)
    assert "going on after epoch 1" in result.stdout
    assert history(whole) == history(stopped)
    one, other = arrays(whole, 2), arrays(stopped, 2)
    assert one.keys() == other.keys()
    for key, value in one.items():
        np.testing.assert_array_equal(value, other[key], err_msg=key)

    # Two discriminators and their optimisers in the checkpoint, none in the SavedModel.
    assert sum(key.startswith("discriminators/") for key in one) == 2 * 19
    assert sum(key.startswith("discriminator_optimizers/") for key in one) > 2 * 2 * 13
    exported = next((whole / "saved_model").rglob("variables.index")).with_suffix("")
    shapes = {tuple(shape) for _, shape in tf.train.list_variables(str(exported))}
    discriminators = {v.shape for key, v in one.items() if key.startswith("discriminators/")}
    convolutions = {shape for shape in discriminators if len(shape) == 4}
    assert len(convolutions) == 4
    assert not shapes & convolutions

    log = EventAccumulator(str(whole / "tensorboard/train")).Reload()
    steps = {tag: [event.step for event in log.Tensors(tag)] for tag in log.Tags()["tensors"]}
    terms = ["adversarial/l2_freq", "adversarial/separator"]
    terms += [f"discriminator/{name}/{kind}" for name in ("vocals", "drums") for kind in KINDS]
    for term in terms:
        assert steps[term] == [2]
        assert np.isfinite(float(history(whole)[-1][term]))


def test_pretrained_weights_are_taken(small, tmp_path):
    own = ("nfft", "nhop", "hidden_size")
    values = {**{key: small[key] for key in own}, "sources": ["vocals", "drums"]}
    values |= {"loss": "adversarial", "unidirectional": True}
    before = loop.runs.build(RunConfig.from_flat(values))
    before.compile("adam")
    before.save(tmp_path / "before.keras")
    config = RunConfig.from_flat({**values, "pretrained": str(tmp_path / "before.keras")})
    new = loop.runs.build(config)
    for one, other in zip(
        pretrained_weights(str(tmp_path / "before.keras"), new), before.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    # Of the last two the weights would have the same shapes. A bandwidth of the same bins is none.
    for other, wanted in (
        ({"hidden_size": 8, "bandwidth": 16000.1}, "`hidden_size` 16 (found 8)"),
        (
            {"hidden_size": 8, "network": "separate", "bandwidth": 8000.0, "dropout": 0.0},
            "`network` joint (found separate), `hidden_size` 16 (found 8), "
            "`bandwidth` 16000.0 (found 8000.0)",
        ),
        ({"mask_activation": "sigmoid"}, "`mask_activation` relu (found sigmoid)"),
        ({"nhop": 128}, "`nhop` 256 (found 128)"),
        ({"sources": ["drums", "vocals"]}, "`sources` vocals drums (found drums vocals)"),
    ):
        config = RunConfig.from_flat({**values, **other})
        with pytest.raises(UserError) as caught:
            pretrained_weights(str(tmp_path / "before.keras"), loop.runs.build(config))
        found = f"{tmp_path / 'before.keras'}, which has other settings than this run"
        assert str(caught.value) == f"pretrained: found {found}, wanted {wanted}"


def test_a_model_that_does_not_fit_leaves_the_folder_free(tree, small, tmp_path):
    sizes = {"nfft": 512, "nhop": 256, "hidden_size": 16, "unidirectional": True}
    loop.runs.build(RunConfig.from_flat(sizes)).save(tmp_path / "before.keras")
    values = {**small, "root": str(tree), "loss": "adversarial", "unidirectional": True}
    own = {"pretrained": str(tmp_path / "before.keras"), "network": "separate"}
    with pytest.raises(UserError, match=r"wanted `network` joint \(found separate\)"):
        loop.train(RunConfig.from_flat({**values, **own}), tmp_path / "run")
    assert not any((tmp_path / "run").glob("*"))
