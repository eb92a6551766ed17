"""Ratios of energies over a whole track, in double precision."""

import numpy as np

from mss_keras.metrics.waveforms import Waveforms, require_alike
from mss_keras.signal.epsilon import EPSILON
from mss_keras.signal.silence import SILENT_ESTIMATE_DB, SILENT_MEAN_SQUARE, WORST_DB

WHOLE_TRACK = ("si_sdr", "sd_sdr", "snr")
_BLOCK = 65536  # samples at a time


@np.errstate(divide="ignore", invalid="ignore")  # samples that are not finite give NaN
def whole_track(y_true: Waveforms, y_pred: Waveforms) -> dict[str, np.ndarray]:
    """SI-SDR, SD-SDR and SNR of each source, over all samples and channels.

    α = ⟨ŷ, y⟩ / ‖y‖²

    - `si_sdr`: 10·log10(‖α y‖² / ‖α y − ŷ‖²)
    - `sd_sdr`: 10·log10(‖α y‖² / ‖y − ŷ‖²), which a wrong gain lowers too; the loss
      `sdsdr_time` is minus the smaller of it and the SNR
    - `snr`: 10·log10(‖y‖² / ‖y − ŷ‖²), which is the uSDR of the Music Demixing challenges, but
      for silent estimates, which have 0 dB there

    Energies are stabilised by 1e-10 as in the losses and Keras metrics, so an exact copy has
    finite ratios. The smallest ratio is `WORST_DB`, −100 dB: it is the value of an estimate whose
    energy is 60 dB or more below the target's. The ratios are NaN where the target is silent,
    with an RMS below `SILENCE_DBFS`, −60 dBFS, or the estimate has a sample that is not finite.

    Args:
        y_true: targets `[sources, samples, channels]`, an array or `AudioFiles`; one pass
            reads it piece by piece.
        y_pred: estimates, of the same shape.

    Returns:
        `[sources]` for each name of `WHOLE_TRACK`, dB.

    Raises:
        UserError: if the shapes differ.

    Reference:
        Le Roux et al., "SDR – half-baked or well done?", ICASSP 2019.

    Example:
        >>> targets, estimates = np.ones([1, 2, 1]), np.array([[[1.1], [0.9]]])
        >>> whole_track(targets, estimates)["snr"].round(1)
        array([20.])
    """
    require_alike(y_true, y_pred)
    energy, estimated, product, error = np.zeros((4, y_true.shape[0]))
    for start in range(0, y_true.shape[1], _BLOCK):
        target = np.asarray(y_true[:, start : start + _BLOCK], float)
        estimate = np.asarray(y_pred[:, start : start + _BLOCK], float)
        difference = estimate - target
        energy += np.einsum("snc,snc->s", target, target)
        estimated += np.einsum("snc,snc->s", estimate, estimate)
        product += np.einsum("snc,snc->s", target, difference)
        error += np.einsum("snc,snc->s", difference, difference)
    # With e = ŷ − y and β = α − 1, ‖α y − ŷ‖² = β²‖y‖² − 2β⟨e, y⟩ + ‖e‖². No digits are lost
    # where ŷ is close to y.
    excess = (product - EPSILON) / (energy + EPSILON)
    scaled = (1 + excess) ** 2 * energy
    rest = np.maximum(excess**2 * energy - 2 * excess * product + error, 0)
    pairs = {"si_sdr": (scaled, rest), "sd_sdr": (scaled, error), "snr": (energy, error)}
    sounds = energy >= SILENT_MEAN_SQUARE * y_true.shape[1] * y_true.shape[2]
    tries = estimated > 10 ** (SILENT_ESTIMATE_DB / 10) * energy
    found = {}
    for name, (numerator, denominator) in pairs.items():
        ratio = 10 * np.log10((numerator + EPSILON) / (denominator + EPSILON))
        scored = np.where(tries, np.maximum(ratio, WORST_DB), WORST_DB)
        found[name] = np.where(sounds & np.isfinite(error), scored, np.nan)
    return found
