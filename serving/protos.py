"""The messages of TensorFlow Serving's Predict, without TensorFlow.

The official module, tensorflow_serving.apis, imports all of TensorFlow: gigabytes and seconds
that a client does not need. The messages here have the same field numbers, and therefore the
same bytes. They leave out fields that a client never sets; a reader skips those. A separate
descriptor pool keeps them from clashing with the official modules.
"""

import math
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
# Message → field → (number, type). `*` marks a repeated field, `{…}` a map from strings.
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Dim": {"size": (1, "int64"), "name": (2, "string")},
    "TensorShapeProto": {"dim": (2, "Dim*"), "unknown_rank": (3, "bool")},
    "TensorProto": {
        "dtype": (1, "int32"),  # an enumeration has the same bytes
        "tensor_shape": (2, "TensorShapeProto"),
        "tensor_content": (4, "bytes"),
        # Packed floats are bytes on the wire; read as such they need no Python list.
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
_LARGEST = 2**31 // 4  # values of a tensor: a message has at most 2 GiB


def _add_field(message, name: str, *, number: int, kind: str) -> None:
    field = message.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL)
    if kind.startswith("{"):
        entry = message.nested_type.add(name=f"{name.capitalize()}Entry")
        entry.options.map_entry = True
        _add_field(entry, "key", number=1, kind="string")
        _add_field(entry, "value", number=2, kind=kind.strip("{}"))
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
            _add_field(message, field, number=number, kind=kind)
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
    """Puts an array of float32, or a list of byte strings, into a `TensorProto`.

    Args:
        array: np.ndarray or list of bytes. Of any shape; a list gives shape `[n]`.

    Example:
        >>> to_array(to_tensor([b"RIFF"]))
        [b'RIFF']
    """
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


def to_array(tensor: Any, *, most: int = _LARGEST) -> np.ndarray | list[bytes]:
    """Takes the values out of a `TensorProto`; the array may be read-only.

    Args:
        tensor: TensorProto. Of float32 or byte strings.
        most: int. The most values that an array may have whose last ones are left out. Defaults
            to those of 2 GiB.

    Raises:
        ValueError: if the tensor has another type, or a shape that its values do not fill.
    """
    if tensor.dtype == _STRING:
        return list(tensor.string_val)
    if tensor.dtype != _FLOAT:
        raise ValueError(f"tensor: found type {tensor.dtype}, wanted float32 or strings")
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    count = math.prod(shape)
    # A few bytes can claim any size, because values that repeat the last one may be left out.
    if min(shape, default=0) < 0 or max(shape, default=0) > _LARGEST or count > _LARGEST:
        raise ValueError(f"tensor: found shape {shape}, wanted less than 2 GiB")
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, "<f4").reshape(shape)
    values = np.frombuffer(tensor.float_val, "<f4")
    if len(values) >= count:
        return values.reshape(shape)
    if count > most:
        raise ValueError(f"tensor: found shape {shape} for {len(values)} values")
    padded = np.full(count, values[-1] if len(values) else 0, "<f4")
    padded[: len(values)] = values
    return padded.reshape(shape)


def predict_request(spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray | list[bytes]]) -> Any:
    """Makes a `PredictRequest`.

    Args:
        spec: mapping. "name", "signature_name" and, if wanted, "version" or "version_label".
        inputs: mapping. Float32 arrays or lists of byte strings, by name.
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
