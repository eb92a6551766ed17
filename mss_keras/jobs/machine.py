"""What of this machine is there for work."""

import os


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def at_once(bytes_each: int, cores_each: int) -> int:
    """How many pieces of work go on at a time: as cores and free memory allow, at least one.

    Args:
        bytes_each: int. Memory of a piece, bytes.
        cores_each: int. Processors of a piece.
    """
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(cores() // cores_each, free // bytes_each))
