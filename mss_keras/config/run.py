"""All of a run: its groups together, flat on disk and on the command line."""

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mss_keras.config.audio import AudioConfig
from mss_keras.config.data import DataConfig
from mss_keras.config.errors import UserError
from mss_keras.config.fields import Resumed, require
from mss_keras.config.model import ModelConfig
from mss_keras.config.training import AdversarialConfig, TrainingConfig

GROUPS: dict[str, type] = {
    "audio": AudioConfig,
    "model": ModelConfig,
    "data": DataConfig,
    "training": TrainingConfig,
    "adversarial": AdversarialConfig,
}


@dataclass(frozen=True)
class RunConfig:
    """All of a run. Flat on disk and on the command line, grouped here."""

    audio: AudioConfig = AudioConfig()
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    training: TrainingConfig = TrainingConfig()
    adversarial: AdversarialConfig = AdversarialConfig()

    def __post_init__(self):
        nyquist = self.audio.sample_rate / 2
        bandwidth = self.model.bandwidth
        require(
            bandwidth <= nyquist,
            "bandwidth",
            found=bandwidth,
            wanted=f"at most the Nyquist rate {nyquist:g}",
        )
        pretraining, epochs = self.adversarial.pretrain_epochs, self.training.epochs
        require(
            pretraining is None or pretraining < epochs,
            "pretrain_epochs",
            found=pretraining,
            wanted=f"fewer than `epochs` {epochs}",
        )

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> "RunConfig":
        """Builds a configuration from `{field: value}` over all groups.

        Raises:
            UserError: for an unknown field or a value out of range.
        """
        rest = dict(values)
        groups = {}
        for name, group in GROUPS.items():
            own = {
                f.name: _frozen(f.type, rest.pop(f.name)) for f in _fields(group) if f.name in rest
            }
            groups[name] = group(**own)
        if rest:
            raise UserError("config", f"unknown keys {sorted(rest)}", f"some of {sorted(fields())}")
        return cls(**groups)

    def binding(self, resumed: Resumed) -> dict[str, Any]:
        """`to_flat`, without the fields that may change when a kind of work is resumed."""
        known = fields()
        return {
            name: value
            for name, value in self.to_flat().items()
            if resumed not in known[name].metadata["may_change"]
        }

    def to_flat(self) -> dict[str, Any]:
        """`{field: value}` over all groups, of types that YAML and JSON know."""
        flat = {
            field.name: getattr(getattr(self, name), field.name)
            for name, group in GROUPS.items()
            for field in _fields(group)
        }
        return {key: _plain(value) for key, value in flat.items()}


def default_of(field: dataclasses.Field) -> Any:
    """A field's default, of types that YAML and JSON know."""
    if callable(field.default_factory):
        return _plain(field.default_factory())
    return _plain(field.default)


def _fields(group: type) -> tuple[dataclasses.Field, ...]:
    return dataclasses.fields(group)


def fields() -> dict[str, dataclasses.Field]:
    """Every field of a run's configuration, by name."""
    return {f.name: f for group in GROUPS.values() for f in _fields(group)}


def from_options(group: type, options: Mapping[str, Any]) -> Any:
    """One group, from the options of a command that has fields of it as flags.

    Raises:
        UserError: for a value out of range.
    """
    own = {f.name: _frozen(f.type, options[f.name]) for f in _fields(group) if f.name in options}
    return group(**own)


def _frozen(annotation: Any, value: Any) -> Any:
    if typing.get_origin(annotation) is tuple:
        return tuple(value) if isinstance(value, (list, tuple)) else (value,)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
