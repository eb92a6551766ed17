"""What losses share that compare magnitudes through a network."""

from collections.abc import Callable, Mapping
from typing import Any

from mss_keras.config import require
from mss_keras.losses.base import SeparationLoss


class NetworkLoss(SeparationLoss):
    """A loss of magnitudes that compares through a network.

    Subclasses name the kind of network by `companion`; see `SeparationLoss`.

    Args:
        domain: str. Only `"magnitude"`.
        network: callable, mapping or None. The network itself, with an attribute `description`
            if the loss is to be saved; or the description alone: training makes the
            network by it.
        **kwargs: as `SeparationLoss`.

    Raises:
        UserError: if the domain is another, or the network neither callable nor a mapping.
    """

    def __init__(
        self, domain: str, network: Callable[..., Any] | Mapping[str, Any] | None, **kwargs
    ):
        require(domain == "magnitude", "domain", found=domain, wanted="'magnitude'")
        super().__init__(domain, **kwargs)
        require(
            network is None or callable(network) or isinstance(network, Mapping),
            "network",
            found=network,
            wanted="a callable or a description",
        )
        self.network = network

    def callable_network(self) -> Callable[..., Any]:
        """The network.

        Raises:
            ValueError: if the loss has no network, or only the description of one.
        """
        if not callable(self.network):
            raise ValueError(f"{self.name}: no network found, wanted network=… to compare through")
        return self.network

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor; of the network its description, not its weights.

        Raises:
            ValueError: if the network has no description.
        """
        network = self.network
        if callable(network):
            network = getattr(network, "description", None)
            if network is None:
                raise ValueError(f"{self.name}: the network has no description to be saved by")
        return {**super().get_config(), "network": network}
