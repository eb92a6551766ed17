"""How a full disk is told from other failures, whoever found it full."""

import errno
import os
from collections.abc import Iterator

# A quota that is used up, and a file that may not grow, are no different to the user.
_SIGNS = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)))


def want_of_space(error: BaseException) -> str | None:
    """What an error says of a disk that is full, where it or an error behind it does.

    TensorFlow, HDF5 and others do not raise OSError, and tell where they were at length.

    Args:
        error: BaseException. The error, with those that it was raised from or while handling.

    Returns:
        A line; None if the failure is of another kind.

    Example:
        >>> want_of_space(RuntimeError("out/variables; No space left on device [Op:SaveV2]"))
        'No space left on device'
        >>> want_of_space(FileNotFoundError("out"))
    """
    signs = (sign for cause in causes(error) for sign in _SIGNS if sign in str(cause))
    return next(signs, None)


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that it was raised from or while handling.

    Example:
        >>> try:
        ...     {}["a"]
        ... except KeyError as error:
        ...     failure = ValueError("b")
        ...     failure.__cause__ = error
        >>> [type(cause).__name__ for cause in causes(failure)]
        ['ValueError', 'KeyError']
    """
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
