"""Want of memory is told from other failures."""

from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
import tensorflow as tf

from mss_keras.jobs.memory import want_of_memory

OOM = "OOM when allocating tensor with shape[16,2,2049] on /GPU:0 by allocator GPU_0_bfc"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (tf.errors.ResourceExhaustedError(None, None, f"Graph error:\n\n {OOM}\n\t [[x]]"), OOM),
        (tf.errors.ResourceExhaustedError(None, None, "no more"), "no more"),
        (tf.errors.InternalError(None, None, OOM), OOM),
        (
            RuntimeError("failed call to cuInit: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
            "failed call to cuInit: CUDA_ERROR_OUT_OF_MEMORY: out of memory",
        ),
        (
            RuntimeError("XLA: Out of memory while trying to allocate 8 bytes."),
            "XLA: Out of memory while trying to allocate 8 bytes.",
        ),
        (RuntimeError("CUDNN_STATUS_ALLOC_FAILED"), "CUDNN_STATUS_ALLOC_FAILED"),
        (RuntimeError("Dst tensor is not initialized."), "Dst tensor is not initialized."),
        (RuntimeError("Status: out of memory"), "Status: out of memory"),
        (MemoryError(), "MemoryError"),
        (OSError(12, "Cannot allocate memory"), "[Errno 12] Cannot allocate memory"),
        (FloatingPointError("loss is nan at epoch 1, step 1"), None),
        (ValueError("no such song: Out of Memory.wav"), None),
        (tf.errors.InvalidArgumentError(None, None, "shapes"), None),
    ],
)
def test_by_kind_or_by_words(error, line):
    assert want_of_memory(error) == line


def test_what_lies_behind_an_error_counts():
    def raised(function):
        with pytest.raises(ValueError, match="jobs") as caught:
            function()
        return caught.value

    def handles(error, **after):
        def function():
            try:
                raise error
            except type(error):
                if "cause" in after:
                    raise ValueError("jobs: killed") from after["cause"]
                raise ValueError("jobs: killed")  # noqa: B904

        return function

    broken = BrokenProcessPool("ended")
    assert want_of_memory(raised(handles(broken, cause=broken))) == "jobs: killed"
    assert want_of_memory(raised(handles(broken))) == "jobs: killed"
    assert want_of_memory(raised(handles(broken, cause=None))) is None


def test_an_array_that_is_too_large():
    with pytest.raises(MemoryError) as caught:
        np.empty(2**57)
    line = want_of_memory(caught.value)
    assert line is not None
    assert line.startswith("Unable to allocate 1.00 EiB")
