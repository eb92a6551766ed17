"""WAV files of 16 bits in memory, for REST; `serving.wav` has the same for graphs."""

import io
import wave

import numpy as np


def to_wav(waveform: np.ndarray, rate: int) -> bytes:
    """Encodes a waveform as a WAV file of 16-bit PCM.

    Args:
        waveform: np.ndarray. Float `[samples, channels]`; values beyond −1 to 1 are clipped.
        rate: int. Sample rate in Hz.

    Example:
        >>> import numpy as np
        >>> from_wav(to_wav(np.array([[0.5, -0.25]]), 44100))
        array([[ 0.5 , -0.25]], dtype=float32)
    """
    samples = np.clip(np.rint(waveform * 2**15), -(2**15), 2**15 - 1).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((waveform.shape[1], 2, rate, len(waveform), "NONE", ""))
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def from_wav(data: bytes) -> np.ndarray:
    """Decodes a WAV file of 16-bit PCM.

    Args:
        data: bytes. The file.

    Returns:
        Float32 `[samples, channels]`, −1 to 1.

    Raises:
        ValueError: if it is another file, or is cut off.
    """
    try:
        with wave.open(io.BytesIO(data)) as reader:
            if reader.getsampwidth() != 2:
                raise ValueError(f"samples of {8 * reader.getsampwidth()} bits")
            samples = np.frombuffer(reader.readframes(reader.getnframes()), "<i2")
            return samples.reshape(-1, reader.getnchannels()).astype(np.float32) / 2**15
    except (wave.Error, EOFError) as error:
        raise ValueError(str(error) or "a file that is cut off") from error
