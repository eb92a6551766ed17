"""How the weights of losses are searched."""

from dataclasses import dataclass
from typing import Literal

from mss_keras.config.fields import option, require_choices, require_positive


@dataclass(frozen=True)
class SearchConfig:
    """How the weights of losses are searched.

    Example:
        >>> SearchConfig(trials=0)
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: trials: found 0, wanted a number above 0
    """

    tuner: Literal["bayesian", "hyperband", "random", "grid"] = option(
        "bayesian",
        "Oracle of KerasTuner, which chooses the next trial",
        section="search",
        everyday=True,
    )
    trials: int = option(30, "Number of trials at most", section="search", everyday=True)
    trial_epochs: int | None = option(
        None,
        "Number of epochs of a trial at most (hyperband: of its longest); `epochs` if not given",
        section="search",
        everyday=True,
    )
    objective: str = option(
        "val_si_sdr", "Metric on the validation split that decides", section="search"
    )
    range: tuple[str, ...] = option(
        (),
        "NAME=LOW:HIGH[:log|linear] in place of the loss's own range. NAME may also be lr, "
        "hidden-size, seq-dur, loss_weight.LOSS, or feature-layers (=conv1+conv2:conv4_2). Repeat "
        "the flag for several",
        section="search",
        everyday=True,
        repeated=True,
    )
    workers: int = option(
        1,
        "Number of trials at a time on this machine, each in its own process and on one GPU",
        section="search",
    )
    worker_timeout: float = option(
        60.0,
        "Seconds of silence after which the chief drops a worker and marks its trial failed",
        section="search",
    )

    def __post_init__(self):
        require_choices(self)
        require_positive(self, "trials", "trial_epochs", "workers", "worker_timeout")
