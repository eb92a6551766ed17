"""Which companion a loss has: the one place that maps a loss's kind to what it needs."""

from collections.abc import Iterable, Sequence

from mss_keras import losses
from mss_keras.config import RunConfig, UserError
from mss_keras.losses import SeparationLoss
from mss_keras.training.companions.base import Companion, Phase
from mss_keras.training.companions.discriminators import DiscriminatorsCompanion
from mss_keras.training.companions.vggish import VGGishCompanion

# By `SeparationLoss.companion`.
COMPANIONS: dict[str | None, type[Companion]] = {
    None: Companion,
    "vggish": VGGishCompanion,
    "discriminators": DiscriminatorsCompanion,
}


def companion_of(loss: SeparationLoss) -> Companion:
    """A new companion for a loss."""
    return COMPANIONS[loss.companion](loss)


def losses_of(config: RunConfig) -> list[SeparationLoss]:
    """The losses of a configuration; their networks are described, not made.

    Raises:
        UserError: for an unknown loss or hyper-parameter, for a network that does not exist, or
            for a setting that none of the losses uses.
    """
    chosen = losses.get_all(config.training.loss, config.training.loss_args)
    refuse_unused(config, config.training.loss)
    for loss in chosen:
        COMPANIONS[loss.companion].configure(loss, config)
    return chosen


def phases(config: RunConfig) -> list[Phase]:
    """The phases of a run, in order.

    Improvement is counted anew in each phase.
    """
    planned = (_kind(name).phases(config) for name in config.training.loss)
    alone = [Phase(config.training.epochs, config.training.patience)]
    return next(filter(None, planned), alone)


def unused_settings(names: Iterable[str]) -> list[str]:
    """Fields of `RunConfig` that only companions of other losses read.

    Args:
        names: names of losses.
    """
    used = {setting for name in names for setting in _kind(name).settings}
    settings = (setting for kind in COMPANIONS.values() for setting in kind.settings)
    return [setting for setting in settings if setting not in used]


def refuse_unused(config: RunConfig, names: Sequence[str]) -> None:
    """Refuses settings that none of the losses uses.

    Args:
        config: the settings.
        names: names of losses.

    Raises:
        UserError: for a setting that only companions of other losses read.
    """
    values, defaults = config.to_flat(), RunConfig().to_flat()
    for name in unused_settings(names):
        if values[name] != defaults[name]:
            users = [x for x in losses.names() if name in _kind(x).settings]
            found = f"{values[name]} with `loss` {' '.join(names)}"
            raise UserError(name, found, f"it with {' or '.join(users)} alone")


def without_unused(config: RunConfig) -> RunConfig:
    """A configuration in which settings that none of its losses uses have their defaults."""
    defaults = RunConfig().to_flat()
    unused = {name: defaults[name] for name in unused_settings(config.training.loss)}
    return RunConfig.from_flat({**config.to_flat(), **unused})


def _kind(name: str) -> type[Companion]:
    return COMPANIONS[losses.entry(name).loss.companion]
