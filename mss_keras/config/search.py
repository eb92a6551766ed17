"""How the weights of losses are searched."""

from dataclasses import dataclass
from typing import Literal

from mss_keras.config.fields import option, require, require_positive


@dataclass(frozen=True)
class SearchConfig:
    """How the weights of losses are searched."""

    tuner: Literal["bayesian", "hyperband", "random", "grid"] = option(
        "bayesian", "KerasTuner's Oracle: how the next trial is chosen"
    )
    trials: int = option(30, "Trials at most")
    trial_epochs: int | None = option(
        None, "Epochs of a trial at most, of hyperband's longest; --epochs if not given"
    )
    objective: str = option("val_si_sdr", "Metric on the validation split that decides")
    range: tuple[str, ...] = option(
        (),
        "NAME=LOW:HIGH[:log|linear] in place of the loss's own range; also of lr, hidden-size, "
        "seq-dur, feature-layers (=conv1+conv2:conv4_2), loss_weight.LOSS; again for several",
        repeated=True,
    )
    workers: int = option(1, "Trials at a time on this machine, a process each")
    worker_timeout: float = option(
        60.0, "Seconds without a word after which the chief gives up a worker and its trial"
    )

    def __post_init__(self):
        require_positive(self, "trials", "workers", "worker_timeout")
        epochs = self.trial_epochs
        require(
            epochs is None or epochs > 0, "trial_epochs", found=epochs, wanted="a number above 0"
        )
