"""The networks that losses compare through: made here, where model and loss meet.

A loss says by `needs` which kind it wants, and by `network` which one, if it is not there
already. A new kind is a function and a line in `_MAKERS`.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from mss_keras import losses
from mss_keras.config import FEATURE_LAYERS, VGGISH, AudioConfig, TrainingConfig, UserError, require
from mss_keras.losses import SeparationLoss
from mss_keras.models import hub
from mss_keras.models.vggish import DeepFeatures

Note = Callable[[str], None]


def losses_of(settings: TrainingConfig) -> list[SeparationLoss]:
    """The losses of a configuration; their networks are described, not made.

    Raises:
        UserError: for an unknown loss or hyper-parameter, a path at which nothing is, or
            settings of a network that no loss needs.
    """
    chosen = losses.get_all(settings.loss, settings.loss_args)
    hearing = [loss for loss in chosen if loss.needs == "vggish"]
    own = (settings.vggish, settings.feature_layers)
    if own != (VGGISH, FEATURE_LAYERS) and not hearing:
        raise UserError(
            f"--vggish, --feature-layers: found with --loss {' '.join(settings.loss)}, "
            "wanted with deep_feature"
        )
    for loss in hearing:
        hub.check_handle(settings.vggish)
        loss.network = {"vggish": settings.vggish, "layers": list(settings.feature_layers)}
    return chosen


def bind(loss: SeparationLoss, audio: AudioConfig, note: Note = warnings.warn) -> None:
    """Gives a loss the network it needs, if it has none that can be called.

    Variables are made under the distribution strategy in force. They are the network's
    own: no model tracks them, so they are not trained, saved or exported.

    Args:
        loss: any loss.
        audio: the separator's STFT.
        note: called with a line for what a user would want to know.

    Raises:
        UserError: if the network cannot be had.
    """
    network = getattr(loss, "network", None)
    if loss.needs is not None and not callable(network):
        loss.network = _MAKERS[loss.needs](network or {}, audio, note)


def _vggish(description: Mapping[str, Any], audio: AudioConfig, note: Note) -> DeepFeatures:
    description = {"vggish": VGGISH, "layers": list(FEATURE_LAYERS), **description}
    layers = description["layers"]
    known = bool(layers) and set(layers) <= set(FEATURE_LAYERS)
    require(known, "feature_layers", list(layers), f"some of {', '.join(FEATURE_LAYERS)}")
    weights = hub.load(description["vggish"], note)
    return DeepFeatures(weights, audio, layers, description=description, note=note)


_MAKERS: dict[str, Callable[[Mapping[str, Any], AudioConfig, Note], Any]] = {"vggish": _vggish}
