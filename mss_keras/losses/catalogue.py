"""The catalogue: every loss by name.

A new loss is one class and one entry here, with its name in `mss_keras.config.LOSSES`.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mss_keras.losses.adversarial import Adversarial
from mss_keras.losses.base import SeparationLoss
from mss_keras.losses.deep_feature import DeepFeature
from mss_keras.losses.dissimilarity import Dissimilarity
from mss_keras.losses.logarithmic import LogL1, LogL2
from mss_keras.losses.masks import BinaryCrossEntropy, CrossEntropy
from mss_keras.losses.multi_resolution import MultiResolutionSTFT
from mss_keras.losses.network import NetworkLoss
from mss_keras.losses.regression import L1, L2
from mss_keras.losses.sdr import SDSDR, SISDR, ClippedSNR


@dataclass(frozen=True)
class Range:
    """Where a search looks for a number.

    Args:
        low: float. The smallest value.
        high: float. The largest value.
        log: bool. Whether equal factors count as equal steps, in place of equal differences.
            Defaults to `True`.
    """

    low: float
    high: float
    log: bool = True


@dataclass(frozen=True)
class Entry:
    """One loss of the catalogue.

    Args:
        loss: type. The class.
        domain: str. What the loss compares; see `mss_keras.domains`.
        formula: str. The formula in words.
        reference: str. Where the loss is from.
        learning_rate: float. That of Adam in the paper's experiments. Defaults to `0.001`.
        ranges: mapping. Where a search looks for the weights among the hyper-parameters.
            Defaults to none.
        in_training: mapping. Hyper-parameters that a training run sets where they are not given,
            in place of the defaults of the class. Defaults to none.

    Example:
        >>> entry = CATALOGUE["dissimilarity_freq"]
        >>> entry.domain, entry.hyperparameters, entry.alone
        ('magnitude', {'beta': 0.1}, True)
    """

    loss: type[SeparationLoss]
    domain: str
    formula: str
    reference: str
    learning_rate: float = 1e-3
    ranges: Mapping[str, Range] = field(default_factory=dict)
    in_training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def takes_network(self) -> bool:
        """Whether the loss compares through a network, which is an argument of it."""
        return issubclass(self.loss, NetworkLoss)

    @property
    def in_decibels(self) -> bool:
        """Whether the loss is a number of dB."""
        return self.formula.endswith(", dB")

    @property
    def alone(self) -> bool:
        """Whether the loss can be computed on a pair of tensors alone."""
        return not self.takes_network

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Names and defaults of the hyper-parameters that only this loss has.

        A name that is a word of Python has an underscore at its end in the class, and none
        here: `lambda`.
        """
        own = inspect.signature(self.loss).parameters
        common = (*inspect.signature(SeparationLoss).parameters, "kwargs", "network")
        return {key.removesuffix("_"): own[key].default for key in own if key not in common}


_SURVEY = "Gusó et al. 2022"
_HALF_BAKED = "Le Roux et al. 2019"
_LOG = "Heitkaemper et al. 2020, Gusó et al. 2022"
_CODE = "Gusó et al. 2022, the code"

_W, _M, _MASK, _PSA = "waveform", "magnitude", "mask", "phase_sensitive"
_LOGITS = "logits"

# Which is best, tests/benchmarks/soft_threshold.py measures; see README.md.
_SOFT = {"soft_threshold": 30.0}
_SOFT_L1, _SOFT_L2 = {"soft_threshold": 10.0}, {"soft_threshold": 20.0}

CATALOGUE: dict[str, Entry] = {
    "l1_time": Entry(L1, _W, "mean absolute error", _SURVEY, 1e-5),
    "l2_time": Entry(L2, _W, "mean squared error", _SURVEY, 1e-5),
    "sisdr_time": Entry(
        SISDR, _W, "minus the scale-invariant SDR, dB", _HALF_BAKED, in_training=_SOFT
    ),
    "sdsdr_time": Entry(
        SDSDR, _W, "minus the smaller of SNR and SNR + α², dB", _HALF_BAKED, in_training=_SOFT
    ),
    "logl1_time": Entry(
        LogL1, _W, "mean absolute error of each source, dB", _SURVEY, in_training=_SOFT_L1
    ),
    "logl2_time": Entry(
        LogL2, _W, "mean squared error of each source, dB", _LOG, in_training=_SOFT_L2
    ),
    "multi_resolution_stft": Entry(
        MultiResolutionSTFT,
        _W,
        "spectral convergence plus error of log magnitudes, averaged over three STFTs",
        "Yamamoto et al. 2020",
    ),
    "l1_freq": Entry(L1, _M, "mean absolute error", _SURVEY),
    "l2_freq": Entry(L2, _M, "mean squared error", _SURVEY),
    "sisdr_freq": Entry(SISDR, _M, "minus the scale-invariant SDR, dB", _SURVEY, in_training=_SOFT),
    "logl1_freq": Entry(
        LogL1, _M, "mean absolute error of each source, dB", _SURVEY, in_training=_SOFT_L1
    ),
    "logl2_freq": Entry(
        LogL2, _M, "mean squared error of each source, dB", _SURVEY, in_training=_SOFT_L2
    ),
    "dissimilarity_freq": Entry(
        Dissimilarity,
        _M,
        "mean squared error less β times the squared distances from the other sources",
        "Huang et al. 2014",
        ranges={"beta": Range(1e-3, 0.3)},
    ),
    "deep_feature": Entry(
        DeepFeature,
        _M,
        "l2_freq plus δ times the error of VGGish's feature maps plus λ times the error of "
        "their Gram matrices",
        _SURVEY,
        ranges={"delta": Range(1e-3, 1e3), "lambda": Range(1e-3, 1e3)},
    ),
    "adversarial": Entry(
        Adversarial,
        _M,
        "l2_freq plus γ times the squares by which discriminators' scores miss 0.9",
        _SURVEY,
        ranges={"gamma": Range(1e-4, 1e-1)},
    ),
    "psa": Entry(L2, _PSA, "mean squared error", "Erdogan et al. 2015"),
    "snr_psa": Entry(
        ClippedSNR, _PSA, "minus the SNR, softly clipped, dB", "Erdogan and Yoshioka 2018"
    ),
    "l1_mask": Entry(L1, _MASK, "mean absolute error", _SURVEY),
    "l2_mask": Entry(L2, _MASK, "mean squared error", _SURVEY, 1e-4),
    "cross_entropy_mask": Entry(
        CrossEntropy, _LOGITS, "cross-entropy of the dominant source; the masks are logits", _CODE
    ),
    "binary_cross_entropy_mask": Entry(
        BinaryCrossEntropy,
        _LOGITS,
        "binary cross-entropy of binary masks; the masks are logits",
        _CODE,
    ),
}
