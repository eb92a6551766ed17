"""WAV files of all layouts: what is said of them against what tensorflow-io does."""

import struct

import numpy as np
import pytest
import soundfile
import tensorflow as tf
import tensorflow_io as tfio

from mss_keras.config import UserError
from mss_keras.data import AudioFile
from mss_keras.data.chunks import samples_in_graph

SAMPLES = np.arange(-1000, 1000, dtype=np.int16).reshape(1000, 2)
FORMAT = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, 44100, 176400, 4, 16)
DATA = struct.pack("<4sI", b"data", SAMPLES.nbytes) + SAMPLES.tobytes()


def chunk(name, size):
    return struct.pack("<4sI", name, size) + bytes(size + size % 2)


LAYOUTS = {
    "plain": (FORMAT, DATA),
    "even before": (FORMAT, chunk(b"LIST", 26), DATA),
    "odd before": (FORMAT, chunk(b"LIST", 25), DATA),
    "even behind": (FORMAT, DATA, chunk(b"LIST", 26)),
    "odd behind": (FORMAT, DATA, chunk(b"LIST", 25)),
    "broadcast wave": (chunk(b"bext", 603), FORMAT, DATA),
    "room for 64 bit": (chunk(b"JUNK", 28), FORMAT, DATA),
    "other before the format": (chunk(b"LIST", 26), FORMAT, DATA),
    "long format": (FORMAT[:4] + struct.pack("<I", 18) + FORMAT[8:] + bytes(2), DATA),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout):
    path = tmp_path / "x.wav"
    body = b"WAVE" + b"".join(LAYOUTS[layout])
    path.write_bytes(struct.pack("<4sI", b"RIFF", len(body)) + body)
    check(path)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("format", ["WAV", "WAVEX"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("samples", [1000, 1001])
def test_what_soundfile_writes(tmp_path, subtype, format, channels, samples):
    path = tmp_path / "x.wav"
    waveform = np.random.default_rng(0).uniform(-1, 1, (samples, channels))
    soundfile.write(path, waveform, 44100, subtype=subtype, format=format)
    check(path)
    odd = subtype == "PCM_24" and channels * samples % 2
    assert (samples_in_graph(path) is None) == bool(odd)


def check(path):
    """A header is accepted exactly where tensorflow-io reads what soundfile reads."""
    samples = soundfile.info(path).frames
    try:
        read = int(tfio.audio.AudioIOTensor(str(path)).shape[0])
    except tf.errors.OpError:
        read = None
    assert samples_in_graph(path) == read
    if read == samples:
        assert AudioFile.read_header(path).samples == samples
    else:
        with pytest.raises(UserError, match=r"x.wav: found chunks .* wanted a plain WAV"):
            AudioFile.read_header(path)
