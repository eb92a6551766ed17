"""Music source separation in Keras: losses, OpenUnmix, training and evaluation."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mss_keras.training.separator import Separator

__all__ = ["Separator"]


def __getattr__(name: str) -> Any:
    # Late, so that the configuration can be read without importing TensorFlow.
    if name == "Separator":
        from mss_keras.training.separator import Separator

        return Separator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
