"""Ratios of a source over a whole track, in double precision."""

import numpy as np

from mss_keras.config import UserError
from mss_keras.metrics.waveforms import Waveforms
from mss_keras.signal.epsilon import EPSILON

WHOLE_TRACK = ("si_sdr", "sd_sdr", "snr")
_BLOCK = 65536  # samples at a time


@np.errstate(divide="ignore", invalid="ignore")  # what is not finite ends as NaN
def whole_track(y_true: Waveforms, y_pred: Waveforms) -> dict[str, np.ndarray]:
    """SI-SDR, SD-SDR and SNR of each source, over all samples and channels.

    α = ⟨ŷ, y⟩ / ‖y‖²

    - `si_sdr`: 10·log10(‖α y‖² / ‖α y − ŷ‖²)
    - `sd_sdr`: 10·log10(‖α y‖² / ‖y − ŷ‖²), which costs a wrong gain too; the loss of
      this name is the lesser of it and the SNR
    - `snr`: 10·log10(‖y‖² / ‖y − ŷ‖²), which is the uSDR of Music Demixing challenges

    Energies are stabilised by 1e-10 as in the losses and Keras metrics, so an exact copy
    and a silent estimate have finite ratios. A silent target has none: NaN. So has an
    estimate with a sample that is not finite.

    Args:
        y_true: targets `[sources, samples, channels]`, an array or `AudioFiles`; one pass
            reads it piece by piece.
        y_pred: estimates, of the same shape.

    Returns:
        `[sources]` for each name of `WHOLE_TRACK`, dB.

    Raises:
        UserError: for different shapes.

    Reference:
        Le Roux et al., "SDR – half-baked or well done?", ICASSP 2019.
    """
    if len(y_true.shape) != 3 or y_true.shape != y_pred.shape:
        raise UserError(
            f"found targets of shape {tuple(y_true.shape)} and estimates of shape "
            f"{tuple(y_pred.shape)}, wanted one shape [sources, samples, channels] for both"
        )
    energy, product, error = np.zeros((3, y_true.shape[0]))
    for start in range(0, y_true.shape[1], _BLOCK):
        target = np.asarray(y_true[:, start : start + _BLOCK], float)
        difference = np.asarray(y_pred[:, start : start + _BLOCK], float) - target
        energy += np.einsum("snc,snc->s", target, target)
        product += np.einsum("snc,snc->s", target, difference)
        error += np.einsum("snc,snc->s", difference, difference)
    # With e = ŷ − y and β = α − 1: ‖α y − ŷ‖² = β²‖y‖² − 2β⟨e, y⟩ + ‖e‖², which loses no
    # digits where ŷ is close to y.
    excess = (product - EPSILON) / (energy + EPSILON)
    scaled = (1 + excess) ** 2 * energy
    rest = np.maximum(excess**2 * energy - 2 * excess * product + error, 0)
    pairs = {"si_sdr": (scaled, rest), "sd_sdr": (scaled, error), "snr": (energy, error)}
    defined = (energy > 0) & np.isfinite(error)
    return {
        name: np.where(
            defined, 10 * np.log10((numerator + EPSILON) / (denominator + EPSILON)), np.nan
        )
        for name, (numerator, denominator) in pairs.items()
    }
