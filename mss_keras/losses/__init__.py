"""Distances between target and estimated sources, as Keras losses.

base.py        what every loss shares
regression.py  L1, L2
catalogue.py   look-up by name
"""

from mss_keras.losses.base import SeparationLoss
from mss_keras.losses.catalogue import deserialize, entry, get, names, serialize, table
from mss_keras.losses.regression import L1, L2

__all__ = [
    "L1",
    "L2",
    "SeparationLoss",
    "deserialize",
    "entry",
    "get",
    "names",
    "serialize",
    "table",
]
