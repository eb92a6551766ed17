"""Our messages are the official ones on the wire, without TensorFlow."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from serving import protos

WAVEFORM = np.arange(6, dtype=np.float32).reshape(1, 3, 2)


def test_requests_are_read_by_the_official_messages():
    spec = {"name": "m", "signature_name": "s", "version": 3}
    ours = protos.predict_request(spec, {"waveform": WAVEFORM, "wav_bytes": [b"a", b"\0\xff"]})
    official = predict_pb2.PredictRequest.FromString(ours.SerializeToString())
    assert (official.model_spec.name, official.model_spec.version.value) == ("m", 3)
    assert official.model_spec.signature_name == "s"
    np.testing.assert_array_equal(tf.make_ndarray(official.inputs["waveform"]), WAVEFORM)
    assert tf.make_ndarray(official.inputs["wav_bytes"]).tolist() == [b"a", b"\0\xff"]
    labelled = protos.predict_request({"name": "m", "version_label": "stable"}, {})
    official = predict_pb2.PredictRequest.FromString(labelled.SerializeToString())
    assert official.model_spec.version_label == "stable"


@pytest.mark.parametrize("fill", ["content", "floats", "one for all", "empty"])
def test_responses_of_the_official_messages_are_read(fill):
    expected = {"one for all": np.full_like(WAVEFORM, 7), "empty": WAVEFORM[:0]}.get(fill, WAVEFORM)
    response = predict_pb2.PredictResponse()
    tensor = response.outputs["vocals"]
    tensor.dtype = 1
    for size in expected.shape:
        tensor.tensor_shape.dim.add(size=size)
    if fill == "content":
        tensor.tensor_content = expected.tobytes()
    else:
        values = expected.ravel().tolist()
        tensor.float_val.extend(values[:1] if fill == "one for all" else values)
    response.outputs["files"].CopyFrom(tf.make_tensor_proto([b"x", b""]))
    ours = protos.PredictResponse.FromString(response.SerializeToString())
    np.testing.assert_array_equal(protos.to_array(ours.outputs["vocals"]), expected)
    assert protos.to_array(ours.outputs["files"]) == [b"x", b""]


def test_other_types_are_refused():
    tensor = protos.TensorProto.FromString(tf.make_tensor_proto([1]).SerializeToString())
    with pytest.raises(ValueError, match="found type 3, wanted float32 or strings"):
        protos.to_array(tensor)


def test_a_client_needs_no_tensorflow():
    code = "import sys, serving.client; print({name.split('.')[0] for name in sys.modules})"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "grpc" in result.stdout
    assert not {"tensorflow", "keras", "tensorflow_serving"} & eval(result.stdout)
