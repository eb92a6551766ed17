"""The companion of deep features: VGGish, frozen."""

from collections.abc import Callable
from typing import Any

from mss_keras.config import FEATURE_LAYERS, VGGISH, RunConfig, require
from mss_keras.losses import SeparationLoss
from mss_keras.models import hub
from mss_keras.models.vggish import DeepFeatures
from mss_keras.training.companions.base import Companion, Surroundings

# What `fetch` leaves for `bind` in the description: the weights, and who is told of things.
_FETCHED = "fetched"


class VGGishCompanion(Companion):
    """Gives a loss the feature maps of VGGish to compare.

    Args:
        loss: NetworkLoss. Its `network` may be a callable, or describe VGGish by `vggish` (handle
            or path) and `layers`.
    """

    settings = ("vggish", "feature_layers")

    @classmethod
    def configure(cls, loss: SeparationLoss, config: RunConfig) -> None:
        """Names module and layers; see `Companion.configure`."""
        chosen = config.training
        hub.check_handle(chosen.vggish)
        loss.network = {"vggish": chosen.vggish, "layers": list(chosen.feature_layers)}

    def fetch(self, say: Callable[[str], Any]) -> None:
        """Loads the weights of VGGish, which may not be there; see `Companion.fetch`."""
        if not callable(self.loss.network):
            description = self._description()
            weights = hub.load(description["vggish"], say)
            self.loss.network = {**description, _FETCHED: (weights, say)}

    def bind(self, surroundings: Surroundings) -> None:
        """Makes the network, unless the loss has one; see `Companion.bind`."""
        if callable(self.loss.network):
            return
        description = self._description()
        weights, say = description.pop(_FETCHED, (None, surroundings.say))
        if weights is None:
            weights = hub.load(description["vggish"], say)
        self.loss.network = DeepFeatures(
            weights,
            surroundings.audio,
            description["layers"],
            description=description,
            note=say,
        )

    def _description(self) -> dict[str, Any]:
        defaults = {"vggish": VGGISH, "layers": list(FEATURE_LAYERS)}
        description = {**defaults, **(self.loss.network or {})}
        layers = description["layers"]
        require(
            bool(layers) and set(layers) <= set(FEATURE_LAYERS),
            "feature_layers",
            found=list(layers),
            wanted=f"some of {', '.join(FEATURE_LAYERS)}",
        )
        return description
