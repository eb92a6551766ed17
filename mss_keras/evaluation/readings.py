"""Losses read as metrics of estimated waveforms, as the survey reads them."""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import tensorflow as tf

from mss_keras import domains, losses
from mss_keras.config import AudioConfig
from mss_keras.metrics.waveforms import Waveforms

EXCERPT_SECONDS = 6.0
_BATCH = 4


def loss_readings(
    names: Sequence[str], y_true: Waveforms, y_pred: Waveforms, audio: AudioConfig
) -> dict[str, float]:
    """Each loss with its default hyper-parameters, averaged over excerpts of 6 s.

    Magnitudes and masks are those of the estimates' STFT; the mixture is the sum of the
    targets. A rest shorter than an excerpt is left out, unless it is all there is.

    Args:
        names: of losses.
        y_true: targets `[sources, samples, channels]`, an array or `AudioFiles`.
        y_pred: estimates, of the same shape.
        audio: sample rate and sizes of the STFT.

    Raises:
        UserError: for an unknown loss.
    """
    if not names:
        return {}
    read = _reader(tuple(names), audio, y_true.shape[0], y_true.shape[2])
    values = [
        np.stack([value.numpy() for value in read(*batch)])
        for batch in _batches(y_true, y_pred, round(EXCERPT_SECONDS * audio.sample_rate))
    ]
    return dict(zip(names, np.concatenate(values, axis=1).mean(axis=1).tolist(), strict=True))


@cache
def _reader(names: tuple[str, ...], audio: AudioConfig, sources: int, channels: int):
    # Traced once for all tracks.
    chosen = [losses.get(name) for name in names]
    spec = tf.TensorSpec([None, sources, None, channels], tf.float32)

    @tf.function(input_signature=[spec, spec], autograph=False)
    def read(targets, estimates):
        scene = domains.EstimatedScene(targets, estimates, tf.reduce_sum(targets, 1), audio=audio)
        return [loss.call(*domains.pair(loss.domain, scene)) for loss in chosen]  # [batch] each

    return read


def _batches(
    y_true: Waveforms, y_pred: Waveforms, length: int
) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    samples = y_true.shape[1]
    length = min(length, samples)
    starts = range(0, samples - length + 1, length)
    for first in range(0, len(starts), _BATCH):
        some = starts[first : first + _BATCH]
        yield tuple(
            tf.constant(np.stack([y[:, s : s + length] for s in some]), tf.float32)
            for y in (y_true, y_pred)
        )
