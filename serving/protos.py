"""The messages of TensorFlow Serving's Predict, without TensorFlow.

`tensorflow_serving.apis` imports `tensorflow.core.framework`, and with it all of
TensorFlow: gigabytes and seconds that a client does not need. Here stand the same
messages with the same field numbers, so that the bytes are the same; what is left
out of them is never set by a client and skipped when read. They live in a
descriptor pool of their own and do not clash with the official modules.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "mss_keras.serving"
_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
    "int32": _FIELD.TYPE_INT32,
    "int64": _FIELD.TYPE_INT64,
    "bool": _FIELD.TYPE_BOOL,
}
# Message → field → (number, type); `*` repeats it, and `{…}` maps from strings.
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Dim": {"size": (1, "int64"), "name": (2, "string")},
    "TensorShapeProto": {"dim": (2, "Dim*"), "unknown_rank": (3, "bool")},
    "TensorProto": {
        "dtype": (1, "int32"),  # an enumeration: the same bytes
        "tensor_shape": (2, "TensorShapeProto"),
        "tensor_content": (4, "bytes"),
        # Packed floats and bytes are the same on the wire: an array, not a list of Python's.
        "float_val": (5, "bytes"),
        "string_val": (8, "bytes*"),
    },
    "Int64Value": {"value": (1, "int64")},
    "ModelSpec": {
        "name": (1, "string"),
        "version": (2, "Int64Value"),
        "signature_name": (3, "string"),
        "version_label": (4, "string"),
    },
    "PredictRequest": {
        "model_spec": (1, "ModelSpec"),
        "inputs": (2, "{TensorProto}"),
        "output_filter": (3, "string*"),
    },
    "PredictResponse": {"outputs": (1, "{TensorProto}"), "model_spec": (2, "ModelSpec")},
    "PredictLog": {"request": (1, "PredictRequest"), "response": (2, "PredictResponse")},
    "PredictionLog": {"predict_log": (6, "PredictLog")},
}
# Numbers of tensorflow.DataType.
_FLOAT, _STRING = 1, 7


def _field(message, name: str, number: int, kind: str) -> None:
    field = message.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL)
    if kind.startswith("{"):
        entry = message.nested_type.add(name=f"{name.capitalize()}Entry")
        entry.options.map_entry = True
        _field(entry, "key", 1, "string")
        _field(entry, "value", 2, kind.strip("{}"))
        field.type, field.label = _FIELD.TYPE_MESSAGE, _FIELD.LABEL_REPEATED
        field.type_name = f".{_PACKAGE}.{message.name}.{entry.name}"
        return
    if kind.endswith("*"):
        kind, field.label = kind[:-1], _FIELD.LABEL_REPEATED
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="mss_keras/serving.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _field(message, field, number, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }


_CLASSES = _classes()
ModelSpec = _CLASSES["ModelSpec"]
TensorProto = _CLASSES["TensorProto"]
PredictRequest = _CLASSES["PredictRequest"]
PredictResponse = _CLASSES["PredictResponse"]
PredictionLog = _CLASSES["PredictionLog"]


def to_tensor(array: np.ndarray | list[bytes]) -> Any:
    """A `TensorProto` of float32 samples, or of a list of byte strings."""
    tensor = TensorProto()
    shape: tuple[int, ...]
    if isinstance(array, list):
        tensor.dtype, shape = _STRING, (len(array),)
        tensor.string_val.extend(array)
    else:
        tensor.dtype, shape = _FLOAT, array.shape
        tensor.tensor_content = np.ascontiguousarray(array, "<f4").tobytes()
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def to_array(tensor: Any) -> np.ndarray | list[bytes]:
    """Inverse of `to_tensor`; the array may be read-only.

    Raises:
        ValueError: for a tensor of another type.
    """
    if tensor.dtype == _STRING:
        return list(tensor.string_val)
    if tensor.dtype != _FLOAT:
        raise ValueError(f"tensor: found type {tensor.dtype}, wanted float32 or strings")
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    count = int(np.prod(shape))
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, "<f4").reshape(shape)
    values = np.frombuffer(tensor.float_val, "<f4")
    if len(values) == count:
        return values.reshape(shape)
    # The last value stands for all that follow it.
    padded = np.full(count, values[-1] if len(values) else 0, "<f4")
    padded[: len(values)] = values
    return padded.reshape(shape)


def predict_request(spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray | list[bytes]]) -> Any:
    """A `PredictRequest`.

    Args:
        spec: `name`, `signature_name` and, if wanted, `version` or `version_label`.
        inputs: float32 arrays or lists of byte strings, by name.
    """
    request = PredictRequest()
    for name, value in spec.items():
        if name == "version":
            request.model_spec.version.value = value
        else:
            setattr(request.model_spec, name, value)
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(to_tensor(value))
    return request
