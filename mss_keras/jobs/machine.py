"""How many processors this process may use, and how much work they and the memory allow."""

import os


def cores() -> int:
    """Number of processors that this process may use, which may be fewer than the machine has."""
    return len(os.sched_getaffinity(0))


def at_once(bytes_each: int, cores_each: int, gpus: int = 0) -> int:
    """Number of jobs that the machine allows at a time, at least one.

    Free memory sets a limit, and besides it the GPUs do, one for each job. Without GPUs the cores
    do.

    Args:
        bytes_each: int. Memory of a job, bytes.
        cores_each: int. Processors of a job without a GPU.
        gpus: int. Number of GPUs. Defaults to `0`.
    """
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(gpus or cores() // cores_each, free // bytes_each))
