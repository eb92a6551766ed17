"""The network."""

from dataclasses import dataclass
from typing import Literal

from mss_keras.config.fields import option, require, require_positive


@dataclass(frozen=True)
class ModelConfig:
    """The OpenUnmix network."""

    architecture: Literal["joint", "separate"] = option(
        "joint", "One trunk with a head per source (joint) or one network per source (separate)"
    )
    hidden_size: int = option(
        512, "Width of the network, units; the paper's joint network has 1024"
    )
    bandwidth: float = option(16000.0, "Frequencies above this are not read by the network, Hz")
    unidirectional: bool = option(False, "LSTM layers in one direction only (causal)")
    dropout: float = option(0.4, "Dropout between LSTM layers, a share of the units")

    def __post_init__(self):
        require_positive(self, "hidden_size", "bandwidth")
        require(
            self.unidirectional or self.hidden_size % 2 == 0,
            "hidden_size",
            found=self.hidden_size,
            wanted="an even number (half of it for each direction)",
        )
        require(
            0 <= self.dropout < 1, "dropout", found=self.dropout, wanted="a share from 0 to below 1"
        )
