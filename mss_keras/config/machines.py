"""On which machines a run is trained, and how they find each other."""

from dataclasses import dataclass
from typing import Literal

from mss_keras.config.fields import ALWAYS, option, require_choices, require_positive


@dataclass(frozen=True)
class MachinesConfig:
    """On which machines a run is trained, and how they find each other.

    Example:
        >>> MachinesConfig(strategy="multiworker").startup_timeout
        300.0
        >>> MachinesConfig(strategy="multiworker", startup_timeout=0)
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: startup_timeout: found 0, wanted a number above 0
    """

    strategy: Literal["multiworker"] | None = option(
        None,
        "How several machines train together, each of which runs the same command: multiworker; "
        "this machine alone if not given",
        section="machine",
        may_change=ALWAYS,
    )
    cluster: Literal["tf-config", "slurm"] = option(
        "tf-config",
        "Where the machines of `strategy` multiworker are named: in the variable TF_CONFIG, or by "
        "Slurm",
        section="machine",
        may_change=ALWAYS,
    )
    startup_timeout: float = option(
        300.0,
        "Seconds to wait for all machines of `strategy` multiworker",
        section="machine",
        may_change=ALWAYS,
    )

    def __post_init__(self):
        require_choices(self)
        require_positive(self, "startup_timeout")
