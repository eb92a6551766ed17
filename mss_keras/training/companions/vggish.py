"""The companion of deep features: VGGish, frozen."""

from mss_keras.config import FEATURE_LAYERS, VGGISH, RunConfig, require
from mss_keras.losses import SeparationLoss
from mss_keras.models import hub
from mss_keras.models.vggish import DeepFeatures
from mss_keras.training.companions.base import Companion, Surroundings


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

    def fetch(self, surroundings: Surroundings) -> None:
        """Loads VGGish, which may not be there; see `Companion.fetch`."""
        self.bind(surroundings)

    def bind(self, surroundings: Surroundings) -> None:
        """Loads VGGish, unless the loss has a network; see `Companion.bind`."""
        if callable(self.loss.network):
            return
        defaults = {"vggish": VGGISH, "layers": list(FEATURE_LAYERS)}
        description = {**defaults, **(self.loss.network or {})}
        layers = description["layers"]
        known = bool(layers) and set(layers) <= set(FEATURE_LAYERS)
        require(
            known,
            "feature_layers",
            found=list(layers),
            wanted=f"some of {', '.join(FEATURE_LAYERS)}",
        )
        weights = hub.load(description["vggish"], surroundings.say)
        self.loss.network = DeepFeatures(
            weights, surroundings.audio, layers, description=description, note=surroundings.say
        )
