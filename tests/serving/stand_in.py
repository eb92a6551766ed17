"""A stand-in for TensorFlow Serving's server, for tests only.

    python tests/serving/stand_in.py PORT NAME=FOLDER...

No package ships the real `tensorflow_model_server`. This answers Predict over gRPC and
REST, and the status of models over REST, on the loopback, by a session over the SavedModel
as the real server has it, with the real server's status codes and messages (of
predict_util.cc, server_core.cc, http_server.cc). The messages are the official ones of
`tensorflow_serving.apis`, not ours. It does not batch, and loads versions when it starts.
"""

import base64
import json
import re
import sys
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow.python.saved_model.loader_impl import SavedModelLoader
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

Code = grpc.StatusCode
HTTP = {
    Code.INVALID_ARGUMENT: 400,
    Code.NOT_FOUND: 404,
    Code.FAILED_PRECONDITION: 400,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.UNAVAILABLE: 503,
}
CODES = {code.value[0]: code for code in Code}
FULL = "The batch scheduling queue to which this task was submitted is full"


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Servable:
    """One version of a model."""

    def __init__(self, folder):
        self.version = int(folder.name)
        config = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
        self.session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
        with self.session.graph.as_default():
            loaded = SavedModelLoader(str(folder)).load(self.session, ["serve"])
        self.signatures = loaded.signature_def

    def predict(self, name, inputs, chosen=()):
        if name not in self.signatures:
            raise Refused(Code.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        signature = self.signatures[name]
        wanted, sent = set(signature.inputs), set(inputs)
        if len(wanted) != len(sent):
            raise Refused(
                Code.INVALID_ARGUMENT,
                f"input size does not match signature: {len(sent)}!={len(wanted)} "
                f"len({{{','.join(sorted(sent))}}}) != len({{{','.join(sorted(wanted))}}}). "
                f"Sent extra: {{{','.join(sorted(sent - wanted))}}}. "
                f"Missing but required: {{{','.join(sorted(wanted - sent))}}}.",
            )
        for alias in sent - wanted:
            raise Refused(
                Code.INVALID_ARGUMENT,
                f"tensor alias not found in signature: {alias} "
                f"Inputs expected to be in the set {{{','.join(sorted(wanted))}}}.",
            )
        for alias in set(chosen) - set(signature.outputs):
            raise Refused(
                Code.INVALID_ARGUMENT,
                f"output tensor alias not found in signature: {alias} Outputs expected to be "
                f"in the set {{{','.join(sorted(signature.outputs))}}}.",
            )
        feeds = {signature.inputs[key].name: value for key, value in inputs.items()}
        fetches = {k: v.name for k, v in signature.outputs.items() if not chosen or k in chosen}
        try:
            return self.session.run(fetches, feeds)
        except tf.errors.OpError as error:
            raise Refused(CODES[error.error_code], error.message) from error


class StandIn(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Serves folders of versions.

    Args:
        models: folder of each model, by its name.
        labels: number of a version, by the name of the model and the label.
        port: of gRPC; 0 for a free one.
        limit: requests at a time; others are refused as by a full queue.
    """

    def __init__(self, models, labels=None, port=0, limit=64):
        self.servables = {
            name: {int(p.name): Servable(p) for p in Path(folder).iterdir() if p.name.isdigit()}
            for name, folder in models.items()
        }
        self.labels = labels or {}
        self.room = threading.Semaphore(limit)
        self.answered = self.refused = 0
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self.server = grpc.server(
            futures.ThreadPoolExecutor(8), options=[*unlimited, ("grpc.so_reuseport", 0)]
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(self, self.server)
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        self.server.start()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.rest_port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self):
        self.server.stop(None).wait()
        self.http.shutdown()
        self.http.server_close()

    def find(self, name, version=None, label=None):
        versions = self.servables.get(name, {})
        if label:
            if (name, label) not in self.labels:
                message = f"Unrecognized servable version label: {label}"
                raise Refused(Code.INVALID_ARGUMENT, message)
            version = self.labels[name, label]
        if not versions or version not in (None, *versions):
            asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise Refused(Code.NOT_FOUND, f"Servable not found for request: {asked}")
        return versions[max(versions) if version is None else version]

    def run(self, servable, *arguments):
        if not self.room.acquire(blocking=False):
            self.refused += 1
            raise Refused(Code.UNAVAILABLE, FULL)
        try:
            outputs = servable.predict(*arguments)
            self.answered += 1
            return outputs
        finally:
            self.room.release()

    def Predict(self, request, context):
        spec = request.model_spec
        try:
            version = spec.version.value if spec.HasField("version") else None
            servable = self.find(spec.name, version, spec.version_label)
            inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
            name = spec.signature_name or "serving_default"
            outputs = self.run(servable, name, inputs, request.output_filter)
        except Refused as error:
            context.abort(error.code, str(error))
        response = predict_pb2.PredictResponse()
        response.model_spec.name = spec.name
        response.model_spec.signature_name = name
        response.model_spec.version.value = servable.version
        for name, value in outputs.items():
            # As AsProtoField does: values in their own fields, not as content.
            tensor = response.outputs[name]
            strings = value.dtype == object
            tensor.dtype = types_pb2.DT_STRING if strings else types_pb2.DT_FLOAT
            for size in value.shape:
                tensor.tensor_shape.dim.add(size=size)
            if value.size > 10**6:
                tensor.tensor_content = value.tobytes()  # Python's lists would take a minute
            else:
                field = tensor.string_val if strings else tensor.float_val
                field.extend(value.ravel().tolist())
        return response

    def _handler(self):
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def answer(self, status, value):
                body = json.dumps(value, indent=1).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle_path(self, verb, function):
                form = rf"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?{verb}"
                try:
                    match = re.fullmatch(form, self.path)
                    if not match:
                        message = f"Malformed request: {self.command} {self.path}"
                        raise Refused(Code.INVALID_ARGUMENT, message)
                    name, version, label = match.groups()
                    self.answer(200, function(name, version and int(version), label))
                except Refused as error:
                    self.answer(HTTP[error.code], {"error": str(error)})

            def do_GET(self):
                self.handle_path("", self.status)

            def do_POST(self):
                self.handle_path(":predict", self.predict)

            def status(self, name, version, label):
                found = stand_in.find(name, version, label)
                if label:
                    version = found.version
                versions = sorted(stand_in.servables[name], reverse=True)
                return {
                    "model_version_status": [
                        {
                            "version": str(number),
                            "state": "AVAILABLE",
                            "status": {"error_code": "OK", "error_message": ""},
                        }
                        for number in versions
                        if version in (None, number)
                    ]
                }

            def predict(self, name, version, label):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                inputs = {key: _parsed(value) for key, value in body["inputs"].items()}
                servable = stand_in.find(name, version, label)
                signature = body.get("signature_name", "serving_default")
                outputs = stand_in.run(servable, signature, inputs)
                outputs = {key: _written(key, value) for key, value in outputs.items()}
                (single, *more) = outputs.values()
                return {"outputs": outputs if more else single}

        return Handler


def _parsed(values):
    if values and isinstance(values[0], dict):
        return np.array([base64.b64decode(value["b64"]) for value in values], object)
    return np.array(values, np.float32)


def _written(name, values):
    if values.dtype != object:
        return values.tolist()
    if name.endswith("_bytes"):
        return [{"b64": base64.b64encode(value).decode()} for value in values]
    return [value.decode() for value in values]


def main(port, *models):
    print("ready", flush=True)
    sys.stdin.read(1)  # TensorFlow is imported; to start is for others to say
    stand_in = StandIn(dict(model.split("=") for model in models), port=int(port))
    stand_in.server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
