"""What goes wrong, as a tree.

ValueError
    UserError           the user can mend it: exit code 2
RuntimeError
    WorkFailedError     the work failed though nothing was wrong with the input: exit code 1
"""

import difflib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

_FIELD = r"[a-z]\w*(?:\.\w+)*"


class UserError(ValueError):
    """Something that the user can mend, told in one line: where, what was found, what was wanted.

    Args:
        field: str or Path. Name of the argument concerned, as in Python (`nhop`), or the file
            or folder concerned.
        found: object. What is there. Text stands in the message as it is, other values as
            Python writes them.
        wanted: str. What would do. Other arguments are named in backticks, as in Python.

    Example:
        >>> print(UserError("nhop", 3, "a divisor of `nfft`"))
        nhop: found 3, wanted a divisor of `nfft`
        >>> print(UserError("nhop", 3, "a divisor of `nfft`").told(flag_name))
        --nhop: found 3, wanted a divisor of --nfft
    """

    # TODO(house): found and wanted are optional only until every room hands them in.
    def __init__(self, field: str | Path, found: Any = None, wanted: str | None = None):
        super().__init__(field, found, wanted)
        self.field, self.found, self.wanted = field, found, wanted

    @classmethod
    def unknown(cls, field: str, found: str, names: Iterable[str]) -> "UserError":
        """A name that there is not, answered by the closest one and all that there are."""
        known = list(names)
        close = difflib.get_close_matches(found, known, n=1)
        meant = f" (did you mean {close[0]}?)" if close else ""
        return cls(field, f"{found!r}{meant}", f"one of {', '.join(known)}")

    def __str__(self) -> str:
        return self.told(lambda field: field, quoted=True)

    def told(self, spell: Callable[[str], str], *, quoted: bool = False) -> str:
        """The message, with the names of arguments spelled as the reader knows them.

        Args:
            spell: Callable. Makes of an argument's name what the reader gives it by.
            quoted: bool. Whether names within the text keep their backticks. Defaults to
                `False`.
        """
        if self.wanted is None:
            return str(self.field)
        where = str(self.field)
        if isinstance(self.field, str) and re.fullmatch(_FIELD, where):
            where = spell(where)
        found = self.found if isinstance(self.found, str) else repr(self.found)
        text = f"found {found}, wanted {self.wanted}"
        if not quoted:
            text = re.sub(f"`({_FIELD})`", lambda match: spell(match[1]), text)
        return f"{where}: {text}"


class WorkFailedError(RuntimeError):
    """Work that failed though nothing was wrong with what the user gave."""


def flag_name(field: str) -> str:
    """The flag of an argument: `batch_size` → `--batch-size`."""
    return "--" + field.replace("_", "-")
