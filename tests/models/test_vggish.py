"""VGGish: its layers, and its weights out of a module like TF-Hub's."""

import functools
import http.server
import threading

import numpy as np
import pytest
import scipy.signal
import tensorflow as tf
import vggish_module

from mss_keras.config import FEATURE_LAYERS, AudioConfig, UserError
from mss_keras.models import hub, vggish
from mss_keras.models.vggish import DeepFeatures, VGGish
from mss_keras.signal.mel import waveform_patches
from mss_keras.signal.stft import centred_stft


@pytest.fixture(scope="module")
def network():
    """The convolutions, of random weights."""
    return VGGish(vggish_module.conv_weights())


def patches(count=2):
    return tf.random.stateless_normal([count, 96, 64], [1, 2])


def test_layers_that_can_be_read(network):
    shapes = {
        "conv1": (96, 64, 64), "conv2": (48, 32, 128), "conv3_1": (24, 16, 256),
        "conv3_2": (24, 16, 256), "conv4_1": (12, 8, 512), "conv4_2": (12, 8, 512),
    }  # fmt: skip
    assert tuple(shapes) == FEATURE_LAYERS
    found = network.features(patches(), list(shapes))
    assert [tuple(x.shape) for x in found] == [(2, *shape) for shape in shapes.values()]
    assert all(float(tf.reduce_min(x)) == 0 for x in found)  # behind the ReLU
    low = network.features(patches(), ["conv3_1", "conv1"])  # in the order asked for
    np.testing.assert_array_equal(low[1], found[0])
    np.testing.assert_array_equal(low[0], found[2])


def test_layers_above_the_highest_chosen_are_neither_computed_nor_kept(network):
    graph = tf.function(lambda x: network.features(x, ["conv2"])).get_concrete_function(patches())
    assert [op.type for op in graph.graph.get_operations()].count("Conv2D") == 2
    features = DeepFeatures(
        vggish_module.conv_weights(), AudioConfig(), ["conv2", "conv1"], description={}
    )
    assert list(features.network.layers) == ["conv1", "conv2"]


def test_nothing_of_it_is_trainable(network):
    for layer in network.layers.values():
        assert layer.trainable_variables == []
        assert layer.dtype == "float32"


def test_features_in_float32_of_half_precision_magnitudes():
    features = DeepFeatures(
        vggish_module.conv_weights(), AudioConfig(nfft=512, nhop=256), ["conv1"],
        description={}, note=lambda line: None,
    )  # fmt: skip
    (maps,) = features(tf.ones([2, 3, 50, 2, 257], tf.bfloat16))
    assert maps.dtype == tf.float32
    assert maps.shape == (2, 3, 1, 96, 64, 64)


# With random weights; with those of TF-Hub it has not been measured.
FEATURE_AGREEMENT = {"mixture": 0.96, "vocals": 0.97, "drums": 0.95, "bass": 0.98, "other": 0.95}


@pytest.mark.parametrize("name", FEATURE_AGREEMENT)
def test_features_of_magnitudes_agree_with_those_of_the_waveform(network, stems, name):
    """Correlation of conv4_2 on the excerpt, at the default STFT."""
    features = DeepFeatures(
        vggish_module.conv_weights(), AudioConfig(), ["conv4_2"], description={}, note=pytest.fail
    )
    spectrogram = centred_stft(tf.constant(stems[name][None, None]), 4096, 1024)
    found = features(tf.abs(spectrogram))[0]
    waveform = scipy.signal.resample_poly(stems[name].mean(1), 160, 441)
    own = waveform_patches(tf.constant(waveform, tf.float32))
    (expected,) = network.features(own, ["conv4_2"])
    correlation = np.corrcoef(np.ravel(found), np.ravel(expected))[0, 1]
    assert correlation > FEATURE_AGREEMENT[name]


def check(weights):
    """The weights that were loaded are those that the module was made of."""
    expected = vggish_module.random_weights(only="vggish/conv")
    for path, pair in expected.items():
        for found, value in zip(weights[path.split("/")[-1]], pair, strict=True):
            np.testing.assert_array_equal(found, value)
    assert list(weights)[-3:] == ["fc1_1", "fc1_2", "fc2"]


def test_loaded_from_a_folder(vggish):
    notes: list[str] = []
    check(hub.load(str(vggish), notes.append))
    (note,) = notes  # random weights are not the published ones
    assert "its embeddings of a 1 kHz sine have mean -0.0254" in note
    assert "not the published weights?" in note


def test_loaded_from_an_archive(vggish, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "_PUBLISHED", ((-0.0254, 0.435),))
    path = vggish_module.archive(vggish, tmp_path / "vggish_1.tar.gz")
    check(hub.load(str(path), pytest.fail))


@pytest.mark.long
def test_loaded_by_its_handle_into_the_cache(vggish, tmp_path, monkeypatch):
    """From a server that does as the hub does; the second time without it."""
    vggish_module.archive(vggish, tmp_path / "1")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    handle = f"http://127.0.0.1:{server.server_port}/1"
    try:
        check(hub.load(handle, lambda line: None))
    finally:
        server.shutdown()
        server.server_close()
    assert list((tmp_path / "cache").glob("*/saved_model.pb"))
    hub.load(handle, lambda line: None)


def test_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    with pytest.raises(UserError) as caught:
        hub.load("http://127.0.0.1:9/google/vggish/1")
    line = str(caught.value)
    assert line.startswith(
        "vggish: found http://127.0.0.1:9/google/vggish/1, which cannot be fetched ("
    )
    assert "a file fetched from http://127.0.0.1:9/google/vggish/1?tf-hub-format=compressed" in line


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nothing", None, "which is no file or folder"),
        ("x.tar.gz", b"hello", "which cannot be unpacked ("),
        ("folder", {}, "which holds 0 files saved_model.pb"),
        ("folder", {"saved_model.pb": b"hello"}, "which cannot be loaded ("),
    ],
)
def test_what_is_no_saved_model(tmp_path, name, content, message):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.mkdir()
        for file, value in content.items():
            (path / file).write_bytes(value)
    with pytest.raises(UserError) as caught:
        hub.load(str(path))
    line = str(caught.value)
    assert line.startswith(f"vggish: found {path}, {message}")
    assert "wanted a TF-Hub handle, or the SavedModel of google/vggish/1" in line
    assert "\n" not in line


class Silent(tf.Module):
    """The variables, and nothing to call."""

    def __init__(self, module):
        super().__init__()
        self._variables = module._variables


class Softer(vggish_module.Module):
    def features(self, waveform):
        return super().features(0.9 * waveform)


class Shorter(vggish_module.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def __call__(self, waveform):
        return tf.zeros([2, 128])


class Other(vggish_module.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
    def __call__(self, waveform):
        return waveform


@pytest.fixture
def narrow(monkeypatch):
    """Weights of a VGGish of few channels; our network's shapes are told the same."""
    shapes, last = {}, 1
    for path, shape in vggish_module.SHAPES.items():
        first = 6 * 4 * last if path == "vggish/fc1/fc1_1" else last
        last = 128 if path == "vggish/fc2" else 3
        shapes[path] = (*shape[:-2], first, last)
        monkeypatch.setitem(vggish.KERNELS, path.split("/")[-1], shapes[path])
    monkeypatch.setattr(vggish_module, "SHAPES", shapes)
    return vggish_module.random_weights()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda w: {**w, "vggish/conv2": (w["vggish/conv2"][0][:1], w["vggish/conv2"][1])},
            r"lacks the variables vggish/conv2/weights of shape \(3, 3, 3, 3\) \(found \(1, 3, 3",
        ),
        (
            lambda w: {path: pair for path, pair in w.items() if "fc" not in path},
            "lacks the variables vggish/fc1/fc1_1/weights, vggish/fc1/fc1_1/biases, vggish/fc1/fc",
        ),
        (lambda w: Silent(vggish_module.Module(w)), "lacks a __call__ that takes a waveform"),
        (Softer, "whose embeddings and those of our network with its weights differ by "),
        (Shorter, r"gives shape \(2, 128\), our network \(3, 128\)"),
        (Other, r"cannot be called with a waveform \("),
    ],
    ids=["shape", "variables", "call", "embeddings", "patches", "signature"],
)
def test_a_wrong_saved_model_is_refused_by_what_it_lacks(narrow, tmp_path, change, message):
    changed = change(narrow)
    module = vggish_module.Module(changed) if isinstance(changed, dict) else changed
    vggish_module.save(tmp_path / "module", module)
    with pytest.raises(UserError, match=message) as caught:
        hub.load(str(tmp_path / "module"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_narrow_module_that_is_right_is_taken(narrow, tmp_path):
    """So that the refusals above are for what they say."""
    vggish_module.save(tmp_path / "module", vggish_module.Module(narrow))
    weights = hub.load(str(tmp_path / "module"), lambda line: None)
    np.testing.assert_array_equal(weights["fc2"][0], narrow["vggish/fc2"][0])
