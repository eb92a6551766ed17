"""deep_feature as it is trained: terms, gradients' norms, and a VGGish that stays as it was."""

import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import vggish_module
from command_line import flags

from mss_keras import Separator, domains, losses
from mss_keras.config import (
    AudioConfig,
    ModelConfig,
    RunConfig,
    ServingConfig,
    TrainingConfig,
    UserError,
)
from mss_keras.models.vggish import DeepFeatures
from mss_keras.training import companions
from mss_keras.training.checkpoints import Checkpoints
from mss_keras.training.state import RunState

AUDIO = AudioConfig(nfft=1024, nhop=256)
TERMS = ("l2_freq", "feature", "style")


@pytest.fixture
def batch(excerpt):
    """Two excerpts of 1.1 s: a patch of each source."""
    sources = np.stack([excerpt["sources"][:, i : i + 48510] for i in (44100, 132300)])
    return {"mixture": sources.sum(1), "sources": sources}


def vggish_network(layers=("conv1", "conv2")):
    return DeepFeatures(
        vggish_module.conv_weights(), AUDIO, layers, description={"vggish": "random"},
        note=pytest.fail,
    )  # fmt: skip


def separator(policy="float32", optimizer=None, log_gradient_norms=False, **arguments):
    keras.utils.set_random_seed(0)
    sources = ("vocals", "drums", "bass", "other")
    network = ModelConfig(hidden_size=16, dropout=0.0, unidirectional=True)
    model = Separator(sources, AUDIO, network, policy=policy)
    model.build()
    model.network.set_statistics(np.full(513, 1.0), np.full(513, 3.0))
    loss = losses.get("deep_feature", network=vggish_network(), **arguments)
    model.compile(
        optimizer or keras.optimizers.Adam(1e-2), loss, log_gradient_norms=log_gradient_norms
    )
    return model


def repeat(batch):
    return tf.data.Dataset.from_tensors(batch).repeat()


def terms_of(model, batch):
    logs = model.evaluate(repeat(batch), steps=1, verbose=0, return_dict=True)
    return {term: logs[f"deep_feature/{term}"] for term in TERMS}


@pytest.mark.parametrize("term", ["feature", "style"])
def test_a_step_lowers_each_term_where_it_alone_is_weighted(batch, term):
    """So much that L2_freq, whose weight is 1, does not count."""
    weights = {"delta": 0.0, "lambda": 0.0, {"feature": "delta", "style": "lambda"}[term]: 1e6}
    model = separator(optimizer=keras.optimizers.Adam(1e-3), **weights)
    before = terms_of(model, batch)
    logs = model.fit(repeat(batch), steps_per_epoch=1, shuffle=False, verbose=0).history
    assert logs["loss"][0] == pytest.approx(1e6 * logs[f"deep_feature/{term}"][0], rel=1e-3)
    # Batch statistics count in training, running ones in validation: compared as trained.
    again = model.fit(repeat(batch), steps_per_epoch=1, shuffle=False, verbose=0).history
    assert again[f"deep_feature/{term}"][0] < logs[f"deep_feature/{term}"][0]
    assert all(np.isfinite(value) for value in before.values())


def test_terms_and_gradient_norms_are_logged_apart(batch):
    model = separator(log_gradient_norms=True, delta=0.5, **{"lambda": 2.0})
    parts = model(batch["mixture"], training=True)
    scene = domains.MaskScene(batch["sources"], **parts, audio=AUDIO)
    target, estimate = domains.pair("magnitude", scene)
    norms = {}
    loss = losses.get("deep_feature", network=vggish_network())
    for term in TERMS:
        with tf.GradientTape() as tape:
            tape.watch(estimate)
            values = loss.terms(target, estimate)[term]
        gradient = tape.gradient(values, estimate).numpy()
        norms[term] = np.linalg.norm(gradient.reshape(2, -1), axis=1).mean()

    history = model.fit(
        repeat(batch), steps_per_epoch=1, validation_data=repeat(batch), validation_steps=1,
        shuffle=False, verbose=0,
    ).history  # fmt: skip
    logged = {name: values[0] for name, values in history.items()}
    terms = {f"deep_feature/{term}" for term in TERMS}
    assert set(logged) == {"loss", "val_loss", "val_si_sdr", "val_snr"} | terms | {
        f"val_{name}" for name in terms
    } | {f"gradient_norm/{name}" for name in terms}
    total = [logged[f"deep_feature/{term}"] * w for term, w in zip(TERMS, (1, 0.5, 2), strict=True)]
    assert logged["loss"] == pytest.approx(sum(total), rel=1e-4)
    for term, norm in norms.items():
        assert logged[f"gradient_norm/deep_feature/{term}"] == pytest.approx(norm, rel=1e-2)


def test_norms_of_losses_of_several_domains(batch):
    model = separator()
    model.compile("adam", ["l2_freq", "l1_time"], log_gradient_norms=True)
    logs = model.fit(repeat(batch), steps_per_epoch=1, shuffle=False, verbose=0).history
    assert set(logs) == {
        "loss", "l2_freq", "l1_time", "gradient_norm/l2_freq", "gradient_norm/l1_time",
    }  # fmt: skip
    assert logs["gradient_norm/l1_time"][0] > 0


def test_vggish_is_not_a_part_of_the_model(batch, tmp_path):
    model = separator()
    (loss,) = model.objective.losses
    layers = loss.network.network.layers
    before = {name: layer.get_weights() for name, layer in layers.items()}
    history = model.fit(repeat(batch), steps_per_epoch=3, shuffle=False, verbose=0).history
    assert np.isfinite(history["loss"][-1])
    for name, layer in layers.items():
        for old, new in zip(before[name], layer.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
    own = {id(variable) for layer in layers.values() for variable in layer.variables}
    everything = [*model.variables, *model.optimizer.variables]
    assert own.isdisjoint(id(variable) for variable in everything)

    plain = separator()
    plain.compile(keras.optimizers.Adam(1e-2), "l2_freq")
    plain.optimizer.build(plain.trainable_variables)
    stored = []
    for each, name in ((model, "deep"), (plain, "plain")):
        Checkpoints(tmp_path / name, pytest.fail).save(each, RunState(epoch=1, best_epoch=1))
        limits = ServingConfig(("serving_default",))
        version = each.export(tmp_path / f"{name}-export", limits=limits)
        with np.load(tmp_path / name / "epoch-0001/weights.npz") as file:
            shapes = [file[key].shape for key in file]
        exported = tf.train.list_variables(str(version / "variables/variables"))
        stored.append((shapes, sorted(shape for _, shape in exported)))
    assert stored[0] == stored[1]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_graph_equals_eager(jit_compile):
    """Through front end and VGGish; where estimate and target are equal, all is 0."""
    y_true, y_pred = np.random.default_rng(0).random((2, 1, 2, 190, 2, 513)).astype(np.float32)
    loss = losses.get("deep_feature", network=vggish_network())

    def value_and_gradient(target, estimate):
        with tf.GradientTape() as tape:
            tape.watch(estimate)
            value = loss(target, estimate)
        return value, tape.gradient(value, estimate)

    compiled = tf.function(value_and_gradient, jit_compile=jit_compile)
    found = compiled(tf.constant(y_true), tf.constant(y_pred))
    expected = value_and_gradient(tf.constant(y_true), tf.constant(y_pred))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4)
    largest = np.abs(expected[1]).max()
    np.testing.assert_allclose(found[1], expected[1], atol=1e-3 * largest)
    value, gradient = compiled(tf.constant(y_true), tf.constant(y_true))
    assert float(value) == 0
    assert not np.any(gradient)


@pytest.mark.long
def test_mixed_precision(batch):
    """The gradient goes from float32 features through a network in float16, scaled."""
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(1e-2), 256.0)
    model = separator("mixed_float16", optimizer)
    losses_seen = model.fit(repeat(batch), steps_per_epoch=2, epochs=2, shuffle=False, verbose=0)
    first, last = losses_seen.history["loss"]
    assert last < first


def test_a_model_is_loaded_without_its_vggish_until_it_trains(batch, tmp_path):
    model = separator()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    stems = loaded.separate(batch["mixture"][0][:5000])
    assert set(stems) == {"vocals", "drums", "bass", "other"}
    with pytest.raises(UserError, match=r"vggish: .*random"):
        loaded.evaluate(repeat(batch), steps=1, verbose=0)


def test_the_losses_of_a_configuration(vggish):
    settings = TrainingConfig(
        loss=("deep_feature", "l1_time"), loss_args={"delta": 0.2, "lambda": 0.1},
        vggish=str(vggish), feature_layers=("conv1",),
    )  # fmt: skip
    deep, plain = companions.losses_of(RunConfig(training=settings))
    assert deep.network == {"vggish": str(vggish), "layers": ["conv1"]}
    assert (deep.delta, deep.lambda_) == (0.2, 0.1)
    notes: list[str] = []
    for loss in (deep, plain):
        companions.companion_of(loss).bind(companions.Surroundings(AUDIO, say=notes.append))
    assert deep.network.chosen == ("conv1",)
    assert deep.get_config()["network"] == {"vggish": str(vggish), "layers": ["conv1"]}
    assert len(notes) == 1  # not the published weights


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": ("deep_feature",), "vggish": "/no/such"}, "vggish: .*/no/such"),
        ({"vggish": "/no/such"}, "vggish: found /no/such with `loss` l2_freq, wanted it with deep"),
        ({"feature_layers": ("conv1",)}, "feature_layers: .* wanted it with deep_feature"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(UserError, match=message):
        companions.losses_of(RunConfig(training=TrainingConfig(**settings)))


@pytest.mark.parametrize("layers", [("conv9",), (), ("conv1", "conv1")])
def test_wrong_layers(layers):
    with pytest.raises(
        UserError, match=r"feature_layers: found .*(one|different ones) of conv1, conv2"
    ):
        TrainingConfig(feature_layers=layers)
    loss = losses.get("deep_feature", network={"vggish": "/no/such", "layers": list(layers)})
    with pytest.raises(UserError, match=r"feature_layers: found .*wanted|vggish: found /no/such"):
        companions.companion_of(loss).bind(companions.Surroundings(AUDIO))


TWO_DEVICES = """
import sys, keras, numpy as np, tensorflow as tf
from mss_keras import Separator, losses
from mss_keras.config import AudioConfig, ModelConfig
from mss_keras.training.devices import choose

mirrored = choose("cpu:2").strategy
audio = AudioConfig(nfft=1024, nhop=512)
sources = 0.1 * tf.random.stateless_normal([4, 2, 11025, 2], [1, 2])
data = tf.data.Dataset.from_tensor_slices((tf.reduce_sum(sources, 1), sources)).batch(4).repeat()
weights, history = [], []
for strategy in (tf.distribute.get_strategy(), mirrored):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = Separator(("a", "b"), audio, ModelConfig(hidden_size=8, dropout=0.0),
                          synchronized=True, policy="float32")
        model.build()
        network = {"vggish": sys.argv[1], "layers": ["conv1"]}
        model.compile(keras.optimizers.SGD(0.001), losses.get("deep_feature", network=network))
    start = [v.numpy() for v in model.variables]
    history.append(model.fit(data, steps_per_epoch=2, shuffle=False, verbose=0).history)
    weights.append([v.numpy() for v in model.variables])
print("moved", max(np.abs(a - b).max() for a, b in zip(start, weights[1])))
print("differ", max(np.abs(a - b).max() for a, b in zip(*weights)))
for name in ("loss", "deep_feature/feature", "deep_feature/style"):
    print(name, history[0][name][0], history[1][name][0])
"""


@pytest.mark.long
def test_two_devices_give_the_weights_of_one(vggish):
    command = [sys.executable, "-W", "ignore", "-c", TWO_DEVICES, str(vggish)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert result.returncode == 0, result.stderr
    found = {line.split()[0]: line.split()[1:] for line in result.stdout.splitlines()}
    assert float(found["moved"][0]) > 1e-3
    assert float(found["differ"][0]) < 1e-4
    for name in ("loss", "deep_feature/feature", "deep_feature/style"):
        one, two = map(float, found[name])
        assert one == pytest.approx(two, rel=1e-4)


@pytest.mark.long
def test_from_the_command_line_and_resumed(tree, small, vggish, trainer, tmp_path):
    settings = {
        **small, "root": tree, "loss": "deep_feature", "vggish": vggish, "epochs": 2,
        "unidirectional": True,
        "loss_args.delta": 0.1, "loss_args.lambda": 0.01, "log_gradient_norms": True,
        "mixed_precision": "bfloat16", "deterministic": True,
    }  # fmt: skip
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    command = ["train", *flags(settings), "--feature-layers", "conv1", "--output"]
    result = trainer(*command, whole, check=0)
    assert result.stdout.count("excerpts of 0.3 s are padded with silence") == 1
    assert result.stdout.count("not the published weights?") == 1
    shutil.copytree(whole, parts, ignore=shutil.ignore_patterns("epoch-0002"))
    assert "going on after epoch 1" in trainer(*command, parts, check=0).stdout
    assert (whole / "history.csv").read_text() == (parts / "history.csv").read_text()
    header = (whole / "history.csv").read_text().splitlines()[0].split(",")
    for term in TERMS:
        tags = {f"{prefix}deep_feature/{term}" for prefix in ("", "val_", "gradient_norm/")}
        assert tags <= set(header)
    one, two = (np.load(run / "checkpoints/epoch-0002/weights.npz") for run in (whole, parts))
    assert set(one.files) == set(two.files)
    for key in one.files:
        np.testing.assert_array_equal(one[key], two[key])
    assert not any(array.shape == (3, 3, 1, 64) for array in map(one.__getitem__, one.files))
