"""The network."""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from mss_keras.config.fields import option, require, require_choices, require_positive


@dataclass(frozen=True)
class ModelConfig:
    """The OpenUnmix network.

    Example:
        >>> ModelConfig(architecture="joined")
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: architecture: found 'joined' (did you mean joint?), ...
    """

    architecture: Literal["joint", "separate"] = option(
        "joint",
        "One trunk with a head for each source (joint), or one network for each source (separate)",
        section="network",
    )
    hidden_size: int = option(
        512,
        "Width of the network, units; the paper's joint network has 1024",
        section="network",
        everyday=True,
    )
    bandwidth: float = option(
        16000.0,
        "The network does not read frequencies above this, Hz; the default is half of the sample "
        "rate where that is less",
        section="network",
    )
    unidirectional: bool = option(
        False, "Run the LSTM layers in one direction only (causal)", section="network"
    )
    mask_activation: Literal["relu", "softmax", "sigmoid"] | None = option(
        None,
        "What makes masks of the network's last values; the default follows from the loss: softmax "
        "for cross_entropy_mask, sigmoid for binary_cross_entropy_mask, relu for all others",
        section="network",
    )
    dropout: float = option(0.4, "Dropout between LSTM layers, a share of units", section="network")

    def __post_init__(self):
        require_choices(self)
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

    def at(self, sample_rate: int) -> "ModelConfig":
        """This network at a sample rate: the default of `bandwidth` is at most half of it.

        Args:
            sample_rate: Hz.

        Example:
            >>> ModelConfig().at(22050).bandwidth, ModelConfig(bandwidth=8000.0).at(22050).bandwidth
            (11025.0, 8000.0)
        """
        if self.bandwidth != ModelConfig.bandwidth:
            return self
        return dataclasses.replace(self, bandwidth=min(self.bandwidth, sample_rate / 2))
