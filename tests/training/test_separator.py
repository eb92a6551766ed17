"""The separator as a Keras user meets it."""

import dataclasses
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from mss_keras import Separator, domains, losses
from mss_keras.config import AudioConfig, ModelConfig, UserError
from mss_keras.training import steps

AUDIO = AudioConfig(nfft=512, nhop=256)
# Small, for what a test costs is the tracing of its graphs.
SOURCES = ("vocals", "drums")
NETWORK = ModelConfig(hidden_size=16, dropout=0.0, unidirectional=True)


@pytest.fixture
def batch(excerpt):
    sources = np.stack([excerpt["sources"][:2, i : i + 5512] for i in range(0, 88200, 22050)])
    return {"mixture": sources.sum(1), "sources": sources}


@pytest.fixture
def named(vggish):
    """A loss by its name, with a network where it needs one; VGGish's lowest layer is quick."""

    def get(name):
        if losses.entry(name).alone:
            return losses.get(name)
        networks: dict[str | None, dict] = {
            "vggish": {"vggish": str(vggish), "layers": ["conv1"]},
            "discriminators": {"filters": 2},
        }
        return losses.get(name, network=networks[losses.entry(name).loss.companion])

    return get


def separator(loss="l2_freq", network=NETWORK, **kwargs):
    keras.utils.set_random_seed(0)
    model = Separator(SOURCES, AUDIO, network)
    model.build()
    model.network.set_statistics(np.full(257, 1.0), np.full(257, 3.0))
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, 0.9)  # Spleeter's takes hundreds of steps
    model.compile(keras.optimizers.Adam(1e-2), loss, **kwargs)
    return model


def repeat(batch):
    return tf.data.Dataset.from_tensors(batch).repeat()


# In dB of an SDR or of an error: to lower them is to separate better.
DECIBELS = {"sisdr", "sdsdr", "logl1", "logl2"}


BOTH_WAYS = dataclasses.replace(NETWORK, unidirectional=False)
# A network of one piece, with activations whose gradients do not vanish.
SPLEETER = ModelConfig(
    "spleeter",
    network_args={
        "conv_n_filters": [4, 4, 6, 6, 8, 8],
        "conv_activation": "elu",
        "deconv_activation": "elu",
    },
)


# Those that take several times as long as others.
HEAVY = ("multi_resolution_stft", "deep_feature", "adversarial")


@pytest.mark.parametrize(
    ("loss", "network"),
    [
        *(
            pytest.param(name, NETWORK, marks=[pytest.mark.long] if name in HEAVY else [])
            for name in losses.names()
        ),
        ("l2_freq", BOTH_WAYS),
        *(pytest.param(name, SPLEETER, marks=pytest.mark.long) for name in losses.names()),
    ],
    ids=[
        *losses.names(),
        "l2_freq-bidirectional",
        *(f"{name}-spleeter" for name in losses.names()),
    ],
)
def test_every_loss_lowers_itself_and_reaches_every_weight(batch, loss, network, named, tmp_path):
    model = separator(named(loss), network)
    before = [v.numpy() for v in model.trainable_variables]
    first = model.evaluate(repeat(batch), steps=1, verbose=0, return_dict=True)
    model.fit(repeat(batch), steps_per_epoch=30, shuffle=False, verbose=0)
    last = model.evaluate(repeat(batch), steps=1, verbose=0, return_dict=True)
    assert last["loss"] < first["loss"]
    if loss.split("_")[0] in DECIBELS:
        assert last["si_sdr"] > first["si_sdr"] + 0.5
    for old, new in zip(before, model.trainable_variables, strict=True):
        assert np.any(old != new.numpy()), new.path

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.run_eagerly = True  # a third graph would be traced for one step
    again = loaded.evaluate(repeat(batch), steps=1, verbose=0, return_dict=True)
    assert again["loss"] == pytest.approx(last["loss"], rel=1e-5)


def test_what_several_losses_share_is_computed_once(batch, named):
    model = separator([named(x) for x in losses.names() if x != "multi_resolution_stft"])

    @tf.function
    def step(mixture, sources):
        return model.compute_loss(mixture, sources, model(mixture), training=True)

    graph = step.get_concrete_function(batch["mixture"], batch["sources"]).graph
    ops = [op.type for op in graph.get_operations()]
    assert ops.count("RFFT") == 2  # the mixture's and the targets'
    assert ops.count("IRFFT") == 1  # the estimates'


def test_loss_is_that_of_the_pair(batch):
    model = separator(losses.get("l1_time"))
    logs = model.evaluate(repeat(batch), steps=1, verbose=0, return_dict=True)
    parts = model(batch["mixture"])
    scene = domains.MaskScene(batch["sources"], **parts, audio=AUDIO)
    expected = np.abs(scene.estimated_waveforms - batch["sources"]).mean()
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    assert set(logs) == {"loss", "si_sdr", "snr"}


def test_losses_of_several_domains_are_summed_and_logged_apart(batch):
    model = separator(["l2_freq", "l1_time"], loss_weights=[0.5, 10.0])
    history = model.fit(repeat(batch), steps_per_epoch=1, validation_data=repeat(batch),
                        validation_steps=1, verbose=0).history  # fmt: skip
    assert history["loss"][0] == pytest.approx(
        0.5 * history["l2_freq"][0] + 10 * history["l1_time"][0], rel=1e-5
    )
    assert set(history) == {"loss", "l2_freq", "l1_time"} | {
        f"val_{name}" for name in ("loss", "l2_freq", "l1_time", "si_sdr", "snr")
    }


def test_time_spent_waiting_for_data_is_counted(batch):
    def slowly():
        while True:
            time.sleep(0.3)
            yield batch

    shapes = {name: tf.TensorSpec(value.shape, tf.float32) for name, value in batch.items()}
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False  # it would fetch while we trace
    slow = tf.data.Dataset.from_generator(slowly, output_signature=shapes).with_options(options)
    waits = []
    for data in (repeat(batch), slow):
        model = separator()
        model.fit(data, steps_per_epoch=3, shuffle=False, verbose=0)
        waits.append(model.data_wait)
    assert waits[1] >= 0.9  # three times what the source sleeps
    assert waits[0] < waits[1]


def test_logs_are_sparse_where_that_is_wanted(batch, monkeypatch):
    """And no step has waited for data before the first."""
    monkeypatch.setattr(steps, "_SECONDS", 1e9)
    seen: list[dict] = []
    look = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(dict(logs))
    )
    model = separator()
    assert model.data_wait == 0
    for sparse in (False, True):
        model.sparse_logs = sparse
        model.fit(repeat(batch), steps_per_epoch=3, shuffle=False, verbose=0, callbacks=[look])
    assert [bool(logs) for logs in seen[:3]] == [True, True, True]
    assert [bool(logs) for logs in seen[4:]] == [False, False]


def test_a_step_is_traced_once(batch, monkeypatch):
    """Though neither model nor optimiser has variables yet."""
    traced, step = [], Separator.train_step

    def counted(*args):
        traced.append(args)
        return step(*args)

    monkeypatch.setattr(Separator, "train_step", counted)
    model = Separator(SOURCES, AUDIO, NETWORK)
    model.compile("adam", "l2_freq")
    model.fit(repeat(batch), steps_per_epoch=2, shuffle=False, verbose=0)
    assert len(traced) == 1


def test_pairs_of_tensors_do_as_well(batch):
    model = separator()
    pairs = tf.data.Dataset.from_tensors((batch["mixture"], batch["sources"]))
    one = model.evaluate(pairs, verbose=0, return_dict=True)
    other = model.evaluate(repeat(batch), steps=1, verbose=0, return_dict=True)
    assert one == other


def test_saved_compiled_and_loaded(tmp_path, batch):
    model = separator(["l2_freq", "l1_time"], loss_weights=[1.0, 2.0])
    model.fit(repeat(batch), steps_per_epoch=2, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for name, stem in model.separate(batch["mixture"][0]).items():
        np.testing.assert_array_equal(stem, loaded.separate(batch["mixture"][0])[name])
    for old, new in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(old.numpy(), new.numpy())
    # Adam may take noise in a gradient near 0 for a step, so not the weights.
    after = [
        one.fit(repeat(batch), steps_per_epoch=3, shuffle=False, verbose=0).history
        for one in (model, loaded)
    ]
    assert set(after[0]) == set(after[1]) == {"loss", "l2_freq", "l1_time"}
    for name in after[0]:
        assert after[0][name] == pytest.approx(after[1][name], rel=1e-3)


def test_unknown_loss_and_wrong_weights():
    with pytest.raises(UserError, match="l2_freq"):
        separator("l3")
    with pytest.raises(UserError, match=r"loss_weights: found .*, wanted a number for each"):
        separator("l2_freq", loss_weights=[1.0, 2.0])


@pytest.mark.parametrize(
    ("loss", "more", "message"),
    [
        ([], {}, "loss: found"),
        (None, {}, "loss: found None"),
        (keras.losses.MeanSquaredError(), {}, "loss: found"),
        (["l2_freq", "l2_freq"], {}, "loss: .* different names"),
        ("l2_freq", {"loss_weights": 1.0}, "loss_weights: found 1.0"),
        ("l2_freq", {"loss_weights": {"l2_freq": 1.0}}, "loss_weights: found"),
        ("l2_freq", {"loss_weights": [-1.0]}, "loss_weights: found -1.0, wanted 0 or more"),
        ("l2_freq", {"loss_weights": [0.0]}, r"loss_weights: found \[0.0\], wanted one above 0"),
        ("l2_freq", {"metrics": ["mae"]}, "metrics: found"),
    ],
)
def test_what_cannot_be_compiled(loss, more, message):
    with pytest.raises(UserError, match=message):
        Separator(SOURCES, AUDIO, NETWORK).compile("adam", loss, **more)


def test_float16_is_trained_with_a_scaled_loss():
    model = Separator(SOURCES, AUDIO, NETWORK, policy="mixed_float16")
    model.compile("adam", "l2_freq")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    given = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    model.compile(given, "l2_freq")
    assert model.optimizer is given


def test_a_batch_may_be_trained_on_alone(batch):
    model = separator()
    logs = [model.train_on_batch(batch, return_dict=True) for _ in range(2)]
    assert all(set(each) == {"loss"} for each in logs)
    assert set(model.test_on_batch(batch, return_dict=True)) == {"loss", "si_sdr", "snr"}
