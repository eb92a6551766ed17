"""What losses share that compare magnitudes through a network."""

from collections.abc import Callable, Mapping
from typing import Any

from mss_keras.losses.base import SeparationLoss


class NetworkLoss(SeparationLoss):
    """A loss of magnitudes with a network, ready to be called or described.

    Subclasses name the kind of network by `companion`; see `SeparationLoss`.

    Args:
        domain: str. Only `"magnitude"`.
        network: callable, with an attribute `description` if the loss is to be saved; or
            such a description, a mapping, of which training makes the network; or None.
        **kwargs: as `SeparationLoss`.

    Raises:
        ValueError: for another domain, or a network that is neither.
    """

    def __init__(
        self, domain: str, network: Callable[..., Any] | Mapping[str, Any] | None, **kwargs
    ):
        if domain != "magnitude":
            raise ValueError(f"domain: found {domain!r}, wanted 'magnitude'")
        super().__init__(domain, **kwargs)
        if not (network is None or callable(network) or isinstance(network, Mapping)):
            raise ValueError(f"network: found {network!r}, wanted a callable or a description")
        self.network = network

    def ready(self) -> Callable[..., Any]:
        """The network.

        Raises:
            ValueError: if there is none that can be called.
        """
        if not callable(self.network):
            raise ValueError(f"{self.name}: no network found, wanted network=… to compare through")
        return self.network

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; of the network its description, not its weights."""
        network = self.network
        if callable(network):
            network = getattr(network, "description", None)
            if network is None:
                raise ValueError(f"{self.name}: the network has no description to be saved by")
        return {**super().get_config(), "network": network}
