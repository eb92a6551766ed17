"""Sample rate conversion of waveforms that come in blocks, by FFmpeg's resampler."""

from collections.abc import Callable, Iterable, Iterator

import av
import numpy as np


def resampled(
    blocks: Iterable[np.ndarray],
    rate: int,
    wanted: int,
    *,
    length: Callable[[], int] | None = None,
) -> Iterator[np.ndarray]:
    """Converts the sample rate of a waveform, without a delay.

    Args:
        blocks: the waveform, float32 `[samples, channels]` each.
        rate: sample rate of the blocks, Hz.
        wanted: sample rate wanted, Hz.
        length: called when the blocks have ended; returns the number of samples wanted in all.
            Defaults to `round(samples * wanted / rate)`.

    Yields:
        Float32 `[samples, channels]`.

    Example:
        >>> second = np.zeros([48000, 2], np.float32)
        >>> sum(len(block) for block in resampled([second], 48000, 44100))
        44100
    """
    if rate == wanted:
        yield from blocks
        return
    taken = given = channels = 0
    # A resampler for each channel: one for all would refuse numbers of channels without a name.
    resamplers: list[av.AudioResampler] = []
    for block in blocks:
        taken, channels = taken + len(block), block.shape[1]
        resamplers = resamplers or [_resampler(wanted) for _ in range(channels)]
        converted = np.stack(
            [_convert(r, _frame(block[:, c], rate)) for c, r in enumerate(resamplers)], axis=1
        )
        given += len(converted)
        if len(converted):
            yield converted
    if taken:
        tail = np.stack([_convert(r, None) for r in resamplers], axis=1)
        rest = (length() if length else round(taken * wanted / rate)) - given
        # The end of the filter gives a few samples more or less than belong to the song.
        tail = tail[: max(rest, 0)]
        yield np.pad(tail, [(0, max(rest, 0) - len(tail)), (0, 0)])


def _resampler(wanted: int) -> av.AudioResampler:
    return av.AudioResampler(format="fltp", layout="mono", rate=wanted)


def _frame(channel: np.ndarray, rate: int) -> av.AudioFrame:
    channel = np.ascontiguousarray(channel, np.float32)
    frame = av.AudioFrame.from_ndarray(channel[np.newaxis], format="fltp", layout="mono")
    frame.sample_rate = rate
    return frame


def _convert(resampler: av.AudioResampler, frame: av.AudioFrame | None) -> np.ndarray:
    blocks = [block.to_ndarray()[0] for block in resampler.resample(frame)]
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
