"""WAV files of 16 bits in memory, for a client; `serving.wav` does it within a graph."""

import io
import wave

import numpy as np


def to_wav(waveform: np.ndarray, rate: int) -> bytes:
    """A waveform `[samples, channels]` as a WAV file of 16 bits."""
    samples = np.clip(np.rint(waveform * 2**15), -(2**15), 2**15 - 1).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((waveform.shape[1], 2, rate, len(waveform), "NONE", ""))
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def from_wav(data: bytes) -> np.ndarray:
    """Inverse of `to_wav`."""
    with wave.open(io.BytesIO(data)) as reader:
        samples = np.frombuffer(reader.readframes(reader.getnframes()), "<i2")
        return samples.reshape(-1, reader.getnchannels()).astype(np.float32) / 2**15
