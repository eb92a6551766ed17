"""Any audio file that FFmpeg's libraries read, as a waveform."""

from pathlib import Path

import av
import numpy as np

from mss_keras.config import AudioConfig, UserError


def decode(path: str | Path, audio: AudioConfig) -> np.ndarray:
    """Decodes a file's first audio stream at the model's rate and channels.

    Args:
        path: the file.
        audio: sample rate and channels wanted; mono is doubled or stereo mixed down.

    Returns:
        Float32 `[samples, channels]`.

    Raises:
        UserError: if the file is missing, is not audio or has more than two channels.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise UserError(f"{path}: no audio found, wanted an audio file")
            stream = container.streams.audio[0]
            channels = stream.codec_context.layout.nb_channels
            if channels > 2:
                raise UserError(f"{path}: found {channels} channels, wanted 1 or 2")
            resampler = av.AudioResampler(format="fltp", rate=audio.sample_rate)
            blocks = []
            for frame in (*container.decode(stream), None):
                blocks += [part.to_ndarray().T for part in resampler.resample(frame)]
    except (av.FFmpegError, OSError) as error:
        raise UserError(f"{path}: {error.strerror}, wanted an audio file") from error
    if not blocks:
        raise UserError(f"{path}: no samples found, wanted an audio file")
    waveform = np.concatenate(blocks).astype(np.float32, copy=False)
    # Not by the resampler, which takes 3 dB off a mono file that becomes stereo.
    if audio.nb_channels == 1:
        return waveform.mean(axis=1, keepdims=True)
    return np.repeat(waveform, 2, axis=1) if channels == 1 else waveform
