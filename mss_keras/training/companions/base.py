"""The companion of a loss that needs nothing, from which the others derive."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import tensorflow as tf

from mss_keras.config import SOURCES, AudioConfig, RunConfig
from mss_keras.domains import Scene
from mss_keras.losses import SeparationLoss


@dataclass(frozen=True)
class Phase:
    """Epochs that are trained in one way.

    Args:
        epochs: int. Number of epochs of the run after which the phase ends at the latest.
        patience: int. Epochs without improvement, counted within the phase, that end it.
        unpaired: bool. Whether batches hold unpaired music too. Defaults to `False`.
    """

    epochs: int
    patience: int
    unpaired: bool = False


@dataclass(frozen=True)
class Surroundings:
    """The model and the devices that a companion is bound to.

    Args:
        audio: AudioConfig. The STFT of the separator.
        sources: tuple of str. Names of the sources. Defaults to MUSDB18's four.
        synchronized: bool. Whether batch statistics are taken over all replicas. Defaults to
            `False`.
        policy: str. Keras's dtype policy of networks that are trained along. Defaults to
            `"float32"`.
        optimizer: Callable. Makes the optimiser of a network that is trained along. Defaults to
            Keras's Adam.
        say: Callable. Is called with each line that a user would want to know. Defaults to
            `warnings.warn`.
    """

    audio: AudioConfig
    sources: tuple[str, ...] = SOURCES
    synchronized: bool = False
    policy: str = "float32"
    optimizer: Callable[[], keras.optimizers.Optimizer] = keras.optimizers.Adam
    say: Callable[[str], Any] = warnings.warn


class Companion:
    """All that goes along with a loss in training; this one does nothing.

    A loss knows no model and no training. What it needs of them, its companion gives: a network
    to compare through, phases of training, an update before each step, further terms, state for
    checkpoints and logs.

    Args:
        loss: SeparationLoss. The loss that this is the companion of.
    """

    # Fields of `RunConfig` that no other companion reads.
    settings: ClassVar[tuple[str, ...]] = ()
    # Whether its loss is trained by batches that hold unpaired music.
    unpaired: ClassVar[bool] = False

    def __init__(self, loss: SeparationLoss):
        self.loss = loss

    @classmethod
    def configure(cls, loss: SeparationLoss, config: RunConfig) -> None:
        """Tells a loss which network a configuration wants; makes nothing.

        Raises:
            UserError: if a network that the configuration names does not exist.
        """

    @classmethod
    def phases(cls, config: RunConfig) -> list[Phase]:
        """Phases of training that the loss asks for; an empty list asks for none."""
        return []

    def fetch(self, say: Callable[[str], Any]) -> None:
        """Gets what may be missing, before time is spent on anything else.

        Args:
            say: Callable. As in `Surroundings`.

        Raises:
            UserError: if it is missing.
        """

    def bind(self, surroundings: Surroundings) -> None:
        """Makes ready for a model, under the distribution strategy in force.

        What is bound already is left as it is. The variables that are made here belong to the
        companion: no model tracks, trains or exports them.

        Raises:
            UserError: if a network cannot be had.
        """

    def before_step(self, scene: Scene) -> None:
        """Is called within each step, before the losses are computed."""

    def loss_for(self, scene: Scene) -> SeparationLoss:
        """The loss that is computed for a batch."""
        return self.loss

    def extra_terms(self, scene: Scene) -> dict[str, tf.Tensor]:
        """What is added to terms of the loss, by the name of the term; `[batch]` each."""
        return {}

    @property
    def state(self) -> dict[str, list[keras.Variable]]:
        """Variables that a checkpoint has to hold, by the name of their part."""
        return {}

    def reset_logs(self) -> None:
        """Begins the means of an epoch anew."""

    def logs(self) -> dict[str, float]:
        """Means since `reset_logs`, too many for a progress bar."""
        return {}
