"""The SavedModel gives what the separator gives, in a process without Keras, and only core ops."""

import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile
import tensorflow as tf
from exported import ALL, make_separator, signature_of
from stand_in import Refused
from tensorflow_serving.apis import prediction_log_pb2

from mss_keras.config import (
    AudioConfig,
    ModelConfig,
    SeparationConfig,
    ServingConfig,
    UserError,
)
from mss_keras.models.masking import MaskingModel
from serving import card, checks, export, inputs, protos, warmup
from serving.interface import Interface
from serving.signatures import Signatures

RATE = 44100


def wav(waveform, subtype="PCM_16", rate=RATE):
    file = io.BytesIO()
    soundfile.write(file, waveform, rate, subtype, format="WAV")
    return file.getvalue()


def unfinished(samples):
    """As a program leaves it that was killed while it recorded."""
    file = bytearray(wav(np.full([samples, 2], 0.5)))
    file[40:44] = bytes(4)
    return bytes(file)


def empty_chunks(count):
    file = wav(np.zeros([9, 2]))
    return file[:12] + b"JUNK\0\0\0\0" * count + file[12:]


@pytest.fixture(scope="module")
def songs(exported, stems):
    """Two songs [batch, samples, channels] of several rounds, and their stems."""
    mixture = stems["mixture"]
    songs = np.stack([mixture[:132300], mixture[60000:192300][:, ::-1]])
    expected = [exported.separate(song) for song in songs]
    return songs, {name: np.stack([song[name] for song in expected]) for name in expected[0]}


def test_waveforms_in_the_loader_of_the_server(exported, songs, tmp_path):
    waveform, expected = songs
    found = exported.native("serving_default", waveform, tmp_path)
    assert set(found) == {"vocals", "rest"}
    for name, stem in expected.items():
        np.testing.assert_allclose(found[name], stem, atol=1e-4)
        assert np.abs(stem).max() > 0.1


def test_files_in_the_loader_of_the_server(exported, songs, tmp_path):
    first, second = songs[0]
    # With a chunk in front of the samples, as many programs write it.
    files = [wav(first[:100001]), wav(second)]
    extra = b"LIST" + (5).to_bytes(4, "little") + b"hello\0"
    files[0] = files[0][:12] + extra + files[0][12:]
    found = exported.native("separate_wav", np.array(files, object), tmp_path)
    for index, file in enumerate(files):
        heard, _ = soundfile.read(io.BytesIO(file), dtype="float32")
        for name, stem in exported.separate(heard).items():
            with soundfile.SoundFile(io.BytesIO(found[f"{name}_bytes"][index])) as made:
                assert (made.samplerate, made.subtype) == (RATE, "PCM_16")
                np.testing.assert_allclose(made.read(), np.clip(stem, -1, 1), atol=1e-4)


@pytest.mark.long
def test_waveforms_in_saved_model_cli(exported, songs, tmp_path):
    waveform, expected = songs
    np.save(tmp_path / "waveform.npy", waveform)
    command = [Path(sys.executable).with_name("saved_model_cli"), "run", "--dir", exported.path]
    command += ["--tag_set", "serve", "--signature_def", "serving_default"]
    command += ["--inputs", f"waveform={tmp_path / 'waveform.npy'}", "--outdir", tmp_path]
    subprocess.run([*map(str, command)], check=True, capture_output=True, timeout=120)
    for name, stem in expected.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), stem, atol=1e-4)


@pytest.fixture(scope="module")
def ask(stand_in):
    """Runs a signature in this process, as a session over the SavedModel."""
    servable = stand_in.servables["open_unmix"][1]

    def run(signature, value):
        (name,) = servable.signatures[signature].inputs
        value = np.array(value, object) if isinstance(value, list) else value
        return servable.predict(signature, {name: value})

    return run


def test_masks_are_the_network_s(exported, songs, ask):
    model = exported.separator
    spectrogram = model.stft(tf.constant(songs[0][:, :50000]))
    found = ask("spectrogram", tf.abs(spectrogram).numpy())
    whole = model.network(tf.abs(spectrogram), training=False)
    for index, name in enumerate(("vocals", "rest")):
        # Chunks of 1.7 s with 1 s of context hear less than the whole.
        np.testing.assert_allclose(found[name], whole[:, index], atol=0.05)
        short = ask("spectrogram", tf.abs(spectrogram)[:, :150].numpy())[name]
        exact = model.network(tf.abs(spectrogram)[:, :150], training=False)[:, index]
        np.testing.assert_allclose(short, exact, atol=1e-4)


def test_a_batch_of_one_length_gives_the_same(exported, songs, ask):
    batch = songs[0][:, :22050]
    found = ask("fixed_length", batch)
    for index, song in enumerate(batch):
        for name, stem in exported.separate(song).items():
            np.testing.assert_allclose(found[name][index], stem, atol=1e-4)


def test_the_longest_fixed_length_where_hops_are_half_a_window(stems):
    """It has one frame more than its whole hops, and a chunk has no more."""
    audio = AudioConfig(sample_rate=512, nb_channels=1, nfft=32, nhop=16)
    model = MaskingModel(("a", "b"), audio, ModelConfig(hidden_size=4, bandwidth=256))
    model.build()
    options = SeparationConfig(wiener_win_len=20, chunk_dur=1.0, context_dur=1.0)  # 40 frames
    with pytest.raises(UserError, match=r"^fixed_seconds: found 1\.222, wanted below a chunk"):
        Signatures(model, options, ServingConfig(("fixed_length",), fixed_seconds=1.222))
    signatures = Signatures(model, options, ServingConfig(("fixed_length",), fixed_seconds=1.218))
    song = stems["mixture"][:623, :1]
    assert signatures.fixed_samples == len(song) == 39 * 16 - 1  # 40 frames
    found = signatures.separate_batch(tf.constant(song[np.newaxis]))
    for name, stem in model.separate(song, options).items():
        np.testing.assert_allclose(found[name][0], stem, atol=1e-5)


@pytest.mark.parametrize("samples", [0, 1, 600])
def test_no_sample_one_sample_and_silence(ask, samples):
    found = ask("serving_default", np.zeros([2, samples, 2], np.float32))
    assert [stem.shape for stem in found.values()] == [(2, samples, 2)] * 2
    assert not any(stem.any() for stem in found.values())
    files = ask("separate_wav", [wav(np.zeros([samples, 2]))])
    for (file,) in files.values():
        assert len(soundfile.read(io.BytesIO(file))[0]) == samples
    assert ask("serving_default", np.zeros([0, samples, 2], np.float32))["rest"].shape[0] == 0


NAN = np.full([1, 9, 2], np.nan, np.float32)


@pytest.mark.parametrize(
    ("signature", "value", "message"),
    [
        ("serving_default", np.zeros([9, 2]), "wanted [batch, samples, channels], rank 3"),
        ("serving_default", np.zeros([1, 9, 6]), "with 2 channels, found shape] [1 9 6]"),
        ("serving_default", np.zeros([1, 882001, 2]), "at most 20 s at 44100 Hz"),
        ("serving_default", NAN, "wanted finite values"),
        ("fixed_length", np.zeros([1, 9, 2]), "with 22050 samples"),
        ("spectrogram", np.zeros([1, 9, 2, 256]), "with 257 bins"),
        ("spectrogram", np.full([1, 9, 2, 257], -1.0), "of 0 or more"),
        ("separate_wav", [b"RIFF"], "16-bit PCM WAV file of 44100 Hz with 2 channels"),
        ("separate_wav", [b"ID3" + bytes(99)], "found a file of another kind"),
        ("separate_wav", [wav(np.zeros([9, 2]))[:30]], "found no fmt or no data chunk"),
        ("separate_wav", [wav(np.zeros([9, 2]), rate=48000)], "[Hz:] [48000]"),
        ("separate_wav", [wav(np.zeros([9, 6]))], "[channels:] [6]"),
        ("separate_wav", [wav(np.zeros([9, 2]), "PCM_24")], "[bits:] [24]"),
        ("separate_wav", [wav(np.zeros([882001, 2]))], "at most 20 s at 44100 Hz"),
        ("separate_wav", np.array([[b""]], object), "wanted [batch], rank 1"),
        # A message of 63 bytes can claim such a batch.
        (
            "serving_default",
            np.zeros([2**20, 0, 2]),
            "wanted a batch of at most 8, found] [1048576",
        ),
        ("fixed_length", np.zeros([9, 22050, 2]), "wanted a batch of at most 8, found] [9"),
        ("spectrogram", np.zeros([2**20, 0, 2, 257]), "wanted a batch of at most 8"),
        ("spectrogram", np.zeros([0, 2**31 - 2, 2, 257]), "at most 20 s at 44100 Hz"),
        ("separate_wav", [b""] * 9, "wanted a batch of at most 8"),
        ("describe", [b""] * 9, "wanted a batch of at most 8"),
        (
            "serving_default",
            np.full([1, 9, 2], 1e36),
            "absolute values of at most 1000, found] [1e+36",
        ),
        (
            "serving_default",
            np.full([1, 9, 2], -1001),
            "absolute values of at most 1000, found] [1001",
        ),
        ("spectrogram", np.full([1, 9, 2, 257], 1e36), "absolute values of at most 512000"),
        ("separate_wav", [unfinished(1000)], "found a data chunk of size 0 with samples behind it"),
        ("separate_wav", [empty_chunks(400_000)], "among its first 100 chunks"),
    ],
)
def test_a_wrong_input_is_told_what_was_wanted(ask, signature, value, message):
    start = time.monotonic()
    if isinstance(value, np.ndarray) and value.dtype == np.float64:
        value = value.astype(np.float32)
    with pytest.raises(Exception, match="assertion failed") as caught:
        ask(signature, value)
    assert isinstance(caught.value, Refused)
    assert caught.value.code.name == "INVALID_ARGUMENT"
    # Values of the message stand in brackets; of several, the session runs it as one text.
    told = str(caught.value).replace("[", "").replace("]", "")
    assert message.replace("[", "").replace("]", "") in told
    assert time.monotonic() - start < 5


def test_an_answer_that_could_not_be_sent(exported):
    """Without the outputs: what is asserted, at sizes that this machine could not compute."""
    limits = inputs.Limits(exported.separator.audio, 900.0, 16, stems=4)

    @tf.function(input_signature=[tf.TensorSpec(None)])
    def checked(waveform):
        return tf.shape(inputs.waveforms(waveform, limits))

    most = 2**31 // (4 * 4 * 2)
    assert checked(tf.zeros([2, most // 2 - 1, 2]))[1] == most // 2 - 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="less than 2147483648 bytes"):
        checked(tf.zeros([2, most // 2, 2]))


@pytest.mark.parametrize("signature", ["serving_default", "fixed_length", "spectrogram"])
def test_the_loudest_samples_give_finite_stems(ask, signature):
    shape = {"serving_default": [1, 50000, 2], "fixed_length": [1, 22050, 2]}
    peak = np.random.default_rng(0).choice([-1000.0, 1000.0], shape.get(signature, [1, 50, 2, 257]))
    if signature == "spectrogram":
        peak = np.abs(peak) * 512
    for stem in ask(signature, peak.astype(np.float32)).values():
        assert np.isfinite(stem).all()


def test_limits_in_the_loader_of_the_server(exported, tmp_path):
    for signature, value, message in [
        ("serving_default", np.zeros([2**20, 0, 2], np.float32), "wanted a batch of at most 8"),
        ("separate_wav", np.array([empty_chunks(400_000)], object), "its first 100 chunks"),
    ]:
        failed = exported.native(signature, value, tmp_path)
        assert failed.returncode == 3
        assert failed.stderr.startswith("3 ")  # INVALID_ARGUMENT
        assert message in failed.stderr


def test_the_model_says_what_it_takes(exported, ask):
    (first, second) = ask("describe", [b"", b"?"])["answer"]
    assert first == second
    interface = Interface.parse(first)
    assert (interface.stems, interface.signatures) == (("vocals", "rest"), ALL)
    assert (interface.max_samples, interface.fixed_samples) == (20 * RATE, RATE // 2)
    assert (interface.max_batch, interface.max_peak) == (8, inputs.MAX_PEAK)
    told = json.loads((exported.path / card.PATH).read_text())
    assert Interface.parse(json.dumps(told["interface"])) == interface


def test_nothing_is_computed_for_empty_songs(ask):
    start = time.monotonic()
    found = ask("serving_default", np.zeros([8, 0, 2], np.float32))
    files = ask("separate_wav", [wav(np.zeros([0, 2]))] * 8)
    assert time.monotonic() - start < 0.2
    assert found["rest"].shape == (8, 0, 2)
    assert {bytes(file) for file in files["rest_bytes"]} == {wav(np.zeros([0, 2]))}


def test_an_empty_file_may_have_chunks_behind(ask):
    empty = wav(np.zeros([0, 2]))
    with_tags = empty + b"LIST" + (4).to_bytes(4, "little") + b"INFO"
    (file,) = ask("separate_wav", [with_tags])["rest_bytes"]
    assert len(soundfile.read(io.BytesIO(file))[0]) == 0


def test_what_is_published(exported):
    assert export.versions(exported.folder) == [1]
    assert sorted(p.name for p in exported.folder.iterdir()) == ["1"]
    count = sum(np.prod(w.shape) for w in exported.separator.weights)
    (data,) = (exported.path / "variables").glob("*.data*")
    assert 4 * count < data.stat().st_size < 4.5 * count + 10000  # once
    told = json.loads((exported.path / card.PATH).read_text())
    assert {"loss", "data", "metrics", "test_sdr", "configuration"} < set(told)
    assert told["sources"] == ["vocals", "rest"]
    assert (told["sample_rate"], told["tensorflow"]) == (RATE, tf.__version__)
    assert "not stated" in told["licence"]
    assert "vocals, rest" in told["intended_use"]
    assert any("16000 Hz" in limit for limit in told["limits"])
    head = ["git", "rev-parse", "HEAD"]
    commit = subprocess.run(head, cwd=Path(__file__).parent, capture_output=True, text=True)
    assert told["git_commit"].startswith(commit.stdout.strip())
    shape = signature_of(exported.path, "serving_default").inputs["waveform"].tensor_shape
    assert [dim.size for dim in shape.dim] == [-1, -1, 2]


def test_a_card_is_json_and_names_no_commit_of_another_repository(exported, tmp_path, monkeypatch):
    told = json.loads(json.dumps(card._plain({"a": [float("nan"), 1.5], "b": (float("inf"), "x")})))
    assert told == {"a": [None, 1.5], "b": [None, "x"]}
    assert card._git_commit()
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.setattr(card, "__file__", str(tmp_path / "lib/serving/card.py"))
    (tmp_path / "lib/serving").mkdir(parents=True)
    assert card._git_commit() is None


def test_a_run_has_what_the_readme_asks(run):
    readme = (Path(export.__file__).parent / "README.md").read_text()
    (asked,) = re.findall(r'"signature_name": "(\w+)", "inputs": {"(\w+)"', readme)
    signature, name = asked
    assert list(signature_of(run / "saved_model/1", signature).inputs) == [name]
    told = (run / "saved_model/1" / card.PATH).read_text()
    assert json.loads(told)["data"]["dataset"] == "music"
    assert os.environ["MSS_KERAS_SHARED"] not in told  # where the music lay


def test_warm_up_requests_are_the_official_messages(exported):
    records = tf.data.TFRecordDataset(str(exported.path / warmup.PATH)).as_numpy_iterator()
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    specs = [log.predict_log.request.model_spec for log in logs]
    assert {spec.name for spec in specs} == {"open_unmix"}
    assert [spec.signature_name for spec in specs] == [*ALL, "describe"]
    waveform = tf.make_ndarray(logs[0].predict_log.request.inputs["waveform"])
    assert waveform.shape == (1, RATE, 2)


def test_versions_follow_each_other_and_a_bad_one_leaves_nothing(tmp_path, monkeypatch):
    separator = make_separator()
    limits = ServingConfig(("spectrogram",))
    (tmp_path / "7").mkdir()
    bad = tf.zeros_like(separator.network.output_affine.scale) * np.nan
    good = separator.network.output_affine.scale.numpy()
    separator.network.output_affine.scale.assign(bad)
    with pytest.raises(checks.ExportError, match="spectrogram: vocals has values that are not"):
        separator.export(tmp_path, limits=limits)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["7"]
    separator.network.output_affine.scale.assign(good)
    assert separator.export(tmp_path, limits=limits) == tmp_path / "8"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["7", "8"]


@pytest.mark.parametrize(
    ("options", "limits", "message"),
    [
        ({"targets": ("flute",)}, {}, "targets: found"),
        ({}, {"signatures": ("fixed_length",), "fixed_seconds": 15.0}, "^fixed_seconds: found 15"),
    ],
)
def test_options_that_do_not_go_together(tmp_path, options, limits, message):
    separation, serving = SeparationConfig(**options), ServingConfig(**limits)
    with pytest.raises(UserError, match=message):
        make_separator().export(tmp_path, separation, limits=serving)
    assert not any(tmp_path.iterdir())


def test_a_saved_keras_model_is_caught(tmp_path):
    class Module(tf.Module):
        def __init__(self):
            self.model = make_separator()
            self.separate = tf.function(
                lambda waveform: {"stems": self.model.stems(waveform)},
                input_signature=[tf.TensorSpec([None, None, 2], name="waveform")],
            )

    module = Module()
    tf.saved_model.save(module, str(tmp_path), signatures=module.separate)
    reloaded = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    assert reloaded(tf.zeros([1, 1000, 2]))["stems"].shape == (1, 2, 1000, 2)  # in Python it works
    request = protos.predict_request(
        {"signature_name": "serving_default"}, {"waveform": np.zeros([1, 1000, 2], np.float32)}
    )
    with pytest.raises(checks.ExportError, match="Could not find variable"):
        checks.replay(tmp_path, [request])


def test_what_keras_traces_beside_a_gpu_is_caught(tmp_path, monkeypatch):
    gpus = [tf.config.LogicalDevice("/device:GPU:0", "GPU")]
    devices = tf.config.list_logical_devices
    monkeypatch.setattr(
        tf.config,
        "list_logical_devices",
        lambda kind=None: gpus if kind == "GPU" else devices(kind),
    )
    layer = keras.layers.LSTM(4, return_sequences=True)
    layer.build([None, None, 3])
    archive = keras.export.ExportArchive()
    archive.add_endpoint("serving_default", layer.call, [tf.TensorSpec([1, 5, 3])])
    archive.write_out(str(tmp_path / "cudnn"))
    with pytest.raises(checks.ExportError, match=r"CudnnRNN\w* \(cuDNN\)"):
        checks.check_ops(tmp_path / "cudnn")
    # Ours, on the same machine, is free of it.
    made = make_separator().export(tmp_path / "ours", limits=ServingConfig(("spectrogram",)))
    assert b"Cudnn" not in (made / "saved_model.pb").read_bytes()


def test_python_and_compiled_graphs_are_caught(tmp_path):
    module = tf.Module()
    compiled = tf.function(lambda x: x + 1, jit_compile=True)

    @tf.function(input_signature=[tf.TensorSpec([], name="x")])
    def call(x):
        return {"y": tf.numpy_function(np.cos, [compiled(x)], tf.float32)}

    tf.saved_model.save(module, str(tmp_path), signatures=call)
    with pytest.raises(checks.ExportError, match=r"(?s)PyFunc.* \(Python\).*XLA must compile"):
        checks.check_ops(tmp_path)
