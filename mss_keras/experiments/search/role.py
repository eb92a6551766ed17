"""What a process is in a search on several machines: the chief or a worker."""

import os
from dataclasses import dataclass

from mss_keras.config import UserError

_VARIABLES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")


@dataclass(frozen=True)
class Role:
    """The part that a process plays, as KerasTuner's environment variables say it.

    Args:
        name: of the process; the chief's contains `chief`.
        address: `HOST:PORT` that the chief listens on.

    Example:
        >>> Role("chief", "10.0.0.1:8000").is_chief
        True
    """

    name: str
    address: str

    @property
    def is_chief(self) -> bool:
        """Whether the process is the chief, by KerasTuner's rule."""
        return "chief" in self.name

    @classmethod
    def from_environment(cls) -> "Role | None":
        """This process's role, or None where the search is on one machine.

        Raises:
            UserError: if some of the variables are set, not all.
        """
        values = [os.environ.get(name) for name in _VARIABLES]
        if not any(values):
            return None
        if not all(values):
            missing = [name for name, value in zip(_VARIABLES, values, strict=True) if not value]
            raise UserError(", ".join(missing), "no value", f"all of {', '.join(_VARIABLES)}")
        name, host, port = values
        return cls(str(name), f"{host}:{port}")

    def to_environment(self) -> None:
        """Sets the variables, which KerasTuner reads, to this role."""
        host, _, port = self.address.rpartition(":")
        os.environ |= dict(zip(_VARIABLES, (self.name, host, port), strict=True))
