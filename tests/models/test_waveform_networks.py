"""Any Keras layer from waveforms to waveforms is a network."""

import dataclasses
import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from mss_keras.config import AudioConfig, ModelConfig, SeparationConfig, UserError
from mss_keras.models.masking import MaskingModel
from mss_keras.models.model import SeparationModel
from mss_keras.models.network import Traits, refuse_idle, traits_of

AUDIO = AudioConfig(nfft=512, nhop=128)
SOURCES = ("vocals", "drums", "rest")
SHORT = SeparationConfig(chunk_dur=0.3, context_dur=1.0, wiener_win_len=20)
README = Path(__file__).parents[2] / "mss_keras/models/README.md"


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The name of the class that the README shows, in a module of its own."""
    (code,) = re.findall(r'```python\n("""my_waveforms.py.*?)```', README.read_text(), re.DOTALL)
    (tmp_path / "my_waveforms.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    yield "my_waveforms:Dilated"
    sys.modules.pop("my_waveforms", None)


class Wrong(keras.layers.Layer):
    """Estimates that are wrong in one way or another."""

    domain = "waveform"

    def __init__(self, nb_sources, nb_channels, fault, **kwargs):
        super().__init__(**kwargs)
        self.nb_sources, self.fault = nb_sources, fault

    def call(self, mixture):
        estimates = ops.stack([mixture] * self.nb_sources, axis=1)
        return {
            "shorter": lambda: estimates[:, :, 4:],
            "longer": lambda: ops.pad(estimates, [[0, 0], [0, 0], [0, 3], [0, 0]]),
            "sources": lambda: estimates[:, 1:],
            "channels": lambda: estimates[..., :1],
            "batch": lambda: estimates[:1],
            "two": lambda: (estimates, estimates),
            "silence": lambda: estimates / ops.max(estimates, [1, 2, 3], keepdims=True),
            "none": lambda: None,
        }[self.fault]()


class Spectral(keras.layers.Layer):
    domain = "spectrum"


FILTER = "waveform_layers:Filter"


def model_of(network, audio=AUDIO, kind=SeparationModel, policy="float32", **settings):
    keras.utils.set_random_seed(1)
    model = kind(SOURCES, audio, ModelConfig(network=network, **settings), policy=policy)
    model.build()
    return model


def separated(model, mixture, options=SeparationConfig(), **part):
    return np.concatenate(list(model.streaming(options).stream([mixture], **part)))


@pytest.mark.parametrize("length", [1, 100, 13440, 53760, 120003])
def test_songs_in_chunks_are_the_whole_song(length, excerpt):
    model, mixture = model_of(FILTER), excerpt["mixture"][:length]
    streaming = model.streaming(SHORT)
    assert (streaming.chunk, streaming.round) == (12800, 12800)
    assert streaming.fade == 20 * 128
    whole = np.moveaxis(model.stems(mixture[np.newaxis])[0], 0, 1)
    found = separated(model, mixture, SHORT)
    np.testing.assert_allclose(found, whole, atol=1e-5 * np.abs(whole).max())


@pytest.mark.parametrize("length", [60000, 25700, 25601])  # the last chunk is a short one
def test_chunks_fade_where_the_context_ends(excerpt, length):
    """With statistics of all that it hears, a layer gives each chunk something else."""
    model, mixture = model_of(f"{__name__}:Level"), excerpt["mixture"][:length]
    options = dataclasses.replace(SHORT, context_dur=1.0)
    streaming = model.streaming(options)
    chunk, context = streaming.chunk, streaming.context
    expected = np.zeros([*mixture.shape, 1])
    before = None
    for begin in range(0, len(mixture), chunk):
        level = np.abs(mixture[max(0, begin - context) : begin + chunk + context]).mean()
        expected[begin : begin + chunk] = level
        if before is not None:
            fade = min(streaming.fade, length - begin)
            ramp = (np.arange(fade) + 0.5) / fade
            expected[begin : begin + fade] = (before + (level - before) * ramp)[:, None, None]
        before = level
    found = separated(model, mixture, options)[:, :1]
    np.testing.assert_allclose(found[:, 0], expected[..., 0], rtol=5e-6)
    assert length < 60000 or np.abs(np.diff(found[:, 0, 0])).max() < 1e-4


class Level(keras.layers.Layer):
    """The mean modulus of all that is heard, as every sample."""

    domain = "waveform"

    def __init__(self, nb_sources, nb_channels, **kwargs):
        super().__init__(**kwargs)
        self.nb_sources = nb_sources

    def call(self, mixture):
        level = ops.mean(ops.abs(mixture), axis=[1, 2], keepdims=True)
        return ops.stack([level + 0 * mixture] * self.nb_sources, axis=1)


def test_zeros_follow_a_song_that_is_too_short_to_be_reflected():
    model = model_of(f"{__name__}:Level")
    found = model.stems(tf.ones([1, 3, 2]))
    np.testing.assert_allclose(found, np.full([1, 3, 3, 2], 3 / 257), rtol=1e-6)
    np.testing.assert_allclose(model.stems(tf.ones([1, 300, 2])), 1.0, rtol=1e-6)


def test_parts_and_blocks_of_any_length_are_those_of_the_song(excerpt):
    model, mixture = model_of(f"{__name__}:Level"), excerpt["mixture"][:70000]
    whole = separated(model, mixture, SHORT)
    streaming = model.streaming(SHORT)
    for begin, end in [(0, 5), (12800, 25600), (15359, 39001), (16000, None), (69999, 90000)]:
        origin = streaming.origin(begin)
        blocks = np.array_split(mixture[origin:], 11)
        found = np.concatenate(list(streaming.stream(blocks, begin=begin, end=end)))
        np.testing.assert_array_equal(found, whole[begin:end])
    assert streaming.origin(12800 * 9 + 12000) == 12800 * 9 - streaming.context
    read = iter(np.array_split(mixture, 70))
    list(streaming.stream(read, begin=0, end=100))
    assert len(list(read)) > 10  # a part is over before the song is
    behind = list(streaming.stream([mixture[streaming.origin(80000) :]], begin=80000, end=90000))
    assert sum(map(len, behind)) == 0


def test_a_graph_gives_the_same(excerpt):
    model, mixture = model_of(FILTER), excerpt["mixture"][:40000]
    options = dataclasses.replace(SHORT, targets=("rest", "vocals"), residual="others")
    streaming = model.streaming(options)
    expected = separated(model, mixture, options)
    np.testing.assert_allclose(expected.sum(1), mixture, atol=1e-6)

    @tf.function
    def graph(waveform):
        array = tf.TensorArray(tf.float32, streaming.blocks(tf.shape(waveform)[0]),
                               infer_shape=False, element_shape=[None, 3, 2])  # fmt: skip

        def add(block, carried):
            return carried[0] + 1, carried[1].write(carried[0], block)

        return streaming.each_block(waveform, add, (0, array))[1].concat()

    np.testing.assert_allclose(graph(tf.constant(mixture)), expected, atol=1e-6)
    assert [int(streaming.blocks(tf.constant(n))) for n in (0, 1, 12800, 12801)] == [0, 1, 1, 2]
    for index, song in enumerate(batch := np.stack([mixture[:9000], mixture[9000:18000]])):
        found = streaming.at_once(tf.constant(batch))(index)
        np.testing.assert_allclose(found, separated(model, song, options), atol=1e-5)
    stems = model.separate(mixture, options)
    assert list(stems) == ["rest", "vocals", "others"]
    np.testing.assert_array_equal(stems["vocals"], expected[:, 1])


def test_the_readme_s_class(mine, excerpt, tmp_path):
    model = model_of(mine, network_args={"width": 4, "depth": 6})
    mixture = excerpt["mixture"][:60000]
    whole = model.predict(mixture[np.newaxis], verbose=0)[0]
    stems = model.separate(mixture, SHORT)
    assert list(stems) == list(SOURCES)
    for stem, expected in zip(stems.values(), whole, strict=True):
        assert np.abs(stem - expected).max() < 1e-4 * np.abs(expected).max()
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    some = mixture[np.newaxis, :3000]
    np.testing.assert_allclose(again.stems(some), model.stems(some), atol=1e-6)


def test_it_computes_in_half_precision():
    model = model_of(FILTER, policy="mixed_bfloat16")
    assert model.network.layer.encode.compute_dtype == "bfloat16"
    found = model(tf.ones([1, 700, 2]))["estimates"]
    assert found.dtype == tf.float32
    assert keras.config.dtype_policy().name == "float32"


def test_numbers_of_64_bits_are_heard():
    parts = model_of(FILTER)(np.ones([1, 700, 2]))
    assert {part.dtype for part in parts.values()} == {tf.float32}


def test_it_gets_training_and_statistics_if_it_takes_them():
    model = model_of(FILTER)
    assert not model.network.layer.trained
    model(tf.zeros([1, 700, 2]), training=True)
    assert model.network.layer.trained
    model.network.set_statistics(np.zeros(257), np.ones(257))
    assert model.network.layer.statistics[1].sum() == 257
    other = model_of(f"{__name__}:Level")
    other.network.set_statistics(np.zeros(257), np.ones(257))


class Slow(keras.layers.Layer):
    """Recurrent layers, a step in a hundred samples."""

    domain = "waveform"

    def __init__(self, nb_sources, nb_channels, **kwargs):
        super().__init__(**kwargs)
        self.nb_sources = nb_sources
        self.both = keras.layers.Bidirectional(keras.layers.LSTM(2, return_sequences=True))
        self.gru = keras.layers.GRU(nb_channels, return_sequences=True)

    def call(self, mixture):
        x = self.gru(self.both(mixture[:, ::100]))
        x = ops.repeat(x, 100, axis=1)[:, : ops.shape(mixture)[1]]
        return ops.stack([x] * self.nb_sources, axis=1)


def test_a_graph_that_runs_anywhere_has_no_layer_of_cudnn_s():
    model = model_of(f"{__name__}:Slow")
    layer = model.network.layer
    every = [layer.gru, layer.both.forward_layer, layer.both.backward_layer]
    before = [each.use_cudnn for each in every]
    assert all(before)
    with model.portable():
        assert not any(each.use_cudnn for each in every)
    assert [each.use_cudnn for each in every] == before


def test_what_a_class_tells_before_it_is_made(mine):
    assert traits_of(mine) == Traits("waveform", ("network_args",), False)
    assert traits_of(FILTER).takes_statistics
    assert traits_of("keras.layers:Dense") == Traits(
        "magnitude", ("network_args", "mask_activation"), False
    )
    assert not traits_of("spleeter").takes_statistics
    assert traits_of("joint") == traits_of("separate")
    assert "hidden_size" in traits_of("joint").settings
    assert "hidden_size" not in traits_of("spleeter").settings


@pytest.mark.parametrize(
    ("network", "settings", "refused"),
    [
        (FILTER, {"hidden_size": 8}, "hidden_size: found 8 with .*:Filter, wanted none: it takes"),
        (FILTER, {"dropout": 0.1}, "dropout: found 0.1 with "),
        (FILTER, {"unidirectional": True}, "unidirectional: found True with "),
        (FILTER, {"bandwidth": 7000.0}, "bandwidth: found 7000.0 with "),
        (FILTER, {"mask_activation": "softmax"}, "mask_activation: found softmax with "),
        ("spleeter", {"hidden_size": 8}, "hidden_size: found 8 with spleeter, wanted none: it t"),
        ("keras.layers:Dense", {"dropout": 0.1}, "dropout: found 0.1 with keras.layers:Dense"),
        (FILTER, {"network_args": {"stride": 2}}, None),
        ("spleeter", {"bandwidth": 8000.0, "mask_activation": "softmax"}, None),
        ("keras.layers:Dense", {"mask_activation": "sigmoid"}, None),
        ("joint", {"hidden_size": 8, "dropout": 0.1, "bandwidth": 4000.0}, None),
    ],
)
def test_settings_that_a_network_does_not_take_are_refused(network, settings, refused):
    config = ModelConfig(network, **settings)
    low = AudioConfig(sample_rate=16000)
    if refused is None:
        refuse_idle(config.at(16000), low)
        return
    with pytest.raises(UserError, match=f"^{refused}"):
        refuse_idle(config.at(16000), low)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("shorter", r"gives \[2, 3, 509, 2\], wanted estimates \[2, 3, 513, 2\] of 513 samples"),
        ("longer", r"gives \[2, 3, 516, 2\], wanted estimates"),
        ("sources", r"gives \[2, 2, 513, 2\], wanted estimates"),
        ("channels", r"gives \[2, 3, 513, 1\], wanted estimates"),
        ("batch", r"gives \[1, 3, 513, 2\], wanted estimates"),
        ("two", r"gives \['tuple'\], wanted estimates"),
        ("none", r"gives \['NoneType'\], wanted estimates"),
        ("silence", "makes NaN of silence and noise, wanted finite values"),
    ],
)
def test_wrong_estimates_are_told_when_it_is_built(fault, message):
    with pytest.raises(UserError, match=f"^network: found Wrong that {message}"):
        model_of(f"{__name__}:Wrong", network_args={"fault": fault})


@pytest.mark.parametrize(
    ("network", "arguments", "message"),
    [
        (f"{__name__}:Spectral", {}, "network: found .*:Spectral, of domain 'spectrum', wanted m"),
        (FILTER, {"a": 1}, "network_args: found Filter: .*'a'"),
        (FILTER, {"nb_sources": 1}, "network_args.nb_sources: found 1, wanted none"),
        (f"{__name__}:model_of", {}, "network: found '.*:model_of', wanted a class of Keras lay"),
    ],
)
def test_wrong_classes_are_told(network, arguments, message):
    with pytest.raises(UserError, match=f"^{message}"):
        model_of(network, network_args=arguments)


def test_a_masking_model_wants_masks():
    with pytest.raises(UserError, match=r"^network: found .*:Filter, of waveforms, wanted one th"):
        model_of(FILTER, kind=MaskingModel)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"niter": 1}, "niter: found 1 with a network of waveforms, wanted it with"),
        ({"softmask": True}, "softmask: found True with a network of waveforms"),
        ({"targets": ("vocal",)}, r"targets: found 'vocal' \(did you mean vocals\?\)"),
        ({"residual": "drums"}, "residual: found the target drums, wanted another name"),
    ],
)
def test_wrong_options_are_told(options, message):
    with pytest.raises(UserError, match=f"^{message}"):
        model_of(FILTER).streaming(SeparationConfig(**options))
