"""Songs in chunks are what they are whole."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from mss_keras.config import AudioConfig, ModelConfig, SeparationConfig, UserError
from mss_keras.models.chunks import Plan
from mss_keras.models.masking import MaskingModel

# Chunks of 40 frames with 173 of context: rounds and chunks within 6 s of music.
SHORT: dict[str, Any] = {"chunk_dur": 0.2, "context_dur": 1.0, "wiener_win_len": 20}


def build(architecture):
    config = ModelConfig(hidden_size=16, network=architecture)
    model = MaskingModel(("vocals", "drums", "rest"), AudioConfig(nfft=1024, nhop=256), config)
    model.build()
    return model


@pytest.fixture(scope="module")
def model():
    return build("joint")


def decibels(error, reference):
    return 10 * np.log10(np.sum(error**2) / np.sum(reference**2) + 1e-30)


def graph_of(streaming):
    """A song that is in memory, separated within a graph."""
    channels = streaming.audio.nb_channels

    @tf.function(input_signature=[tf.TensorSpec([None, channels], tf.float32)], autograph=False)
    def whole(mixture):
        def write(block, carried):
            return carried[0] + 1, carried[1].write(carried[0], block)

        count = streaming.blocks(tf.shape(mixture)[0])
        shape = [None, len(streaming.names), channels]
        blocks = tf.TensorArray(tf.float32, count, infer_shape=False, element_shape=shape)
        return streaming.each_block(mixture, write, (0, blocks))[1].concat()

    return whole


def remember(model):
    """Makes LSTM layers of four units a direction forget little."""
    for lstm in model.network.lstms:
        for layer in (lstm.forward_layer, lstm.backward_layer):
            layer.cell.bias.assign([0.0] * 4 + [6.0] * 4 + [0.0] * 8)


def in_blocks(waveform, size):
    return (waveform[i : i + size] for i in range(0, len(waveform), size))


@pytest.mark.parametrize("architecture", ["joint", "separate"])
def test_chunks_give_what_the_whole_song_gives(architecture, excerpt):
    model = build(architecture)
    mixture = excerpt["mixture"]
    stems = model.separate(mixture, SeparationConfig(**SHORT))
    whole = model.predict(mixture[np.newaxis], verbose=0)[0]
    assert model.streaming(SeparationConfig(**SHORT)).round * 3 < len(mixture)
    for stem, expected in zip(stems.values(), whole, strict=True):
        assert decibels((stem - expected)[44100:-44100], expected[44100:-44100]) < -50


def test_masks_fade_from_chunk_to_chunk():
    """By the definition, with a network that hears each chunk and its context alone."""
    audio = AudioConfig(sample_rate=512, nb_channels=1, nfft=32, nhop=8)
    model = MaskingModel(("a", "b"), audio, ModelConfig(hidden_size=8))
    model.build()
    remember(model)  # so that the masks of two chunks differ
    options = SeparationConfig(**{**SHORT, "chunk_dur": 1.0})
    mixture = np.random.default_rng(3).uniform(-1, 1, [1, 5003, 1]).astype(np.float32)
    stems = np.stack(list(model.separate(mixture[0], options).values()))
    spectrogram = model.stft(tf.constant(mixture))
    magnitude, frames = tf.abs(spectrogram), spectrogram.shape[1]
    chunk, context, fade, _ = Plan.of(model.audio, options)
    assert (chunk, context, fade, frames) == (60, 64, 20, 626)  # rounds of 480, and a last chunk
    expected = np.zeros([2, frames, 1, 17], np.float32)
    for begin in range(0, frames, chunk):
        # At the song's end the network hears no more than what is left and the context before.
        left = frames - begin // (8 * chunk) * 8 * chunk
        heard = min(chunk + 2 * context, left + (context if begin >= 8 * chunk else 0))
        start = min(max(0, begin - context), frames - heard)
        masks = model.network(magnitude[:, start : start + heard], training=False)[0].numpy()
        masks = masks[:, begin - start : begin - start + chunk + fade]
        ramp = (np.arange(fade) + 0.5) / fade if begin else np.ones(fade)
        weights = np.concatenate([ramp, np.ones(chunk - fade), 1 - (np.arange(fade) + 0.5) / fade])
        length = masks.shape[1]
        expected[:, begin : begin + length] += masks * weights[:length, np.newaxis, np.newaxis]
    whole = model.decode(tf.constant(expected[np.newaxis]), spectrogram, tf.constant(5003))[0]
    np.testing.assert_allclose(stems, whole, atol=1e-5)


def test_hops_of_half_a_window_at_every_length_modulo_the_hop():
    """In memory, in blocks and whole; masks would amplify an end that one frame alone covers."""
    audio = AudioConfig(sample_rate=512, nb_channels=1, nfft=32, nhop=16)
    model = MaskingModel(("a", "b"), audio, ModelConfig(hidden_size=8, bandwidth=256))
    model.build()
    streaming = model.streaming(SeparationConfig(**{**SHORT, "chunk_dur": 1.0}))
    in_graph = graph_of(streaming)
    for samples in (5, 16, 17, 41, *range(2800, 2816)):
        waveform = np.random.default_rng(samples).uniform(-1, 1, [samples, 1]).astype(np.float32)
        stems = np.concatenate(list(streaming.stream(in_blocks(waveform, 700))))
        np.testing.assert_allclose(in_graph(tf.constant(waveform)).numpy(), stems, atol=1e-5)
        assert np.abs(stems[-16:]).max() < 2
        if samples < 2800:
            whole = model.stems(waveform[np.newaxis]).numpy()[0].swapaxes(0, 1)
            np.testing.assert_allclose(stems, whole, atol=1e-5)


@pytest.mark.parametrize("niter", [0, 1])
def test_chunks_may_fall_anywhere(model, excerpt, niter):
    """The Wiener filter's windows stay where they are whatever the chunks."""
    stems = [
        np.stack(
            list(
                model.separate(
                    excerpt["mixture"],
                    SeparationConfig(**{**SHORT, "chunk_dur": chunk}, niter=niter),
                ).values()
            )
        )
        for chunk in (0.2, 30.0)
    ]
    short, long = (waveforms[:, 44100:-44100] for waveforms in stems)
    assert decibels(short - long, long) < -50


@pytest.mark.parametrize("options", [{"niter": 1}, {"targets": ("drums",), "residual": "r"}])
def test_as_many_samples_as_came_in_whatever_the_blocks(model, excerpt, options):
    streaming = model.streaming(SeparationConfig(**SHORT, **options))
    whole = graph_of(streaming)
    for samples in (0, 1, 100, 512, 513, 514, 30000, 90000):
        mixture = excerpt["mixture"][20000 : 20000 + samples]
        in_graph = whole(tf.constant(mixture)).numpy()
        assert in_graph.shape == (samples, len(streaming.names), 2)
        assert np.isfinite(in_graph).all()
        for size in (777, 10**6):
            parts = list(streaming.stream(in_blocks(mixture, size)))
            np.testing.assert_allclose(np.concatenate(parts), in_graph, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"niter": 1}])
@pytest.mark.parametrize("hop", [8, 16])
def test_a_part_is_cut_from_the_whole(options, hop):
    """In the first chunk and the last, at the borders of chunks and rounds, and beyond the end."""
    audio = AudioConfig(sample_rate=512, nb_channels=1, nfft=32, nhop=hop)
    model = MaskingModel(("a", "b"), audio, ModelConfig(hidden_size=8))
    model.build()
    remember(model)  # what is far away is heard
    settings = SeparationConfig(**{**SHORT, "chunk_dur": 1.0}, **options)
    streaming = model.streaming(settings)
    song = np.random.default_rng(0).uniform(-1, 1, [9001, 1]).astype(np.float32)
    whole = np.concatenate(list(streaming.stream([song])))
    border = streaming.round
    for begin, end in (
        *(
            (0, 10),
            (0, 400),
            (5, 6),
            (700, 2000),
            (1279, 1300),
            (3000, None),
            (8990, 9001),
            (8999, 20000),
        ),
        *((x + border, x + border + 50) for x in (-40, -17, -16, -1, 0, 1, 15, 16, 17, 100, 340)),
    ):
        origin = streaming.origin(begin)
        assert begin - origin <= border + 3 * 512  # a round, a chunk and the context
        parts = list(streaming.stream(in_blocks(song[origin:], 700), begin=begin, end=end))
        np.testing.assert_allclose(np.concatenate(parts), whole[begin:end], atol=1e-5)
    origin = streaming.origin(20000)
    assert sum(map(len, streaming.stream([song[origin:]], begin=20000))) == 0


@pytest.mark.parametrize(
    "options",
    [{"niter": 1}, {"niter": 2, "softmask": True}, {"residual": "r"},
     {"targets": ("drums", "vocals"), "residual": "rest", "niter": 1}],
)  # fmt: skip
def test_stems_sum_to_the_mixture(model, excerpt, options):
    mixture = excerpt["mixture"][:100000]
    stems = model.separate(mixture, SeparationConfig(**SHORT, **options))
    if "targets" in options:
        assert list(stems) == ["drums", "vocals", "rest"]
    assert decibels(sum(stems.values()) - mixture, mixture) < -60


def test_sum_where_every_mask_is_zero(excerpt):
    model = MaskingModel(("a", "b"), AudioConfig(nfft=512, nhop=128), ModelConfig(hidden_size=8))
    model.build()
    model.network.output_affine.scale.assign(tf.zeros_like(model.network.output_affine.scale))
    mixture = excerpt["mixture"][:10000]
    stems = model.separate(mixture, SeparationConfig(niter=1))
    assert decibels(stems["a"] + stems["b"] - mixture, mixture) < -60


def test_targets_are_those_of_all(model, excerpt):
    mixture = excerpt["mixture"][:30000]
    every = model.separate(mixture)
    some = model.separate(mixture, SeparationConfig(targets=("rest", "vocals")))
    assert list(some) == ["rest", "vocals"]
    for name, stem in some.items():
        np.testing.assert_allclose(stem, every[name], atol=1e-6)


def test_silence_is_silence(model):
    stems = model.separate(np.zeros((5000, 2)), SeparationConfig(niter=1))
    assert all(not stem.any() for stem in stems.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": ("flute",)}, "^targets: found 'flute', wanted one of vocals, drums, rest"),
        ({"residual": "vocals"}, "^residual: found the target vocals, wanted another name"),
        (
            {"targets": ("drums",), "niter": 1},
            "^niter: found 1 for a single stem, wanted 0, more `targets` or a `residual`",
        ),
    ],
)
def test_options_that_the_model_does_not_go_with(model, options, message):
    with pytest.raises(UserError, match=message):
        model.streaming(SeparationConfig(**options))


CODE = """
import numpy as np
from mss_keras.config import AudioConfig, ModelConfig, SeparationConfig
from mss_keras.models.masking import MaskingModel

def song(seconds):
    for _ in range(seconds):
        yield np.zeros([44100, 2], np.float32)

model = MaskingModel(("a", "b"), AudioConfig(), ModelConfig(hidden_size=8))
model.build()
streaming = model.streaming(SeparationConfig(chunk_dur=3.0, context_dur=1.0, niter=1))
for seconds in (300, 300, 500):  # the heap settles
    samples = sum(len(block) for block in streaming.stream(song(seconds)))
    assert samples == seconds * 44100
    with open("/proc/self/status") as file:
        print(next(x.split()[1] for x in file if x.startswith("VmHWM:")))
"""


@pytest.mark.long
def test_memory_does_not_grow_with_the_song():
    result = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=300
    )
    _, first, second = map(int, result.stdout.split())
    stems = 2 * 200 * 44100 * 2 * 4 / 1024  # of 200 seconds more, KiB
    assert second - first < 0.4 * stems, (first, second)
