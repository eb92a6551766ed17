"""Distances between target and estimated sources, as Keras losses.

base.py              what every loss shares
regression.py        L1, L2
sdr.py               SI-SDR, SD-SDR, clipped SNR
logarithmic.py       LOGL1, LOGL2
dissimilarity.py     L2 away from the other sources
multi_resolution.py  multi-resolution STFT
masks.py             cross-entropies of the dominant source
network.py           what losses share that compare through a network
deep_feature.py      L2 and the feature maps of a frozen network
adversarial.py       L2 and the scores of discriminators
catalogue.py         look-up by name
"""

from mss_keras.losses.adversarial import Adversarial, discriminator_loss, discriminator_terms
from mss_keras.losses.base import SeparationLoss
from mss_keras.losses.catalogue import (
    Range,
    deserialize,
    entry,
    get,
    get_all,
    hyperparameters,
    learning_rate,
    names,
    readable,
    serialize,
    table,
)
from mss_keras.losses.deep_feature import DeepFeature
from mss_keras.losses.dissimilarity import Dissimilarity
from mss_keras.losses.logarithmic import LogL1, LogL2
from mss_keras.losses.masks import BinaryCrossEntropy, CrossEntropy
from mss_keras.losses.multi_resolution import MultiResolutionSTFT
from mss_keras.losses.regression import L1, L2
from mss_keras.losses.sdr import SDSDR, SISDR, ClippedSNR

__all__ = [
    "L1",
    "L2",
    "SDSDR",
    "SISDR",
    "Adversarial",
    "BinaryCrossEntropy",
    "ClippedSNR",
    "CrossEntropy",
    "DeepFeature",
    "Dissimilarity",
    "LogL1",
    "LogL2",
    "MultiResolutionSTFT",
    "Range",
    "SeparationLoss",
    "deserialize",
    "discriminator_loss",
    "discriminator_terms",
    "entry",
    "get",
    "get_all",
    "hyperparameters",
    "learning_rate",
    "names",
    "readable",
    "serialize",
    "table",
]
