"""A process that answers one case after the other, for TensorFlow takes seconds to import.

What kills it, or keeps it busy for too long, is the fault of its case; another one takes its place.
"""

import contextlib
import functools
import io
import os
import resource
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

from mss_keras.jobs.processes import end_with_parent

_MEMORY = 6 << 30  # bytes that a case may ask for
_CASES = 250  # of a process: graphs that were traced are never forgotten
_START = 120.0  # s


@dataclass(frozen=True)
class Answer:
    """What came of a case.

    Args:
        code: the exit code, or None if an exception went through.
        said: on stdout; the traceback if there is no code.
        errors: on stderr.
    """

    code: int | None
    said: str = ""
    errors: str = ""


class Answering:
    """Cases for a process that is started when it is wanted.

    Args:
        log: file of what native code prints.
    """

    def __init__(self, log: Path):
        self.log = log
        self._process: BaseProcess | None = None
        self._asked = 0

    def ask(self, case: tuple, seconds: float) -> Answer | str:
        """The answer, or why there is none.

        Args:
            case: name of a function of this module, and its arguments.
            seconds: it may take.
        """
        if self._asked >= _CASES:
            self.stop()
        process = self._process or self._start()
        self._asked += 1
        self._end.send(case)
        if not self._end.poll(seconds):
            self.stop()
            return f"no answer for {seconds:g} s"
        try:
            return self._end.recv()
        except EOFError:
            process.join()
            self.stop()
            return f"the process died, exit code {process.exitcode}"

    def stop(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._process, self._asked = None, 0

    def _start(self) -> BaseProcess:
        context = get_context("spawn")
        self._end, other = context.Pipe()
        process = context.Process(target=_work, args=(other, self.log), daemon=True)
        process.start()
        self._process = process
        other.close()
        assert self._end.poll(_START), "the process does not start"
        self._end.recv()
        return process


def _work(end, log: Path) -> None:
    end_with_parent()
    sys.path.insert(0, str(Path(__file__).parents[1] / "serving"))  # the stand-in server
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    from mss_keras.jobs import pools
    from mss_keras.training import loop
    from mss_keras.training.separator import Separator

    # In this process, where the death of a worker is seen, and without pictures, which no file
    # of the cases has a part in.
    for place, name, other in (
        (pools, "Pool", ThreadPoolExecutor),
        (loop, "train", functools.partial(loop.train, report=False)),
        (Separator, "fit", _fit(Separator.fit)),
    ):
        setattr(place, name, other)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + _MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    end.send("ready")
    while True:
        name, *arguments = end.recv()
        try:
            end.send(globals()[name](*arguments))
        except Exception:
            end.send(Answer(None, traceback.format_exc()))


class _Reached(BaseException):
    """All files were read."""


def _fit(whole):
    # A training that has read its files, and whose weights are fit to go on, is not gone on with.
    def fit(self, *arguments, **keywords):
        import numpy as np

        if trains or not all(np.isfinite(weight).all() for weight in self.get_weights()):
            return whole(self, *arguments, **keywords)
        raise _Reached

    return fit


trains = False


def command(words: list[str], whole: bool) -> Answer:
    """`python -m trainer` with these words; a training goes on to its end if it is to be whole."""
    global trains
    trains = whole
    from trainer.__main__ import main

    said, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
        try:
            code: int | None = main(words)
        except _Reached:
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        except BaseException:
            return Answer(None, traceback.format_exc(), errors.getvalue())
    return Answer(code, said.getvalue(), errors.getvalue())


def request(model: Path, signature: str, content: bytes) -> Answer:
    """A signature's answer to a TensorProto: code 0 and what is wrong with it, or 2 and why not."""
    import numpy as np
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from stand_in import Refused
    from tensorflow.core.framework import tensor_pb2

    servable = _servable(model)
    ((name, wanted),) = servable.signatures[signature].inputs.items()
    try:
        proto = tensor_pb2.TensorProto.FromString(content)
    except DecodeError:
        return Answer(2, "no message")
    # The server's own affair: it fills a tensor from one value, and knows types by number.
    sizes = [max(0, dim.size) for dim in proto.tensor_shape.dim]
    if proto.dtype != wanted.dtype or float(np.prod(sizes, dtype=float)) > 2**26:
        return Answer(2, "another type, or more than the message has")
    try:
        value = tf.io.parse_tensor(content, proto.dtype).numpy()
        outputs = servable.predict(signature, {name: value})
    except tf.errors.OpError as error:
        return Answer(2, error.message)
    except Refused as error:
        return Answer(2 if error.code.name == "INVALID_ARGUMENT" else 1, str(error))
    return Answer(0, "; ".join(filter(None, map(_wrong, outputs.values()))))


def _wrong(output) -> str:
    import numpy as np
    import soundfile

    if output.dtype != object:
        return "" if np.isfinite(output).all() else "values that are not finite"
    for file in output.ravel():
        if file[:1] != b"{":  # what a model says of itself
            soundfile.read(io.BytesIO(file))
    return ""


@functools.cache
def _servable(model: Path):
    from stand_in import Servable

    return Servable(model)
