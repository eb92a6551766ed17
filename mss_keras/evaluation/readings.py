"""Losses read as metrics of estimated waveforms, as the survey reads them."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np
import tensorflow as tf

from mss_keras import domains, losses
from mss_keras.config import AudioConfig
from mss_keras.metrics.waveforms import Waveforms

EXCERPT_SECONDS = 6.0
_BATCH = 4  # excerpts that are read at once


def loss_readings(
    names: Sequence[str], y_true: Waveforms, y_pred: Waveforms, *, audio: AudioConfig
) -> dict[str, float]:
    """The value of each loss, averaged over excerpts of 6 s.

    Losses have their default hyper-parameters. Magnitudes and masks are those of the
    estimates' STFT; the mixture is the sum of the targets. A last excerpt that is shorter is
    left out, unless the track is shorter than 6 s: then all of it is one excerpt.

    Args:
        names: of losses that need no network.
        y_true: targets `[sources, samples, channels]`, an array or `AudioFiles`.
        y_pred: estimates, of the same shape.
        audio: sample rate and sizes of the STFT.

    Raises:
        UserError: for an unknown loss.

    Example:
        >>> audio = AudioConfig(sample_rate=8000, nfft=256, nhop=64)
        >>> targets = np.full([2, 8000, 1], 0.5)
        >>> loss_readings(["l1_time"], targets, 0.5 * targets, audio=audio)
        {'l1_time': 0.25}
    """
    if not names:
        return {}
    sources, _, channels = y_true.shape
    read = _reader(tuple(names), audio, (sources, channels))
    values = [
        np.stack([value.numpy() for value in read(*batch)])  # [losses, batch]
        for batch in _batches(y_true, y_pred, round(EXCERPT_SECONDS * audio.sample_rate))
    ]
    return dict(zip(names, np.concatenate(values, axis=1).mean(axis=1).tolist(), strict=True))


@cache  # so that it is traced once for all tracks
def _reader(names: tuple[str, ...], audio: AudioConfig, shape: tuple[int, int]) -> Callable:
    # A function of targets and estimates [batch, sources, samples, channels].
    chosen = [losses.get(name) for name in names]
    sources, channels = shape
    spec = tf.TensorSpec([None, sources, None, channels], tf.float32)

    @tf.function(input_signature=[spec, spec], autograph=False)
    def read(targets, estimates):
        mixture = tf.reduce_sum(targets, axis=1)
        scene = domains.EstimatedScene(targets, estimates, mixture, audio=audio)
        return [loss.call(*domains.pair(loss.domain, scene)) for loss in chosen]  # [batch] each

    return read


def _batches(
    y_true: Waveforms, y_pred: Waveforms, length: int
) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    samples = y_true.shape[1]
    length = min(length, samples)
    starts = range(0, samples - length + 1, length)
    for first in range(0, len(starts), _BATCH):
        batch = starts[first : first + _BATCH]
        yield tuple(
            tf.constant(np.stack([y[:, s : s + length] for s in batch]), tf.float32)
            for y in (y_true, y_pred)
        )
