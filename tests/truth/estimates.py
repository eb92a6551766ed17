"""Music, estimates of its sources that an outsider would try first, and all their scores."""

from functools import cache

import numpy as np
import tensorflow as tf
from excerpt import RATE, read_excerpt

from mss_keras import losses
from mss_keras.config import SOURCES, AudioConfig
from mss_keras.data.stems import to_int16
from mss_keras.evaluation import loss_readings
from mss_keras.metrics import bss_eval, whole_track
from mss_keras.metrics.bsseval import RATIOS
from mss_keras.metrics.whole_track import WHOLE_TRACK
from mss_keras.models import oracles

AUDIO = AudioConfig(sample_rate=RATE, nfft=2048, nhop=512)
METRICS = (*RATIOS, *WHOLE_TRACK, *losses.readable())
ORACLES = tuple(oracles.ORACLES)


@cache
def music() -> np.ndarray:
    """Sources `[4, samples, 2]`, 2 s of the excerpt with half a second of silence at both ends.

    They have 16 bits, as the files of a data set: without the noise of the last bit there is
    nothing above 16 kHz, and BSSEval's filters are anything there.
    """
    stems = read_excerpt()
    sources = np.stack([to_int16(stems[x][4 * RATE : 6 * RATE]) for x in SOURCES])
    sources = (sources / 2**15).astype(np.float32)
    return np.pad(sources, ((0, 0), (RATE // 2, RATE // 2), (0, 0)))


@cache
def estimates() -> dict[str, np.ndarray]:
    """Estimates of the music by what they are, each `[4, samples, 2]`.

    `model` is what a middling separator gives: the ideal ratio mask's stems with a third of the
    mixture in each.
    """
    sources = music()
    mixture = sources.sum(0)
    tensors = {"mixture": tf.constant(mixture), "sources": tf.constant(sources)}
    made = {name: oracles.separate(name, **tensors, audio=AUDIO).numpy() for name in ORACLES}
    return {
        "target": sources,
        **made,
        "model": (2 * made["irm"] + mixture) / 3,
        "mixture": np.broadcast_to(mixture, sources.shape),
        "silence": np.zeros_like(sources),
        "wrong": sources[[1, 2, 3, 0]],
        "soft": 0.1 * sources,  # 20 dB too soft
    }


@cache
def scores(kind: str) -> dict[str, float]:
    """Each of `METRICS` of the estimates of a kind, larger is better; the mean of the sources.

    Losses have their signs changed. Of BSSEval it is the median of frames, infinite for a copy.
    """
    y_true, y_pred = music(), estimates()[kind]
    frames = bss_eval(y_true, y_pred, window=RATE, hop=RATE, lags=32)
    read = loss_readings(losses.readable(), y_true, y_pred, audio=AUDIO)
    medians = {name: np.median(getattr(frames, name), axis=1) for name in RATIOS}
    ratios = {**medians, **whole_track(y_true, y_pred)}
    found = {name: float(np.mean(values)) for name, values in ratios.items()}
    found |= {name: -float(np.mean(values)) for name, values in read.of_sources.items()}
    return found | {name: -value for name, value in read.together.items()}
