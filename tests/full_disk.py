"""A disk that fills up."""

import contextlib
import resource


@contextlib.contextmanager
def files_up_to(size):
    """No file of this process gets larger, as on a disk that fills up."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
