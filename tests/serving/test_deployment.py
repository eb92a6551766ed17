"""The files a server is run with, as far as they can be tried without Docker."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
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


def minor_of_tensorflow():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    pinned = re.search(r"tensorflow ~= (\d+\.\d+)", setup["options"]["install_requires"])
    assert pinned
    return pinned[1]


def test_compose():
    # The specification is of what Compose makes of variables and merged keys.
    filled = yaml.safe_dump(yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", COMPOSE)))
    checked = PyCompose.from_yaml(filled).to_dict()["services"]
    services = yaml.safe_load(COMPOSE)["services"]
    assert set(checked) == set(services) == {"serving", "serving-gpu"}
    for name, service in services.items():
        image = rf"tensorflow/serving:{minor_of_tensorflow()}\.\d+" + name.removeprefix("serving")
        assert re.fullmatch(image, service["image"])
        targets = {}
        for mount in service["volumes"]:
            source, target, mode = mount.split(":")
            assert mode == "ro"
            assert source == "./models" or (SERVING / source).is_file()
            targets[source] = target
        # The server looks for its files, and for the models, where they are mounted.
        asked = dict(word.split("=") for word in service["command"])
        assert asked["--model_config_file"] == targets["./models.config"]
        assert asked["--monitoring_config_file"] == targets["./monitoring.config"]
        assert f"--batching_parameters_file={targets['./batching.config']}`" in README
        models = read("models.config", model_server_config_pb2.ModelServerConfig())
        assert {Path(m.base_path).parent for m in models.model_config_list.config} == {
            Path(targets["./models"])
        }
        # Nobody else's machine, and neither all memory nor all cores of this one.
        assert all(port.startswith("${SERVING_ADDRESS:-127.0.0.1}:") for port in service["ports"])
        assert service["mem_limit"] == "8g"
        assert f"--tensorflow_intra_op_parallelism={service['cpus']:g}" in service["command"]
        assert service["healthcheck"]["test"]
    assert "profiles" not in services["serving"]  # `up` starts it, and not the other one
    assert services["serving-gpu"]["profiles"] == ["gpu"]
    (device,) = services["serving-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    with pytest.raises(ValueError, match="heathcheck"):
        PyCompose.from_yaml(filled.replace("healthcheck", "heathcheck"))


def test_kubernetes():
    text = (SERVING / "kubernetes.yaml").read_text()
    manifests = {manifest["kind"]: manifest for manifest in yaml.safe_load_all(text)}
    assert set(manifests) == {"PersistentVolumeClaim", "Service", "Deployment"}
    for manifest in manifests.values():
        kubernetes_validate.validate(manifest, "1.30", strict=True)
    pod = manifests["Deployment"]["spec"]["template"]
    assert manifests["Service"]["spec"]["selector"] == pod["metadata"]["labels"]
    assert manifests["Deployment"]["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]
    (container,) = pod["spec"]["containers"]
    compose = yaml.safe_load(COMPOSE)["services"]["serving"]
    assert (container["image"], container["args"]) == (compose["image"], compose["command"])
    assert container["resources"]["limits"] == {"cpu": f"{compose['cpus']:g}", "memory": "8Gi"}
    # A pod beside the old one could not have a volume of one node.
    assert manifests["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert manifests["Deployment"]["spec"]["strategy"] == {"type": "Recreate"}
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"] == "/v1/models/open_unmix"
    assert container["livenessProbe"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {port["name"]: port["port"] for port in manifests["Service"]["spec"]["ports"]}
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert set(volumes) == {mount["name"] for mount in container["volumeMounts"]}
    claim = volumes["models"]["persistentVolumeClaim"]["claimName"]
    assert claim == manifests["PersistentVolumeClaim"]["metadata"]["name"]
    container["livenesProbe"] = container.pop("livenessProbe")
    with pytest.raises(kubernetes_validate.ValidationError, match="livenesProbe"):
        kubernetes_validate.validate(manifests["Deployment"], "1.30", strict=True)


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
    server = {"--enable_batching", "--batching_parameters_file", "--data-binary", "--from-file"}
    flag = r"--[a-z][a-z_-]+"
    assert set(re.findall(flag, README)) - server <= set(re.findall(flag, known))
