"""The network."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mss_keras.config.errors import UserError
from mss_keras.config.fields import option, require, require_choices, require_positive
from mss_keras.config.names import NETWORKS, OPENUNMIX

# As an entry point names a class: PACKAGE.MODULE:CLASS.
_CLASS = r"\w+(\.\w+)*:\w+(\.\w+)*"


@dataclass(frozen=True)
class ModelConfig:
    """The network that separates.

    Example:
        >>> ModelConfig(network="joined")
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: network: found 'joined' (did you mean joint?), ...
    """

    network: str = option(
        "joint",
        "Network: OpenUnmix with one trunk and a head for each source (joint) or with one network "
        "for each source (separate), spleeter, or PACKAGE.MODULE:CLASS, a Keras layer from "
        "magnitudes to masks or from waveforms to waveforms",
        section="network",
        everyday=True,
    )
    hidden_size: int = option(
        512,
        "Width of OpenUnmix, units; the paper's joint network has 1024",
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
        False, "Run OpenUnmix's LSTM layers in one direction only (causal)", section="network"
    )
    mask_activation: Literal["relu", "softmax", "sigmoid"] | None = option(
        None,
        "What makes masks of the network's last values; the default follows from the loss: softmax "
        "for cross_entropy_mask, sigmoid for binary_cross_entropy_mask, relu for all others",
        section="network",
    )
    dropout: float = option(
        0.4, "Dropout between OpenUnmix's LSTM layers, a share of units", section="network"
    )
    network_args: Mapping[str, Any] = option(
        {},
        "Arguments of spleeter or of a layer of your own: `network_args.type` softmax_unet",
        section="network",
    )

    def __post_init__(self):
        if self.network not in NETWORKS and not re.fullmatch(_CLASS, self.network):
            wanted = f"one of {', '.join(NETWORKS)}, or PACKAGE.MODULE:CLASS"
            raise UserError.unknown("network", self.network, NETWORKS, wanted=wanted)
        own = self.network in OPENUNMIX
        found = dict(self.network_args)
        require(not (own and found), "network_args", found=found, wanted="none with OpenUnmix")
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

    def described(self) -> str:
        """The network in words.

        Example:
            >>> ModelConfig(hidden_size=8).described()
            'OpenUnmix, joint, bidirectional, hidden size 8'
            >>> ModelConfig("spleeter", network_args={"type": "blstm"}).described()
            'spleeter, type blstm'
        """
        if self.network not in OPENUNMIX:
            own = [f"{name} {value}" for name, value in self.network_args.items()]
            return ", ".join([self.network, *own])
        direction = "unidirectional" if self.unidirectional else "bidirectional"
        return f"OpenUnmix, {self.network}, {direction}, hidden size {self.hidden_size}"

    def hearing(self, sample_rate: int) -> str | None:
        """What the network hears, in a sentence; nothing is known of a user's class.

        Args:
            sample_rate: Hz.

        Example:
            >>> ModelConfig("spleeter").hearing(44100)
            'The network hears frequencies up to 16000 Hz, and lets none above pass.'
        """
        if self.network not in NETWORKS:
            return None
        guesses = self.network in OPENUNMIX or self.network_args.get("mask_extension") == "average"
        above = "guesses those above" if guesses else "lets none above pass"
        bandwidth = min(self.bandwidth, sample_rate / 2)
        return f"The network hears frequencies up to {bandwidth:g} Hz, and {above}."

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
