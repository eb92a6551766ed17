"""Losses read as metrics of estimated waveforms, as the survey reads them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import tensorflow as tf

from mss_keras import domains, losses
from mss_keras.config import AudioConfig
from mss_keras.metrics.waveforms import Waveforms

EXCERPT_SECONDS = 6.0


@dataclass(frozen=True)
class Readings:
    """Values of losses.

    Args:
        of_sources: mapping. `[sources]` for each loss in which the value of a source depends on
            its own estimate alone. NaN where this estimate is not finite. Defaults to none.
        together: mapping. A value for each other loss; NaN where an estimate is not finite.
            Defaults to none.
    """

    of_sources: Mapping[str, np.ndarray] = field(default_factory=dict)
    together: Mapping[str, float] = field(default_factory=dict)


def loss_readings(
    names: Sequence[str], y_true: Waveforms, y_pred: Waveforms, *, audio: AudioConfig
) -> Readings:
    """The values of losses, averaged over excerpts of 6 s.

    Losses have their default hyper-parameters. Magnitudes and masks are those of the
    estimates' STFT (see `EstimatedScene`); the mixture is the sum of the targets. A last excerpt
    that is shorter is left out, unless the track is shorter than two excerpts: then all of it is
    one. Losses of masks leave excerpts out in which the mixture is silent.

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
        >>> estimates = targets * np.reshape([0.5, 1.0], [2, 1, 1])
        >>> loss_readings(["l1_time"], targets, estimates, audio=audio).of_sources
        {'l1_time': array([0.25, 0.  ])}
    """
    if not names:
        return Readings()
    sources, _, channels = y_true.shape
    read = _reader(tuple(names), audio, (sources, channels))
    values: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for excerpt in _excerpts(y_true, y_pred, round(EXCERPT_SECONDS * audio.sample_rate)):
        found, has_masks = read(*excerpt)
        for name, value in zip(names, found, strict=True):
            if losses.entry(name).domain not in ("mask", "logits") or has_masks:
                values[name].append(value.numpy()[0])
    means = {name: _mean(found, sources, name) for name, found in values.items()}
    return Readings(
        {name: mean for name, mean in means.items() if mean.ndim},
        {name: float(mean) for name, mean in means.items() if not mean.ndim},
    )


def _mean(found: list[np.ndarray], sources: int, name: str) -> np.ndarray:
    if found:
        return np.mean(found, axis=0, dtype=float)
    return np.full(sources if losses.get(name).separable else (), np.nan)


@cache  # so that it is traced once for all tracks
def _reader(names: tuple[str, ...], audio: AudioConfig, shape: tuple[int, int]) -> Callable:
    # A function of targets and estimates [1, sources, samples, channels], which gives the value of
    # each loss, [1, sources] or [1], and whether there are masks.
    chosen = [losses.get(name) for name in names]
    sources, channels = shape
    spec = tf.TensorSpec([1, sources, None, channels], tf.float32)

    @tf.function(input_signature=[spec, spec], autograph=False)
    def read(targets, estimates):
        mixture = tf.reduce_sum(targets, axis=1)
        scene = domains.EstimatedScene(targets, estimates, mixture, audio=audio)
        values = []
        for loss in chosen:
            target, estimate = domains.pair(loss.domain, scene)
            value = loss.by_source if loss.separable else loss.call
            values.append(value(target, loss.from_shares(estimate)))
        return values, scene.has_masks

    return read


def _excerpts(
    y_true: Waveforms, y_pred: Waveforms, length: int
) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    samples = y_true.shape[1]
    if samples < 2 * length:
        length = samples
    for start in range(0, samples - length + 1, length):
        yield tuple(
            tf.constant(np.asarray(y[:, start : start + length])[np.newaxis], tf.float32)
            for y in (y_true, y_pred)
        )
