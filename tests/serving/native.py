"""Runs a SavedModel by the C++ loader that TensorFlow Serving uses, without Python's TensorFlow.

    python tests/serving/native.py LIBRARY MODEL FEEDS.npz FETCHES OUT.npz

LIBRARY is the wheel's libtensorflow_cc.so.2. FEEDS holds one array, named as the
operation that it is fed to; FETCHES are `NAME=OPERATION:INDEX`, with commas; OUT.npz
may be `-` for none. Byte
strings are `[n]` arrays of objects, pickled. Exit code 3: the loader or the session
said no, and stderr has its code and message. Otherwise stdout has the seconds of the
run and, in bytes, the process's peak memory after it, with the outputs in it once.
"""

import ctypes
import resource
import sys
import time

import numpy as np

_FLOAT, _STRING = 1, 7


class Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


class String(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_char * 24)]


class Library:
    """The C API, as far as it is needed."""

    def __init__(self, path):
        self._library = ctypes.CDLL(path)
        self.status = self("TF_NewStatus")()

    def __call__(self, name, result=ctypes.c_void_p):
        function = getattr(self._library, name)
        function.restype = result
        return function

    def check(self):
        status = ctypes.c_void_p(self.status)
        if code := self("TF_GetCode", ctypes.c_int)(status):
            message = self("TF_Message", ctypes.c_char_p)(status).decode(errors="replace")
            print(code, message, file=sys.stderr)
            sys.exit(3)

    def to_tensor(self, array):
        strings = array.dtype == object
        dims = (ctypes.c_int64 * array.ndim)(*array.shape)
        size = 24 * array.size if strings else array.nbytes
        kind = _STRING if strings else _FLOAT
        make = self("TF_AllocateTensor")
        tensor = ctypes.c_void_p(make(kind, dims, array.ndim, ctypes.c_size_t(size)))
        data = self("TF_TensorData")(tensor)
        if strings:
            places = ctypes.cast(data, ctypes.POINTER(String))
            for index, value in enumerate(array):
                self("TF_StringInit", None)(ctypes.byref(places[index]))
                length = ctypes.c_size_t(len(value))
                self("TF_StringCopy", None)(ctypes.byref(places[index]), value, length)
        elif size:
            ctypes.memmove(data, np.ascontiguousarray(array).ctypes.data, size)
        return tensor

    def to_array(self, tensor):
        tensor = ctypes.c_void_p(tensor)
        rank = self("TF_NumDims", ctypes.c_int)(tensor)
        shape = [self("TF_Dim", ctypes.c_int64)(tensor, axis) for axis in range(rank)]
        data, count = self("TF_TensorData")(tensor), int(np.prod(shape))
        if self("TF_TensorType", ctypes.c_int)(tensor) == _FLOAT:
            found = ctypes.string_at(data, 4 * count) if count else b""
            return np.frombuffer(found, np.float32).reshape(shape)
        places = ctypes.cast(data, ctypes.POINTER(String))
        values = np.empty(shape, object)
        for index in range(count):
            place = ctypes.byref(places[index])
            length = self("TF_StringGetSize", ctypes.c_size_t)(place)
            values[index] = ctypes.string_at(self("TF_StringGetDataPointer")(place), length)
        return values


def main(path, model, feeds, fetches, output):
    library = Library(path)
    graph = ctypes.c_void_p(library("TF_NewGraph")())
    status = ctypes.c_void_p(library.status)
    options = ctypes.c_void_p(library("TF_NewSessionOptions")())
    tags = (ctypes.c_char_p * 1)(b"serve")
    load = library("TF_LoadSessionFromSavedModel")
    session = load(options, None, model.encode(), tags, 1, graph, None, status)
    library.check()

    def place(name):
        operation, index = name.split(":")
        found = library("TF_GraphOperationByName")(graph, operation.encode())
        assert found, name
        return Output(found, int(index))

    with np.load(feeds, allow_pickle=True) as given:
        values = {name: given[name] for name in given}
    names = dict(part.split("=") for part in fetches.split(","))
    inputs = (Output * len(values))(*[place(f"{name}:0") for name in values])
    tensors = (ctypes.c_void_p * len(values))(
        *[library.to_tensor(value).value for value in values.values()]
    )
    count = len(values)
    outputs = (Output * len(names))(*map(place, names.values()))
    results = (ctypes.c_void_p * len(names))()
    del values
    start = time.perf_counter()
    library("TF_SessionRun", None)(
        ctypes.c_void_p(session), None, inputs, tensors, count,
        outputs, results, len(names), None, 0, None, status,
    )  # fmt: skip
    library.check()
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(time.perf_counter() - start, peak)
    if output != "-":
        pairs = zip(names, results, strict=True)
        np.savez(output, **{name: library.to_array(result) for name, result in pairs})
    assert not {"tensorflow", "keras"} & set(sys.modules)


if __name__ == "__main__":
    main(*sys.argv[1:])
