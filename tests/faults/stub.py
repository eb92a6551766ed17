"""A server without a model, over gRPC and REST, that answers wrongly as it is told.

Without a fault it answers as TensorFlow Serving would with a model of two stems, the waveform
and its negative, so that every sample of a song can be checked. It imports no TensorFlow.
"""

import base64
import json
import re
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from serving import protos
from serving.client.pcm import from_wav, to_wav

RATE = 8000
INTERFACE = {
    "sample_rate": RATE, "channels": 1, "stems": ["vocals", "rest"],
    "signatures": ["serving_default", "separate_wav"], "max_samples": 10 * RATE,
    "fixed_samples": 2000, "nfft": 64, "round": 2000, "chunk": 500, "context": 100, "fade": 50,
}  # fmt: skip


def state(number: int, name: str = "AVAILABLE", message: str = "") -> dict:
    """What a server says over REST of a version."""
    status = {"error_code": "UNKNOWN" if message else "OK", "error_message": message}
    return {"version": str(number), "state": name, "status": status}


class Refusal(Exception):
    """A fault that is a status code: its name, and the HTTP code."""

    def __init__(self, code: str, status: int, body: bytes = b""):
        super().__init__(code)
        self.code, self.status, self.body = code, status, body


class _Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Says nothing of a client that is gone: with its question half sent, or half answered."""
        if not isinstance(sys.exception(), (ConnectionError, json.JSONDecodeError)):
            super().handle_error(request, client_address)


class Stub:
    """A server.

    Args:
        interface: what `describe` answers, if it is not text of its own.
        spoil: changes the outputs of a request, before they are written as a message; called
            with the signature and the outputs.
        break_off: changes the message, or does not return; called with the message, the number
            of the request, and the connection, which over gRPC is None. Raises `Refusal`.
        versions: those that are there; a test may change them.
        status: gives the states of versions over REST; called with the numbers of those that are
            there. Defaults to all of them available.
        tls: files of a key and a certificate, for `grpcs` and `https`.
    """

    def __init__(
        self,
        interface: Any = INTERFACE,
        *,
        spoil: Callable[[str, dict], dict] = lambda signature, outputs: outputs,
        break_off: Callable[[bytes, int, Any], bytes] = lambda body, number, line: body,
        versions: tuple[int, ...] = (1,),
        status: Callable[[list[int]], list[dict]] = lambda numbers: list(map(state, numbers)),
        tls: tuple[Path, Path] | None = None,
    ):
        self.interface, self.spoil, self.break_off = interface, spoil, break_off
        self.versions, self.status = list(versions), status
        self.asked: list[tuple[str, int]] = []  # signature and version of every request
        self.headers: list[dict[str, str]] = []
        self.ended = threading.Event()
        self._lock = threading.Lock()
        options = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
        self._grpc = grpc.server(futures.ThreadPoolExecutor(8), options=options)
        handler = grpc.method_handlers_generic_handler(
            "tensorflow.serving.PredictionService",
            {"Predict": grpc.unary_unary_rpc_method_handler(self._predict)},
        )
        self._grpc.add_generic_rpc_handlers((handler,))
        self._http = _Server(("127.0.0.1", 0), _handler(self))
        if tls:
            pair = tls[0].read_bytes(), tls[1].read_bytes()
            credentials = grpc.ssl_server_credentials([pair])
            self.port = self._grpc.add_secure_port("127.0.0.1:0", credentials)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls[1], tls[0])
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        else:
            self.port = self._grpc.add_insecure_port("127.0.0.1:0")
        self._grpc.start()
        self.rest_port = self._http.server_address[1]
        # A short poll, as `stop` waits for it.
        threading.Thread(target=self._http.serve_forever, args=[0.01], daemon=True).start()

    def __enter__(self) -> "Stub":
        return self

    def __exit__(self, *error) -> None:
        self.ended.set()
        self._grpc.stop(None).wait()
        self._http.shutdown()
        self._http.server_close()

    def url(self, scheme: str) -> str:
        """The address of one of the two."""
        return f"{scheme}://127.0.0.1:{self.port if scheme.startswith('grpc') else self.rest_port}"

    def find(self, version: int | None) -> int:
        """The version that answers."""
        if version not in (None, *self.versions):
            raise Refusal("NOT_FOUND", 404, b'{"error": "Servable not found"}')
        return version or max(self.versions)

    def answer(self, signature: str, inputs: dict, version: int) -> tuple[int, dict]:
        """The number of the request, and the outputs."""
        with self._lock:
            number = len(self.asked)
            self.asked.append((signature, version))
        if signature == "describe":
            own = isinstance(self.interface, (str, bytes))
            text = self.interface if own else json.dumps(self.interface)
            outputs: dict = {"answer": [text if isinstance(text, bytes) else text.encode()]}
        elif signature == "separate_wav":
            waveform = from_wav(inputs["wav_bytes"][0])
            outputs = {
                "vocals_bytes": [to_wav(waveform, RATE)],
                "rest_bytes": [to_wav(-waveform, RATE)],
            }
        else:
            waveform = inputs["waveform"]
            outputs = {"vocals": waveform, "rest": -waveform}
        return number, self.spoil(signature, outputs)

    def _predict(self, message: bytes, context) -> bytes:
        request = protos.PredictRequest.FromString(message)
        inputs = {name: protos.to_array(value) for name, value in request.inputs.items()}
        spec = request.model_spec
        with self._lock:
            self.headers.append(dict(context.invocation_metadata()))
        try:
            version = self.find(spec.version.value or None)
            number, outputs = self.answer(spec.signature_name, inputs, version)
            response = protos.PredictResponse()
            response.model_spec.version.value = version
            for name, value in outputs.items():
                response.outputs[name].CopyFrom(protos.to_tensor(value))
            return self.break_off(response.SerializeToString(), number, None)
        except Refusal as error:
            context.abort(grpc.StatusCode[error.code], "as told")
            raise  # `abort` has raised


def _handler(stub: Stub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def do_GET(self):
            self.close_connection = True
            version = self._version()
            states = stub.status([n for n in stub.versions if version in (None, n)])
            self._send(200, json.dumps({"model_version_status": states}).encode())

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with stub._lock:
                stub.headers.append(dict(self.headers))
            inputs = {name: _parsed(value) for name, value in body["inputs"].items()}
            try:
                version = stub.find(self._version())
                number, outputs = stub.answer(body["signature_name"], inputs, version)
                values = {name: _written(name, value) for name, value in outputs.items()}
                (single, *more) = values.values() if values else ({},)
                text = json.dumps({"outputs": values if more else single}).encode()
                self._send(200, stub.break_off(text, number, self))
            except Refusal as error:
                self._send(error.status, error.body)
            except OSError:
                pass  # the client is gone

        def _version(self):
            found = re.search(r"/versions/(\d+)", self.path)
            return int(found[1]) if found else None

        def _send(self, status, body):
            self.send_response(status)
            if status == 302:
                self.send_header("Location", body.decode())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _parsed(values):
    if isinstance(values[0], dict):
        return [base64.b64decode(value["b64"]) for value in values]
    return np.array(values, np.float32)


def _written(name, values):
    if isinstance(values, np.ndarray):
        return values.tolist()
    if name.endswith("_bytes"):
        return [{"b64": base64.b64encode(value).decode()} for value in values]
    return [value.decode(errors="replace") for value in values]


# Ways to break off an answer. The first request that separates anything is number 1.


def slowly(body: bytes, number: int, line: Any) -> bytes:
    """A byte now and then."""
    if number < 1:
        return body
    if line is None:
        time.sleep(3)
        return body
    line.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 9999\r\n\r\n")
    for _ in range(60):
        line.wfile.write(b" ")
        time.sleep(0.05)
    return body


def dying(body: bytes, number: int, line: Any) -> bytes:
    """The connection breaks, and half of the answer has come."""
    if number < 1:
        return body
    if line is None:
        raise Refusal("UNAVAILABLE", 503)
    line.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
    line.wfile.write(body[: len(body) // 2])
    line.wfile.flush()
    line.connection.shutdown(socket.SHUT_RDWR)
    raise OSError


def halves(body: bytes, number: int, line: Any) -> bytes:
    """Half of a message, as if it were whole."""
    return body[: len(body) // 2] if number >= 1 else body


def html(body: bytes, number: int, line: Any) -> bytes:
    """A page, with the code of success."""
    return b"<!DOCTYPE html><html><body>Please log in</body></html>" if number >= 1 else body


def gateway(body: bytes, number: int, line: Any) -> bytes:
    """A proxy whose server is away."""
    if number >= 1:
        raise Refusal("UNAVAILABLE", 502, b"<html><h1>502 Bad Gateway</h1></html>")
    return body


def redirection(body: bytes, number: int, line: Any) -> bytes:
    """To another server."""
    if number >= 1:
        raise Refusal("UNKNOWN", 302, b"http://127.0.0.1:9/elsewhere")
    return body


def once(fault: Callable) -> Callable:
    """A fault of the second request only."""
    return lambda body, number, line: fault(body, number if number == 1 else 0, line)
