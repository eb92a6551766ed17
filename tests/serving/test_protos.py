"""Our messages are the official ones on the wire, without TensorFlow."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

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


# The modules of packages that are called otherwise.
MODULES = {"grpcio": "grpc", "protobuf": "google", "pyyaml": "yaml"}


@pytest.mark.parametrize("module", ["serving.client", "serving.client.__main__"])
def test_a_client_needs_its_requirements_and_no_tensorflow(module):
    code = (
        f"import sys, {module}\n"
        "print({name.split('.')[0] for name, module in sys.modules.items()\n"
        "       if 'site-packages' in (getattr(module, '__file__', None) or '')})"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    imported = eval(result.stdout)
    assert not {"tensorflow", "keras", "tensorflow_serving"} & imported
    text = (Path(protos.__file__).with_name("client") / "requirements.txt").read_text()
    waveforms, _ = text.split("# For audio files")
    named = {
        MODULES.get(package, package)
        for package in re.findall(r"^(\w+) >=", waveforms if "main" not in module else text, re.M)
    }
    # What those packages bring themselves.
    besides = {"typing_extensions", "cffi", "_cffi_backend", "_soundfile", "_soundfile_data"}
    # What an editable installation runs first.
    own = {name for name in imported if name.startswith(("__editable__", "_distutils_hack"))}
    assert imported - besides - own <= named
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[2] / "setup.cfg")
    required = setup["options"]["install_requires"]
    for package in re.findall(r"^(\w+ >= .*)", text, re.M):
        assert package in required


def test_a_tensor_that_claims_more_than_it_has():
    for sizes in ([2**40], [2**31, 2**31], [-1, 4]):
        tensor = protos.TensorProto(dtype=1, float_val=b"\0" * 4)
        for size in sizes:
            tensor.tensor_shape.dim.add(size=size)
        with pytest.raises(ValueError, match="wanted less than 2 GiB"):
            protos.to_array(tensor)
    tensor = protos.TensorProto(dtype=1, float_val=b"\0" * 4)
    tensor.tensor_shape.dim.add(size=100)
    assert len(protos.to_array(tensor, most=100)) == 100
    with pytest.raises(ValueError, match=r"found shape \[100\] for 1 values"):
        protos.to_array(tensor, most=99)
