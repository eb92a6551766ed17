"""What losses need besides two tensors, and the table that says which loss needs what."""

from mss_keras.training.companions.base import Companion, Phase, Surroundings
from mss_keras.training.companions.table import (
    COMPANIONS,
    companion_of,
    losses_of,
    phases,
    refuse_unused,
    unused_settings,
    without_unused,
)

__all__ = [
    "COMPANIONS",
    "Companion",
    "Phase",
    "Surroundings",
    "companion_of",
    "losses_of",
    "phases",
    "refuse_unused",
    "unused_settings",
    "without_unused",
]
