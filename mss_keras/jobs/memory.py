"""How want of memory is told from other failures, such as a loss that is NaN."""

from mss_keras.jobs.disk_space import causes, want_of_space

# Kinds of errors, by name: this room imports neither TensorFlow nor what else may raise them.
# A pool of processes breaks when one of them is killed, by the kernel as a rule.
_KINDS = frozenset({"MemoryError", "ResourceExhaustedError", "BrokenProcessPool"})

# What other errors say of it: TensorFlow, XLA, the CUDA driver, cuDNN and cuBLAS, a tensor that
# could not be copied to the GPU, the system.
_SIGNS = (
    "OOM when allocating",
    "Out of memory while trying to allocate",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "STATUS_ALLOC_FAILED",
    "Dst tensor is not initialized",
    "Cannot allocate memory",
    "Status: out of memory",
)


def want_of_memory(error: BaseException) -> str | None:
    """What an error says of memory that was short, where it or an error behind it does.

    Args:
        error: BaseException. The error, with those that it was raised from or while handling.

    Returns:
        A line; None if the failure is of another kind.

    Example:
        >>> want_of_memory(RuntimeError("Graph execution error:\\n\\nOOM when allocating tensor"))
        'OOM when allocating tensor'
        >>> want_of_memory(FloatingPointError("the loss is nan"))
    """
    if want_of_space(error):  # TensorFlow has one kind of error for both
        return None
    for cause in causes(error):
        for line in str(cause).splitlines():
            if any(sign in line for sign in _SIGNS):
                return line.strip()
        if not _KINDS.isdisjoint(kind.__name__ for kind in type(cause).__mro__):
            return " ".join(str(error).split()) or type(error).__name__
    return None
