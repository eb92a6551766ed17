"""Distances between target and estimated sources, as Keras losses; see README.md."""

from mss_keras.losses.adversarial import Adversarial, discriminator_loss, discriminator_terms
from mss_keras.losses.base import SeparationLoss
from mss_keras.losses.catalogue import Range
from mss_keras.losses.deep_feature import DeepFeature
from mss_keras.losses.dissimilarity import Dissimilarity
from mss_keras.losses.logarithmic import LogL1, LogL2
from mss_keras.losses.lookup import (
    deserialize,
    entry,
    for_training,
    get,
    get_all,
    hyperparameters,
    learning_rate,
    mask_activation,
    names,
    readable,
    serialize,
    table,
)
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
    "for_training",
    "get",
    "get_all",
    "hyperparameters",
    "learning_rate",
    "mask_activation",
    "names",
    "readable",
    "serialize",
    "table",
]
