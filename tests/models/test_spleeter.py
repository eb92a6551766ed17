"""Spleeter's networks; that they give what Spleeter gives is in tests/separation."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from mss_keras.config import AudioConfig, ModelConfig, SeparationConfig, UserError
from mss_keras.models.activations import ACTIVATIONS
from mss_keras.models.chunks import Span
from mss_keras.models.masking import MaskingModel
from mss_keras.models.spleeter import Spleeter
from mss_keras.models.unet import UNet

SOURCES = ("vocals", "drums", "rest")
UNETS: dict[str, Any] = {"conv_n_filters": [2, 3, 4, 5, 6, 7], "deconv_activation": "elu"}
# 40 of 65 bins are read.
SIZES: dict[str, Any] = {"nb_bins": 65, "max_bin": 40, **UNETS}
# 64 frames a grid of the U-Nets, 256 the context, 250 a second.
AUDIO = AudioConfig(sample_rate=16000, nfft=256, nhop=64)
ALIGNED = SeparationConfig(chunk_dur=0.256, context_dur=1.024, wiener_win_len=64)


def stirred(network):
    """The network with random statistics and biases, so that no two sources are alike."""
    for index, weight in enumerate(network.weights):
        if "seed" not in weight.path:
            noise = tf.random.stateless_uniform(weight.shape, [index, 1], 0.5, 1.5)
            weight.assign(weight * noise + (noise - 1) * 0.2)
    return network


def network(**changes):
    keras.utils.set_random_seed(2)
    made = Spleeter(3, **{**SIZES, **changes})
    made.build([None, None, 2, 65])
    return stirred(made)


@pytest.fixture
def magnitude():
    return tf.random.stateless_gamma([2, 70, 2, 65], [3, 4], 1.0)


def model_of(**settings):
    keras.utils.set_random_seed(1)
    arguments = settings.pop("network_args", UNETS)
    values: dict[str, Any] = {"bandwidth": 6000.0, **settings}
    config = ModelConfig("spleeter", network_args=arguments, **values)
    model = MaskingModel(SOURCES, AUDIO, config)
    model.build()
    stirred(model.network)
    return model


@pytest.mark.parametrize("type", ["unet", "softmax_unet", "blstm"])
def test_masks_share_out_by_the_squares_of_the_estimates(type, magnitude):
    of_blstm = {"conv_n_filters": None, "deconv_activation": None, "lstm_units": 5}
    made = network(type=type, **(of_blstm if type == "blstm" else {}))
    estimates = made.estimates(magnitude).numpy()
    assert estimates.shape == (2, 3, 70, 2, 40)
    if type == "softmax_unet":  # masks of the sources sum to 1
        np.testing.assert_allclose(estimates.sum(1), magnitude[..., :40], rtol=1e-5)
    squares = estimates**2
    expected = (squares + 1e-10 / 3) / (squares.sum(1, keepdims=True) + 1e-10)
    masks = made(magnitude)
    np.testing.assert_allclose(masks[..., :40], expected, atol=1e-6)
    assert np.all(masks[..., 40:] == 0)


def test_silence_is_shared_out_evenly():
    masks = network()(tf.zeros([1, 9, 2, 65]))
    np.testing.assert_allclose(masks[..., :40], 1 / 3, atol=1e-6)


def test_masks_of_what_is_not_read_are_the_frame_s_average(magnitude):
    zeros, average = network(), network(mask_extension="average")
    mean = tf.reduce_mean(zeros(magnitude)[..., :40], axis=-1, keepdims=True)
    np.testing.assert_allclose(average(magnitude)[..., 40:], mean.numpy().repeat(25, -1), atol=1e-6)
    np.testing.assert_allclose(tf.reduce_sum(average(magnitude), 1), 1, atol=1e-5)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_logits_are_those_of_the_masks(activation, magnitude):
    """Losses of logits see the masks that separate, whose activation is no part of Spleeter."""
    plain, made = network(), network(mask_activation=activation)
    logits = made(magnitude, logits=True)
    masks = plain(magnitude)
    np.testing.assert_allclose(
        ACTIVATIONS[activation](logits)[..., :40], masks[..., :40], atol=1e-5
    )
    np.testing.assert_allclose(made(magnitude), masks, atol=1e-5)
    np.testing.assert_allclose(made.finished(logits), masks, atol=1e-5)
    assert np.all(logits[..., 40:] == 0)


def test_a_unet_of_any_size_hears_zeros_behind_it():
    unet = UNet([2] * 6, down="elu", up="relu", nb_channels=1)
    unet.build(None)
    stirred(unet)
    magnitude = tf.random.stateless_uniform([1, 64, 64, 1], [1, 2])
    magnitude = magnitude * tf.cast(tf.range(64) < 50, tf.float32)[:, tf.newaxis, tf.newaxis]
    whole = unet(magnitude)
    np.testing.assert_allclose(unet(magnitude[:, :50]), whole[:, :50], atol=1e-6)


def test_a_unet_in_training_normalises_by_its_batch_and_drops_out():
    unet = UNet([2] * 6, down="elu", up="elu", nb_channels=1, synchronized=True)
    unet.build(None)
    stirred(unet)
    magnitude = tf.random.stateless_uniform([1, 64, 64, 1], [1, 2])
    norms = [*unet.down_norms, *unet.up_norms]
    before = [norm.moving_mean.numpy() for norm in norms]
    assert not np.allclose(unet(magnitude, training=True), unet(magnitude, training=True))
    for norm, mean in zip(norms, before, strict=True):
        assert norm.synchronized
        assert np.all(norm.moving_mean != mean)
    mean = tf.reduce_mean(unet.downs[0](magnitude), axis=[0, 1, 2])
    expected = 0.99**2 * before[0] + (1 - 0.99**2) * mean
    np.testing.assert_allclose(norms[0].moving_mean, expected, rtol=1e-5)
    assert [dropout.rate for dropout in unet.dropouts] == [0.5] * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"type": "wnet"}, r"network_args.type: found 'wnet' \(did you mean unet\?\)"),
        ({"conv_activation": "gelu"}, r"network_args: found 'gelu' \(did you mean"),
        ({"mask_extension": "ones"}, "network_args.mask_extension: found 'ones', wanted one of"),
        ({"separation_exponent": 0}, "network_args.separation_exponent: found 0, wanted a number"),
        ({"conv_n_filters": [2, 3]}, r"network_args.conv_n_filters: found \[2, 3\], wanted six"),
        ({"lstm_units": 5}, "network_args: found lstm_units for a unet, wanted them for a blstm"),
        ({"type": "blstm", **UNETS}, "network_args: found conv_\\* for a blstm, wanted them for"),
        ({"type": "blstm", "deconv_activation": "elu"}, "network_args: found conv_\\* for a blstm"),
        ({"type": "blstm", "lstm_units": 0}, "network_args: found Spleeter: .*, wanted arguments"),
        ({"filters": 3}, "network_args: found Spleeter: .*'filters'.*, wanted arguments that it"),
        ({"nb_bins": 3}, "network_args.nb_bins: found 3, wanted none"),
    ],
)
def test_wrong_arguments_are_told(arguments, message):
    with pytest.raises(UserError, match=f"^{message}"):
        MaskingModel(SOURCES, AUDIO, ModelConfig("spleeter", network_args=arguments))


def test_a_single_source_is_refused():
    with pytest.raises(UserError, match=r"^sources: found 1, wanted 2 sources or more"):
        MaskingModel(("vocals",), AUDIO, ModelConfig("spleeter"))


@pytest.mark.parametrize("extension", ["zeros", pytest.param("average", marks=pytest.mark.long)])
def test_chunks_on_the_grid_give_what_the_whole_song_gives(extension, excerpt):
    """A U-Net hears 255 frames to each side, and so far the context goes."""
    model = model_of(network_args={**UNETS, "mask_extension": extension})
    mixture = excerpt["mixture"][: 3007 * 64]
    plan = model.streaming(ALIGNED).rounds.plan
    assert (plan.chunk, plan.context, plan.round) == (64, 256, 512)  # six rounds
    whole = model.predict(mixture[np.newaxis], verbose=0)[0]
    stems = model.separate(mixture, ALIGNED)
    for stem, expected in zip(stems.values(), whole, strict=True):
        assert np.abs(stem - expected).max() < 1e-5 * np.abs(expected).max()


def test_chunks_off_the_grid_have_no_seams(excerpt):
    """Where a segment ends Spleeter's masks jump; here they fade, wherever a chunk begins."""
    model = model_of()
    options = SeparationConfig(chunk_dur=1.0, context_dur=1.024, wiener_win_len=50)
    magnitude = tf.abs(model.stft(excerpt["mixture"][np.newaxis, :64000]))[0]
    rounds = model.streaming(options).rounds
    assert rounds.plan.chunk == 250
    whole = model.network(magnitude[tf.newaxis])[0]
    frames = magnitude.shape[0]
    masks, _ = rounds.masks(magnitude, Span(0, frames), rounds.start().hidden)
    masks = tf.transpose(masks, [1, 0, 2, 3])

    def steps(masks):
        return tf.reduce_mean(tf.abs(masks[:, 1:] - masks[:, :-1]), axis=[0, 2, 3]).numpy()

    borders = steps(masks)[249:frames:250]

    assert borders.max() < 1.2 * steps(whole).mean()


@pytest.mark.long
def test_some_sources_are_those_of_all(excerpt):
    model = model_of(network_args={**UNETS, "type": "softmax_unet"})
    mixture = excerpt["mixture"][:30000]
    every = model.separate(mixture)
    some = model.separate(mixture, SeparationConfig(targets=("rest", "drums")))
    assert list(some) == ["rest", "drums"]
    for name, stem in some.items():
        np.testing.assert_allclose(stem, every[name], atol=1e-6)


def test_a_model_is_saved_and_loaded(tmp_path, excerpt):
    model = model_of(mask_activation="softmax")
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    mixture = excerpt["mixture"][np.newaxis, :5000]
    np.testing.assert_allclose(again(mixture)["mask"], model(mixture)["mask"], atol=1e-6)
    made = Spleeter.from_config(model.network.get_config())
    assert made.get_config() == model.network.get_config()


@pytest.mark.parametrize(
    "policy", ["mixed_bfloat16", pytest.param("mixed_float16", marks=pytest.mark.long)]
)
def test_half_precision_is_near(policy, magnitude):
    exact, half = network(), network(dtype=policy)
    half.set_weights(exact.get_weights())
    found, expected = half(100 * magnitude), exact(100 * magnitude)
    assert found.dtype == tf.float32
    assert tf.reduce_mean(tf.abs(found - expected)) < 0.005
