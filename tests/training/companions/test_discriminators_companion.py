"""Adversarial training: who learns when, what the discriminators find, and the separator."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mss_keras import Separator, losses
from mss_keras.config import AudioConfig, ModelConfig
from mss_keras.domains import MaskScene
from mss_keras.models.discriminator import Discriminator, compress
from mss_keras.training.checkpoints import Checkpoints
from mss_keras.training.state import RunState

AUDIO = AudioConfig(nfft=512, nhop=128)
SOURCES = ("vocals", "drums")


@pytest.fixture
def batch(excerpt):
    """Pairs from the beginning of the excerpt, unpaired music from its end."""

    def cut(starts):
        return np.stack([excerpt["sources"][:2, i : i + 11025] for i in starts])

    paired, mixtures, recordings = (cut(i) for i in ((0, 30000), (90000, 110000), (150000, 200000)))
    return {
        "mixture": paired.sum(1),
        "sources": paired,
        "unpaired_mixture": mixtures.sum(1),
        "unpaired_sources": recordings,
    }


def separator(loss, along=None, policy="float32", rate=3e-3):
    keras.utils.set_random_seed(0)
    model = Separator(
        SOURCES, AUDIO, ModelConfig(hidden_size=16, dropout=0.3, unidirectional=True), policy=policy
    )
    model.build()
    model.network.set_statistics(np.full(257, 1.0), np.full(257, 3.0))
    model.compile(
        keras.optimizers.Adam(rate), loss, discriminator_optimizer=along, jit_compile=False
    )
    model.optimizer.build(model.trainable_variables)
    return model


def adversarial(gamma=0.01, filters=4):
    return losses.get("adversarial", gamma=gamma, network={"filters": filters})


def repeat(batch):
    return tf.data.Dataset.from_tensors(batch).repeat()


def train(model, batch, steps):
    model.fit(repeat(batch), steps_per_epoch=steps, shuffle=False, verbose=0)
    return model.objective.logs()


def companion(model):
    (found,) = model.objective.companions
    return found


def values(variables):
    return [variable.numpy().copy() for variable in variables]


def same(before, variables):
    return [np.array_equal(a, b.numpy()) for a, b in zip(before, variables, strict=True)]


@pytest.mark.long
def test_gamma_0_and_pretraining_are_l2_freq(batch):
    """Bit for bit: weights, statistics, dropout; the discriminators learn all the same."""
    pairs = {key: batch[key] for key in ("mixture", "sources")}
    plain, adversary = separator("l2_freq"), separator(adversarial(0.0))
    networks = companion(adversary).discriminators.variables
    before = values(networks)
    train(plain, pairs, 5)
    train(adversary, pairs, 2)
    assert all(same(before, networks))
    train(adversary, batch, 3)
    assert all(same(values(plain.variables), adversary.variables))
    assert not any(same(before, networks))


def test_each_half_step_moves_its_own(batch):
    """Bit by bit; statistics of batch normalisation, too."""
    mixtures = {"paired": batch["mixture"], "unpaired": batch["unpaired_mixture"]}
    sources = {"paired": batch["sources"], "unpaired": batch["unpaired_sources"]}

    # The discriminators' half alone.
    one = separator(adversarial())
    networks = companion(one).discriminators.variables
    parts = one(mixtures, training=True)
    before, own = values(networks), values(one.trainable_variables)
    others = MaskScene(sources["unpaired"], **parts.pop("unpaired"), audio=AUDIO)
    one.objective.before_step(MaskScene(sources["paired"], **parts, audio=AUDIO, unpaired=others))
    assert not any(same(before, networks))
    assert all(same(own, one.trainable_variables))

    # Both: the separator's adds nothing to what the discriminators are.
    both = separator(adversarial())
    with tf.GradientTape() as tape:
        loss = both.compute_loss(mixtures, sources, both(mixtures, training=True))
    assert all(same(values(networks), companion(both).discriminators.variables))
    gradients = tape.gradient(loss, both.trainable_variables)
    both.optimizer.apply_gradients(zip(gradients, both.trainable_variables, strict=True))
    assert all(same(values(networks), companion(both).discriminators.variables))
    assert not any(same(own, both.trainable_variables))


def test_the_separator_answers_for_both_mixtures(batch):
    model = separator(adversarial())
    mixtures = {"paired": batch["mixture"], "unpaired": batch["unpaired_mixture"]}
    sources = {"paired": batch["sources"], "unpaired": batch["unpaired_sources"]}
    scene = model._scene(sources, dict(model(mixtures)))
    model.objective.total(scene, training=True)
    (loss,) = model.objective.losses
    assert scene.unpaired is not None
    each = [
        float(tf.reduce_mean(loss.separator_term(one.estimated_magnitudes)))
        for one in (scene, scene.unpaired)
    ]
    found = float(model.objective.trackers["adversarial/separator"].result())
    assert found == pytest.approx(sum(each), rel=1e-5)


@pytest.mark.long
def test_rate_0_freezes_the_discriminators(batch):
    model = separator(adversarial(), along=keras.optimizers.SGD(0.0))
    each = companion(model).discriminators.each
    before = [values(x.trainable_variables) for x in each]
    weights = values(model.trainable_variables)
    train(model, batch, 2)
    for old, x in zip(before, each, strict=True):
        assert all(same(old, x.trainable_variables))
    assert not any(same(weights, model.trainable_variables))


@pytest.mark.long
def test_discriminators_tell_them_apart_and_the_separator_answers(batch):
    """200 steps; then, with discriminators frozen, L_sep alone raises their scores."""
    model = separator(adversarial())
    means = train(model, batch, 150)
    model.objective.reset_logs()
    means = train(model, batch, 50)
    for name in SOURCES:
        assert means[f"discriminator/{name}/score_real"] > means[f"discriminator/{name}/score_fake"]
    assert all(np.isfinite(value) for value in means.values())

    network, loss = companion(model).discriminators, adversarial()
    loss.network = network
    spectrogram = model.stft(batch["mixture"])
    magnitude = tf.abs(spectrogram)

    def scores():
        return network(model.network(magnitude) * magnitude[:, tf.newaxis])

    before = float(tf.reduce_mean(scores()))
    optimizer = keras.optimizers.Adam(1e-3)
    for _ in range(10):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(
                loss.separator_term(model.network(magnitude) * magnitude[:, None])
            )
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    assert float(tf.reduce_mean(scores())) > before + 0.01


@pytest.mark.long
@pytest.mark.parametrize(
    "policy", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.long)]
)
def test_mixed_precision_and_silence(batch, policy):
    for key in ("sources", "unpaired_sources"):
        batch[key][:, 1] = 0
    along = keras.optimizers.Adam(1e-3)
    if policy == "mixed_float16":
        along = keras.optimizers.LossScaleOptimizer(along, initial_scale=128.0)
    model = separator(adversarial(), policy=policy, along=along)
    before = values(companion(model).discriminators.each[0].trainable_variables)
    means = train(model, batch, 2)
    assert all(np.isfinite(value) for value in means.values())
    assert not all(same(before, companion(model).discriminators.each[0].trainable_variables))
    for variable in (*model.variables, *companion(model).discriminators.variables):
        assert np.isfinite(variable.numpy()).all()


def test_terms_are_logged_and_validation_is_of_l2_alone(batch):
    model = separator(adversarial(0.5))
    history = model.fit(
        repeat(batch), steps_per_epoch=2, validation_data=repeat(batch).take(1), verbose=0,
        shuffle=False,
    ).history  # fmt: skip
    loss = history["adversarial/l2_freq"][0] + 0.5 * history["adversarial/separator"][0]
    assert history["loss"][0] == pytest.approx(loss, rel=1e-4)
    assert "val_adversarial/separator" not in history
    parts = model(batch["mixture"])
    magnitude = tf.abs(parts["spectrogram"])[:, tf.newaxis]
    targets = tf.abs(model.stft(batch["sources"].reshape(4, -1, 2)))
    l2 = tf.reduce_mean((parts["mask"] * magnitude - tf.reshape(targets, parts["mask"].shape)) ** 2)
    assert history["val_loss"][0] == pytest.approx(float(l2), rel=1e-4)


def test_unpaired_music_without_discriminators(batch):
    with pytest.raises(ValueError, match="with the adversarial loss alone"):
        train(separator("l2_freq"), batch, 1)


@pytest.mark.long
def test_a_checkpoint_holds_the_discriminators(batch, tmp_path):
    model = separator(adversarial())
    train(model, batch, 2)
    checkpoints = Checkpoints(tmp_path, pytest.fail)
    checkpoints.save(model, RunState(epoch=1, best_epoch=1))
    train(model, batch, 2)
    again = separator(adversarial())
    checkpoints.restore(again)
    train(again, batch, 2)
    parts = [m.objective.state() for m in (model, again)]
    assert sum(len(x) for x in parts[0].values()) > 2 * 30
    for part in parts[0]:
        assert all(same(values(parts[0][part]), parts[1][part]))
    assert all(same(values(model.variables), again.variables))


def test_a_saved_model_trains_on(batch, tmp_path):
    model = separator(adversarial(0.25), along=keras.optimizers.SGD(0.125))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    train(loaded, batch, 1)
    (loss,) = loaded.objective.losses
    assert (loss.gamma, loss.network.description) == (0.25, {"filters": 4})
    assert companion(loaded).optimizers[0].learning_rate == 0.125


@pytest.mark.parametrize("frames", [1, 7, 40])
def test_any_number_of_frames(frames):
    discriminator = Discriminator(2)
    discriminator.build((None, None, 2, 257))
    assert discriminator(tf.random.uniform([3, frames, 2, 257])).shape == (3,)


def test_compression():
    """A sine at full scale is 1, one at −60 dB 0.1; silence 0, with a finite gradient."""
    rate, nfft = 44100, 4096
    time = np.arange(nfft) / rate
    sine = np.sin(2 * np.pi * 100 * rate / nfft * time).astype(np.float32)
    for amplitude, expected in ((1.0, 1.0), (1e-3, np.log(2) / np.log(1001)), (0.0, 0.0)):
        spectrum = tf.abs(tf.signal.stft(amplitude * sine, nfft, 1024))
        assert float(tf.reduce_max(compress(spectrum))) == pytest.approx(expected, abs=2e-3)
    silence = tf.zeros([1, 2049])
    with tf.GradientTape() as tape:
        tape.watch(silence)
        value = compress(silence)
    assert np.isfinite(tape.gradient(value, silence)).all()
