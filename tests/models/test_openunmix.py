"""OpenUnmix against its published size and a NumPy statement of it."""

import numpy as np
import pytest
import tensorflow as tf
from keras.src.saving.serialization_lib import ObjectSharingScope

from mss_keras.config import SOURCES, ModelConfig
from mss_keras.models.masking import MaskingModel
from mss_keras.models.openunmix import OpenUnmix
from mss_keras.models.separate_openunmix import SeparateOpenUnmix


def torch_parameters(layer, hidden, directions=2):
    """Trainable parameters as torch counts them: its LSTM layers hold two biases, which add up."""
    ours = sum(int(np.prod(v.shape)) for v in layer.trainable_variables)
    return ours + 3 * directions * 4 * (hidden // directions)


@pytest.mark.parametrize(
    ("sources", "hidden", "published"), [(1, 512, 8_893_348), (4, 1024, 40_870_832)]
)
def test_parameters_are_those_published(sources, hidden, published):
    model = MaskingModel(SOURCES[:sources], model=ModelConfig(hidden_size=hidden))
    model.build()
    assert torch_parameters(model.network, hidden) == published


def reference(layer, magnitude):
    """The network as a row of formulas, in float64, from the layer's weights by name."""
    w = {v.path.split(layer.name + "/", 1)[1]: v.numpy().astype(np.float64) for v in layer.weights}

    def of(sub, name):
        return w[f"{sub.name}/{name}"]

    def norm(sub, x):
        scale = of(sub, "gamma") / np.sqrt(of(sub, "moving_variance") + 1e-5)
        return (x - of(sub, "moving_mean")) * scale + of(sub, "beta")

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def lstm(cell, x):
        kernel, recurrent, bias = cell
        units = recurrent.shape[0]
        h, c, out = np.zeros((x.shape[0], units)), np.zeros((x.shape[0], units)), []
        for n in range(x.shape[1]):
            i, f, g, o = np.split(x[:, n] @ kernel + h @ recurrent + bias, 4, axis=-1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            out.append(h)
        return np.stack(out, 1)

    batch, frames, channels, bins = magnitude.shape
    x = (magnitude[..., : layer.max_bin] + of(layer.input_affine, "shift")) * of(
        layer.input_affine, "scale"
    )
    x = x.reshape(batch, frames, -1) @ of(layer.encode, "kernel")
    encoded = x = np.tanh(norm(layer.encode_norm, x))
    for sub in layer.lstms:
        cells = [
            [v.numpy().astype(np.float64) for v in cell.weights]
            for cell in ([sub] if layer.unidirectional else [sub.forward_layer, sub.backward_layer])
        ]
        parts = [lstm(cells[0], x)]
        if not layer.unidirectional:
            parts.append(lstm(cells[1], x[:, ::-1])[:, ::-1])
        x = np.concatenate(parts, -1)
    x = np.concatenate([encoded, x], -1) @ of(layer.merge, "kernel")
    x = np.maximum(norm(layer.merge_norm, x), 0)
    masks = [
        norm(n, x @ of(h, "kernel")) for h, n in zip(layer.heads, layer.head_norms, strict=True)
    ]
    masks = np.stack(masks, 1).reshape(batch, -1, frames, channels, bins)
    scale, shift = of(layer.output_affine, "scale"), of(layer.output_affine, "shift")
    return np.maximum(masks * scale + shift, 0)


@pytest.mark.parametrize("unidirectional", [False, True])
@pytest.mark.parametrize("channels", [1, 2])
def test_equals_the_formulas(unidirectional, channels):
    rng = np.random.default_rng(1)
    layer = OpenUnmix(
        3,
        nb_channels=channels,
        nb_bins=33,
        max_bin=20,
        hidden_size=16,
        unidirectional=unidirectional,
    )
    magnitude = rng.uniform(0, 5, (2, 7, channels, 33)).astype(np.float32)
    layer(magnitude)
    for variable in layer.weights:  # away from the zeros and ones it starts with
        if variable.dtype == "float32":
            variable.assign(variable + rng.uniform(0.0, 0.3, variable.shape))
    ours = layer(magnitude).numpy()
    theirs = reference(layer, magnitude)
    assert ours.shape == (2, 3, 7, channels, 33)
    assert (theirs > 0).mean() > 0.1
    assert np.abs(ours - theirs).max() < 1e-4 * np.abs(theirs).max()


def test_unidirectional_does_not_look_ahead():
    layer = OpenUnmix(1, nb_channels=1, nb_bins=9, max_bin=9, hidden_size=8, unidirectional=True)
    one = np.random.default_rng(2).uniform(0, 1, (1, 10, 1, 9)).astype(np.float32)
    other = one.copy()
    other[:, 6:] = 0
    np.testing.assert_array_equal(layer(one)[:, :, :6], layer(other)[:, :, :6])
    assert np.any(layer(one)[:, :, 6:] != layer(other)[:, :, 6:])


def test_separate_networks_share_nothing():
    layer = SeparateOpenUnmix(2, nb_channels=1, nb_bins=9, max_bin=9, hidden_size=8)
    x = np.random.default_rng(3).uniform(0, 1, (1, 4, 1, 9)).astype(np.float32)
    before = layer(x).numpy()
    first = layer.networks[0]
    first.output_affine.shift.assign_add(tf.ones_like(first.output_affine.shift))
    after = layer(x).numpy()
    assert np.any(before[:, 0] != after[:, 0])
    np.testing.assert_array_equal(before[:, 1], after[:, 1])


def test_statistics_standardise_the_input():
    layer = OpenUnmix(1, nb_channels=1, nb_bins=9, max_bin=5, hidden_size=8)
    layer.build((None, None, 1, 9))
    mean, std = np.arange(1.0, 10.0), np.arange(2.0, 11.0)
    layer.set_statistics(mean, std)
    standard = layer.input_affine(tf.constant((mean + 3 * std)[:5], tf.float32))
    np.testing.assert_allclose(standard, 3.0, rtol=1e-5)


def test_wrong_channels_are_named():
    with pytest.raises(ValueError, match="channels=2"):
        OpenUnmix()(np.zeros((1, 4, 1, 2049), np.float32))


def test_half_precision_reads_loud_magnitudes():
    """Magnitudes beyond 65504 do not fit float16: the network standardises them in float32."""
    layer = OpenUnmix(1, nb_channels=1, nb_bins=9, max_bin=9, hidden_size=8, dtype="mixed_float16")
    layer.build((None, None, 1, 9))
    layer.set_statistics(np.full(9, 1e5), np.full(9, 1e4))
    mask = layer(np.full((1, 4, 1, 9), 1.2e5, np.float32))
    assert mask.dtype == tf.float32
    assert np.all(np.isfinite(mask))


def test_layers_of_a_model_that_is_loaded_are_its_own():
    """Keras takes layers for one and the same while it loads, where memory is used again."""
    with ObjectSharingScope():  # as keras.saving.load_model
        for _ in range(30):
            layer = OpenUnmix(1, nb_channels=1, nb_bins=9, max_bin=5, hidden_size=4)
            halves = [(lstm.forward_layer, lstm.backward_layer) for lstm in layer.lstms]
            assert len({id(half) for pair in halves for half in pair}) == 6


@pytest.mark.parametrize("frames", [5, 400])  # either way of normalising
def test_what_the_heads_share_gets_its_gradient_in_one_order(frames):
    """Sums of what is read several times are joined in an order that differs from run to run."""
    network = OpenUnmix(4, nb_channels=2, nb_bins=9, max_bin=7, hidden_size=6)
    network.build([None, None, 2, 9])
    shared = [network.output_affine.scale.value, network.output_affine.shift.value]

    @tf.function(autograph=False)
    def gradients(magnitude):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(magnitude, training=True) ** 2)
        return tape.gradient(loss, shared)

    graph = gradients.get_concrete_function(tf.ones([2, frames, 2, 9])).graph
    sums = [x for x in graph.get_operations() if x.type == "AddN"]
    assert sums
    widths = [len(x.inputs) for x in sums if x.outputs[0].shape.as_list() in ([9], [18])]
    assert max(widths, default=0) <= 2
