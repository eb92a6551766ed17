"""The configuration of a run: its groups together, flat on disk and on the command line."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mss_keras.config.audio import AudioConfig
from mss_keras.config.data import DataConfig
from mss_keras.config.errors import UserError
from mss_keras.config.fields import Resumed, require
from mss_keras.config.flat import from_options, plain
from mss_keras.config.machines import MachinesConfig
from mss_keras.config.model import ModelConfig
from mss_keras.config.names import SUMS
from mss_keras.config.training import AdversarialConfig, TrainingConfig

GROUPS: dict[str, type] = {
    "audio": AudioConfig,
    "model": ModelConfig,
    "data": DataConfig,
    "training": TrainingConfig,
    "adversarial": AdversarialConfig,
    "machines": MachinesConfig,
}


@dataclass(frozen=True)
class RunConfig:
    """The configuration of a run: grouped here, flat on disk and on the command line.

    Example:
        >>> config = RunConfig.from_flat({"nfft": 2048, "loss": ["psa"]})
        >>> config.audio.nfft, config.training.loss
        (2048, ('psa',))
        >>> config.to_flat()["nfft"]
        2048
    """

    audio: AudioConfig = AudioConfig()
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    training: TrainingConfig = TrainingConfig()
    adversarial: AdversarialConfig = AdversarialConfig()
    machines: MachinesConfig = MachinesConfig()

    def __post_init__(self):
        object.__setattr__(self, "model", self.model.at(self.audio.sample_rate))
        nyquist = self.audio.sample_rate / 2
        bandwidth = self.model.bandwidth
        require(
            bandwidth <= nyquist,
            "bandwidth",
            found=bandwidth,
            wanted=f"at most the Nyquist rate {nyquist:g}",
        )
        names = self.data.sources
        for name in names:
            parts = [part for part in SUMS.get(name, ()) if part in names]
            if parts:
                found = f"{name} beside {', '.join(parts)}"
                raise UserError("sources", found, "a source or its parts, not both in a mixture")
        pretraining, epochs = self.adversarial.pretrain_epochs, self.training.epochs
        require(
            pretraining is None or pretraining < epochs,
            "pretrain_epochs",
            found=pretraining,
            wanted=f"fewer than `epochs` {epochs}",
        )

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> "RunConfig":
        """A configuration, from `{field: value}` over all groups.

        Raises:
            UserError: for an unknown field or a value out of range.
        """
        known = fields()
        for name in values:
            if name not in known:
                raise UserError.unknown("config", name, known)
        return cls(**{name: from_options(group, values) for name, group in GROUPS.items()})

    def binding(self, resumed: Resumed) -> dict[str, Any]:
        """`to_flat`, without the fields that may change when work of a kind is resumed."""
        known = fields()
        return {
            name: value
            for name, value in self.to_flat().items()
            if resumed not in known[name].metadata["may_change"]
        }

    def to_flat(self) -> dict[str, Any]:
        """`{field: value}` over all groups, of types that YAML and JSON know."""
        groups = (getattr(self, name) for name in GROUPS)
        return {
            field.name: plain(getattr(group, field.name))
            for group in groups
            for field in dataclasses.fields(group)
        }


def fields() -> dict[str, dataclasses.Field]:
    """Every field of a run's configuration, by name."""
    return {field.name: field for group in GROUPS.values() for field in dataclasses.fields(group)}
