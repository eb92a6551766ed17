"""The files a server is run with, as far as they can be tried without Docker."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from compose_spec import PyCompose
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)
from tensorflow_serving.config import model_server_config_pb2

from mss_keras.config import ServingConfig

ROOT = Path(__file__).parents[2]
SERVING = ROOT / "serving"
COMPOSE = (SERVING / "docker-compose.yml").read_text()
README = (SERVING / "README.md").read_text()
_FIELD = descriptor_pb2.FieldDescriptorProto

# session_bundle_config.proto and monitoring_config.proto of TensorFlow Serving, which its
# package on PyPI leaves out: message, field, number, type.
FIELDS = """
    BatchingParameters max_batch_size 1 .google.protobuf.Int64Value
    BatchingParameters batch_timeout_micros 2 .google.protobuf.Int64Value
    BatchingParameters max_enqueued_batches 3 .google.protobuf.Int64Value
    BatchingParameters num_batch_threads 4 .google.protobuf.Int64Value
    BatchingParameters allowed_batch_sizes 6 repeated
    BatchingParameters pad_variable_length_inputs 7 bool
    PrometheusConfig enable 1 bool
    PrometheusConfig path 2 string
    MonitoringConfig prometheus_config 1 .serving.PrometheusConfig
"""
TYPES = {"bool": _FIELD.TYPE_BOOL, "string": _FIELD.TYPE_STRING, "repeated": _FIELD.TYPE_INT64}


def message(name):
    file = descriptor_pb2.FileDescriptorProto(name="s.proto", package="serving", syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    messages = {}
    for owner, field, number, kind in map(str.split, FIELDS.strip().splitlines()):
        if owner not in messages:
            messages[owner] = file.message_type.add(name=owner)
        added = messages[owner].field.add(name=field, number=int(number))
        added.label = _FIELD.LABEL_REPEATED if kind == "repeated" else _FIELD.LABEL_OPTIONAL
        added.type = TYPES.get(kind, _FIELD.TYPE_MESSAGE)
        if kind.startswith("."):
            added.type_name = kind
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"serving.{name}"))()


def read(name, kind):
    return text_format.Parse((SERVING / name).read_text(), kind)


def test_models():
    config = read("models.config", model_server_config_pb2.ModelServerConfig())
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path) == ("open_unmix", "/models/open_unmix")
    assert model.model_version_policy.latest.num_versions == 2
    # The lines to be put in for labels are right, too.
    labels = re.findall(r"#\s+(version_labels .*)", (SERVING / "models.config").read_text())
    labelled = model_server_config_pb2.ModelConfig()
    text_format.Parse("\n".join(labels), labelled)
    assert labelled.version_labels == {"stable": 1, "canary": 2}


def test_batching():
    config = read("batching.config", message("BatchingParameters"))
    sizes = list(config.allowed_batch_sizes)
    assert sizes == sorted(sizes)
    assert sizes[-1] == config.max_batch_size.value
    assert not config.pad_variable_length_inputs
    assert config.num_batch_threads.value >= 1
    assert config.max_batch_size.value <= ServingConfig().max_batch


def test_monitoring():
    config = read("monitoring.config", message("MonitoringConfig"))
    assert config.prometheus_config.enable
    assert config.prometheus_config.path in README


def test_compose():
    (service,) = PyCompose.from_yaml(COMPOSE).to_dict()["services"].values()
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    pinned = re.search(r"tensorflow ~= (\d+\.\d+)", setup["options"]["install_requires"])
    assert pinned
    minor = pinned[1]
    assert service["image"].startswith(f"tensorflow/serving:{minor}.")
    for mount in yaml.safe_load(COMPOSE)["services"]["serving"]["volumes"]:
        source, target, mode = mount.split(":")
        assert mode == "ro"
        assert source == "./models" or (SERVING / source).is_file()
        if source != "./models":
            assert target in COMPOSE or target in README
    with pytest.raises(ValueError, match="heathcheck"):
        PyCompose.from_yaml(COMPOSE.replace("healthcheck", "heathcheck"))


def test_health_check(stand_in):
    check = yaml.safe_load(COMPOSE)["services"]["serving"]["healthcheck"]["test"]
    assert check[:3] == ["CMD", "bash", "-c"]

    def healthy(port=stand_in.rest_port, model="open_unmix"):
        text = check[3].replace("/8501", f"/{port}").replace("models/open_unmix", f"models/{model}")
        # Of the image: bash, coreutils and grep.
        return subprocess.run(["bash", "-c", text], env={"PATH": "/usr/bin:/bin"}, timeout=10)

    assert healthy().returncode == 0
    assert healthy(model="none").returncode != 0
    assert healthy(port=1).returncode != 0


def test_flags_named_in_the_text_exist():
    known = ""
    for text in ("trainer export", "serving.client"):
        command = [sys.executable, "-m", *text.split(), "--help"]
        known += subprocess.check_output(command, text=True)
    known += (ROOT / "tests/benchmarks/served_requests.py").read_text()
    server = {"--enable_batching", "--batching_parameters_file", "--data-binary"}
    for flag in set(re.findall(r"--[a-z][a-z_-]+", README)) - server:
        assert flag in known, flag
