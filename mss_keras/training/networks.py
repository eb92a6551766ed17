"""The networks that losses compare through: made here, where model and loss meet.

A loss says by `companion` which kind it wants, and by `network` which one, if it is not there
already.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from mss_keras import losses
from mss_keras.config import (
    FEATURE_LAYERS,
    SOURCES,
    VGGISH,
    AdversarialConfig,
    AudioConfig,
    TrainingConfig,
    UserError,
    flag_name,
    require,
)
from mss_keras.losses import SeparationLoss
from mss_keras.models import hub
from mss_keras.models.discriminator import Discriminators
from mss_keras.models.vggish import DeepFeatures

Note = Callable[[str], None]
_PLAIN = vars(AdversarialConfig())


def losses_of(
    settings: TrainingConfig,
    adversarial: AdversarialConfig = AdversarialConfig(),
) -> list[SeparationLoss]:
    """The losses of a configuration; their networks are described, not made.

    Raises:
        UserError: for an unknown loss or hyper-parameter, a path at which nothing is, or
            settings of a network that no loss needs.
    """
    chosen = losses.get_all(settings.loss, settings.loss_args)
    hearing = [loss for loss in chosen if loss.companion == "vggish"]
    own = (settings.vggish, settings.feature_layers)
    if own != (VGGISH, FEATURE_LAYERS) and not hearing:
        raise UserError(
            f"--vggish, --feature-layers: found with --loss {' '.join(settings.loss)}, "
            "wanted with deep_feature"
        )
    for loss in hearing:
        hub.check_handle(settings.vggish)
        loss.network = {"vggish": settings.vggish, "layers": list(settings.feature_layers)}
    opposed = [loss for loss in chosen if loss.companion == "discriminators"]
    given = [key for key, value in vars(adversarial).items() if value != _PLAIN[key]]
    if given and not opposed:
        raise UserError(
            f"{', '.join(map(flag_name, given))}: found with --loss {' '.join(settings.loss)}, "
            "wanted with adversarial"
        )
    for loss in opposed:
        loss.network = {"filters": adversarial.discriminator_filters}
    return chosen


def bind(
    loss: SeparationLoss,
    audio: AudioConfig,
    note: Note = warnings.warn,
    *,
    sources: int = len(SOURCES),
    synchronized: bool = False,
    policy: str = "float32",
) -> None:
    """Gives a loss the network it needs, if it has none that can be called.

    Variables are made under the distribution strategy in force. They are the network's
    own: no model tracks them, so they are not trained with it, saved or exported.

    Args:
        loss: any loss.
        audio: the separator's STFT.
        note: called with a line for what a user would want to know.
        sources: how many the separator has.
        synchronized: whether batch statistics are to be taken over all replicas.
        policy: Keras's dtype policy, where a network is trained along.

    Raises:
        UserError: if the network cannot be had.
    """
    network = getattr(loss, "network", None)
    if loss.companion is None or callable(network):
        return
    description = network or {}
    if loss.companion == "vggish":
        loss.network = _vggish(description, audio, note)
    else:
        shape = (audio.nb_channels, audio.bins)
        loss.network = Discriminators(
            sources,
            shape,
            {"filters": AdversarialConfig().discriminator_filters, **description},
            synchronized=synchronized,
            policy=policy,
        )


def _vggish(description: Mapping[str, Any], audio: AudioConfig, note: Note) -> DeepFeatures:
    description = {"vggish": VGGISH, "layers": list(FEATURE_LAYERS), **description}
    layers = description["layers"]
    known = bool(layers) and set(layers) <= set(FEATURE_LAYERS)
    require(
        known, "feature_layers", found=list(layers), wanted=f"some of {', '.join(FEATURE_LAYERS)}"
    )
    weights = hub.load(description["vggish"], note)
    return DeepFeatures(weights, audio, layers, description=description, note=note)
