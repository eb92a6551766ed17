"""A network of waveforms, trained as any other."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from mss_keras import Separator, losses
from mss_keras.config import AudioConfig, ModelConfig, RunConfig, UserError
from mss_keras.domains import SCENES, WaveformScene
from mss_keras.models.network import traits_of
from mss_keras.training import loop, runs

AUDIO = AudioConfig(nfft=512, nhop=256)
SOURCES = ("vocals", "drums")
FILTER = "waveform_layers:Filter"
OF_MASKS = [name for name in losses.names() if losses.entry(name).domain in ("mask", "logits")]
READABLE = [name for name in losses.names() if name not in OF_MASKS]
QUICK = ("l1_time", "l2_freq", "psa")  # of each domain
LONG = pytest.mark.long


@pytest.fixture
def batch(excerpt):
    sources = np.stack([excerpt["sources"][:2, i : i + 5512] for i in range(0, 88200, 22050)])
    return {"mixture": sources.sum(1), "sources": sources}


@pytest.fixture
def unpaired(batch):
    others = {"unpaired_mixture": batch["mixture"][::-1], "unpaired_sources": batch["sources"]}
    return {**batch, **{name: np.ascontiguousarray(value) for name, value in others.items()}}


@pytest.fixture
def named(vggish):
    """A loss by its name, with a network where it needs one."""

    def get(name):
        networks: dict[str, dict] = {
            "deep_feature": {"vggish": str(vggish), "layers": ["conv1"]},
            "adversarial": {"filters": 2},
        }
        return losses.get(name, **({"network": networks[name]} if name in networks else {}))

    return get


def separator(loss, policy="float32", network=FILTER, **settings):
    keras.utils.set_random_seed(0)
    model = Separator(SOURCES, AUDIO, ModelConfig(network), policy=policy)
    model.build()
    model.compile(keras.optimizers.Adam(1e-2), loss, **settings)
    return model


def repeat(batch):
    return tf.data.Dataset.from_tensors(batch).repeat()


@pytest.mark.parametrize(
    "loss", [x if x in QUICK else pytest.param(x, marks=LONG) for x in READABLE]
)
def test_every_loss_but_those_of_masks_trains_it(batch, loss, named):
    model = separator(named(loss))
    before = [v.numpy() for v in model.trainable_variables]
    first = model.evaluate(repeat(batch), steps=1, verbose=0, return_dict=True)
    model.fit(repeat(batch), steps_per_epoch=20, shuffle=False, verbose=0)
    last = model.evaluate(repeat(batch), steps=1, verbose=0, return_dict=True)
    assert last["loss"] < first["loss"]
    for old, new in zip(before, model.trainable_variables, strict=True):
        assert np.any(old != new.numpy()), new.path


@pytest.mark.parametrize("loss", OF_MASKS)
def test_losses_of_masks_are_refused(loss):
    told = f"^loss: found {loss} with a network of waveforms, which makes no masks, wanted losses"
    with pytest.raises(UserError, match=told):
        separator(["l1_time", loss])
    with pytest.raises(UserError, match=told):
        loop.resolve(RunConfig.from_flat({"network": FILTER, "loss": ["l1_time", loss]}))


def test_a_run_s_configuration_is_resolved_without_an_activation():
    config = loop.resolve(RunConfig.from_flat({"network": FILTER, "loss": ["sisdr_time"]}))
    assert config.model.mask_activation is None
    for name, value in {"hidden_size": 8, "statistics": "x.npz"}.items():
        network = FILTER if name == "hidden_size" else "spleeter"
        with pytest.raises(UserError, match=f"^{name}: found "):
            loop.resolve(RunConfig.from_flat({"network": network, name: value}))


def test_each_domain_of_networks_has_its_scene():
    networks = ("joint", "separate", "spleeter", FILTER)
    assert {traits_of(network).domain for network in networks} == set(SCENES)


def test_loss_is_that_of_the_estimates(batch):
    model = separator(["l1_time", "l1_freq", "psa"])
    logs = model.evaluate(repeat(batch), steps=1, verbose=0, return_dict=True)
    estimates = model.stems(batch["mixture"])
    x, y, found = (model.stft(w) for w in (batch["mixture"], batch["sources"], estimates))
    x = x.numpy()[:, None]
    aimed = np.abs(y) * np.cos(np.angle(x) - np.angle(y))
    expected = {
        "l1_time": np.abs(estimates - batch["sources"]).mean(),
        "l1_freq": np.abs(np.abs(found) - np.abs(y)).mean(),
        "psa": np.square(np.abs(found) - aimed).mean(),
    }
    for name, value in expected.items():
        assert logs[name] == pytest.approx(value, rel=1e-4), name


def test_silence_trains_to_finite_weights(batch):
    model = separator(["l2_freq", "psa", "multi_resolution_stft", "sisdr_time"])
    silent = {name: 0 * value for name, value in batch.items()}
    model.fit(repeat(silent), steps_per_epoch=2, shuffle=False, verbose=0)
    assert all(np.isfinite(v).all() for v in model.trainable_variables)


@pytest.mark.parametrize(
    "policy",
    [pytest.param(x, marks=LONG) for x in ("mixed_float16", "float32", "mixed_bfloat16")],
)
def test_two_steps_against_discriminators(unpaired, named, policy):
    model = separator(named("adversarial"), policy)
    model.fit(repeat(unpaired), steps_per_epoch=1, shuffle=False, verbose=0)
    parts = [*model.trainable_variables, *model.objective.state()["discriminators"]]
    before = [part.numpy() for part in parts]
    history = model.fit(repeat(unpaired), steps_per_epoch=1, shuffle=False, verbose=0).history
    assert np.isfinite([values[0] for values in history.values()]).all()
    assert "adversarial/separator" in history
    for old, new in zip(before, parts, strict=True):
        assert np.isfinite(new.numpy()).all()
        assert policy == "mixed_float16" or np.any(old != new.numpy()), new.path


class Apart(keras.layers.Layer):
    """Gives the mixture, whatever its weights are."""

    domain = "waveform"

    def __init__(self, nb_sources, nb_channels, **kwargs):
        super().__init__(**kwargs)
        self.nb_sources, self.dense = nb_sources, keras.layers.Dense(nb_channels)

    def call(self, mixture):
        return keras.ops.stack([mixture + keras.ops.stop_gradient(self.dense(mixture))] * 2, 1)


def test_a_network_that_no_loss_trains_is_told(batch):
    model = separator("l1_time", network=f"{__name__}:Apart")
    message = "^network: found 2 trainable weights, of which none changes the loss, wanted weights"
    with pytest.raises(UserError, match=message):
        model.fit(repeat(batch), steps_per_epoch=1, shuffle=False, verbose=0)


def test_a_file_of_a_network_that_is_not_there_is_told(tmp_path, monkeypatch):
    module = tmp_path / "gone_module.py"
    module.write_text("from waveform_layers import Filter as Gone")
    monkeypatch.syspath_prepend(tmp_path)
    separator("l1_time", network="gone_module:Gone").save(tmp_path / "model.keras")
    sys.modules.pop("gone_module")
    module.unlink()
    with pytest.raises(UserError, match=r"^network: found gone_module:Gone \(ModuleNotFoundErr"):
        runs.load(tmp_path / "model.keras")


def test_a_scene_of_silent_estimates_has_finite_gradients(batch):
    estimates = tf.zeros_like(batch["sources"])
    with tf.GradientTape() as tape:
        tape.watch(estimates)
        scene = WaveformScene(batch["sources"], estimates, batch["mixture"], audio=AUDIO)
        loss = tf.reduce_sum(scene.estimated_magnitudes)
    assert np.isfinite(tape.gradient(loss, estimates)).all()


def test_saved_and_loaded_it_goes_on(batch, tmp_path):
    model = separator(["l1_freq", "l1_time"])
    model.fit(repeat(batch), steps_per_epoch=2, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for each in (model, again):
        each.fit(repeat(batch), steps_per_epoch=2, shuffle=False, verbose=0)
    for one, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one, other)
