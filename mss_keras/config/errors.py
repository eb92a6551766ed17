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
        found: object. What was found. A text stands in the message as it is, another value as
            Python writes it.
        wanted: str. What would be right. Other arguments are named in backticks, as in Python.

    Example:
        >>> error = UserError("nhop", 3, "a divisor of `nfft`")
        >>> print(error)
        nhop: found 3, wanted a divisor of `nfft`
        >>> print(error.spelled(flag_name))
        --nhop: found 3, wanted a divisor of --nfft
    """

    def __init__(self, field: str | Path, found: Any, wanted: str):
        super().__init__(field, found, wanted)
        self.field, self.found, self.wanted = field, found, wanted

    @classmethod
    def unknown(
        cls, field: str | Path, found: object, names: Iterable[str], *, wanted: str | None = None
    ) -> "UserError":
        """The error for a name that does not exist; it proposes the closest name.

        Args:
            field: str or Path. As in the constructor.
            found: object. The name that does not exist.
            names: iterable of str. The names that exist.
            wanted: str. What would be right. Defaults to the list of `names`.

        Example:
            >>> print(UserError.unknown("targets", "vocal", ["vocals", "drums"]))
            targets: found 'vocal' (did you mean vocals?), wanted one of vocals, drums
        """
        known = list(names)
        close = closest(str(found), known)
        meant = f" (did you mean {close}?)" if close else ""
        return cls(field, f"{found!r}{meant}", wanted or f"one of {', '.join(known)}")

    @property
    def quoted(self) -> str:
        """The message with all names of arguments in backticks, for `respelled` to find.

        Example:
            >>> respelled(UserError("nhop", 3, "a divisor of `nfft`").quoted, flag_name)
            '--nhop: found 3, wanted a divisor of --nfft'
        """
        return self.spelled(lambda field: f"`{field}`", quoted=True)

    def __str__(self) -> str:
        return self.spelled(lambda field: field, quoted=True)

    def spelled(self, spell: Callable[[str], str], *, quoted: bool = False) -> str:
        """The message, with the names of arguments written as its reader knows them.

        Args:
            spell: Callable. Returns the reader's name of an argument, given its Python name.
            quoted: bool. Whether names inside the text keep their backticks. Defaults to
                `False`.
        """
        where = str(self.field)
        if isinstance(self.field, str) and re.fullmatch(_FIELD, where):
            where = spell(where)
        found = self.found if isinstance(self.found, str) else repr(self.found)
        text = f"found {found}, wanted {self.wanted}"
        return f"{where}: {text if quoted else respelled(text, spell)}"


class WorkFailedError(RuntimeError):
    """The work failed though nothing was wrong with what the user gave."""


def closest(found: str, names: Iterable[str]) -> str | None:
    """The name that is next to what was found, in whatever case, where one is close.

    Example:
        >>> closest("UMX-HQ", ["umx", "umxhq"])
        'umxhq'
    """
    folded = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(found.casefold(), folded, n=1)
    return folded[close[0]] if close else None


def flag_name(field: str) -> str:
    """The command line's flag for an argument.

    Example:
        >>> flag_name("batch_size"), flag_name("loss_args.logl1_time.normalization")
        ('--batch-size', '--loss-args.logl1_time.normalization')
    """
    name, *keys = field.split(".")
    return ".".join(["--" + name.replace("_", "-"), *keys])


def respelled(text: str, spell: Callable[[str], str]) -> str:
    """A text whose names in backticks are replaced by the reader's names.

    Example:
        >>> respelled("half of `epochs` at most", flag_name)
        'half of --epochs at most'
    """
    return re.sub(f"`({_FIELD})`", lambda match: spell(match[1]), text)
