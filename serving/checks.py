"""Finds out, before a SavedModel is published, whether TensorFlow Serving can run it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry
from tensorflow.python.saved_model.loader_impl import SavedModelLoader

from mss_keras.config import WorkFailedError
from serving.protos import to_array

_PYTHON = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


class ExportError(WorkFailedError):
    """A SavedModel was written that a server could not run."""


def check_ops(folder: Path) -> None:
    """Looks for ops that a server on a CPU, which has only TensorFlow's own ops, cannot run.

    Args:
        folder: Path. The SavedModel.

    Raises:
        ExportError: if the graph has Python functions, ops of other libraries or of cuDNN,
            functions that XLA must compile, or ops that are bound to a GPU.
    """
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((folder / "saved_model.pb").read_bytes())
    faults = sorted(set(_faults(saved)))
    if faults:
        raise ExportError(f"{folder}: found {', '.join(faults)}; wanted core ops for any device")


def _faults(saved: saved_model_pb2.SavedModel) -> Iterator[str]:
    for graph in (meta.graph_def for meta in saved.meta_graphs):
        functions = graph.library.function
        nodes = [graph.node, *(function.node_def for function in functions)]
        own = {function.signature.name for function in functions}
        for node in (node for group in nodes for node in group):
            if node.op in _PYTHON:
                yield f"{node.op} (Python)"
            elif node.op.startswith("Cudnn"):
                yield f"{node.op} (cuDNN)"
            elif ">" in node.op or not (node.op in own or op_def_registry.get(node.op)):
                yield f"{node.op} (not of TensorFlow)"
            if "GPU" in node.device:
                yield f"{node.op} on {node.device}"
            if _must_compile(node.attr):
                yield f"{node.op} (XLA must compile it)"
        yield from (f"{f.signature.name} (XLA must compile it)" for f in functions
                    if _must_compile(f.attr))  # fmt: skip


def _must_compile(attributes) -> bool:
    return "_XlaMustCompile" in attributes and attributes["_XlaMustCompile"].b


def replay(folder: Path, requests: Iterable) -> None:
    """Loads a SavedModel without a GPU, as TensorFlow Serving does, and runs requests.

    The model is loaded into a graph and a session, not by Python's own loader: some faults
    show only there, for example a Keras model that is kept as an attribute ("Could not find
    variable").

    Args:
        folder: Path. The SavedModel.
        requests: iterable of `PredictRequest`. The outputs have to be finite.

    Raises:
        ExportError: if the model cannot be loaded, or if a request fails.
    """
    config = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
    with (
        tf.Graph().as_default() as graph,
        tf.compat.v1.Session(graph=graph, config=config) as session,
    ):
        try:
            loaded = SavedModelLoader(str(folder)).load(session, ["serve"])
        except (tf.errors.OpError, ValueError) as error:
            raise ExportError(f"{folder}: cannot be loaded: {_first_line(error)}") from error
        for request in requests:
            name = request.model_spec.signature_name
            signature = loaded.signature_def[name]
            feeds = {
                signature.inputs[key].name: to_array(value) for key, value in request.inputs.items()
            }
            fetches = {key: info.name for key, info in signature.outputs.items()}
            try:
                outputs = session.run(fetches, feeds)
            except tf.errors.OpError as error:
                raise ExportError(f"{folder}: {name}: {_first_line(error)}") from error
            for key, value in outputs.items():
                if value.dtype != object and not np.isfinite(value).all():
                    raise ExportError(f"{folder}: {name}: {key} has values that are not finite")


def _first_line(error: Exception) -> str:
    return str(error).removeprefix("Graph execution error:").strip().splitlines()[0]
