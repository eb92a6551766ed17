"""Sends Predict requests over gRPC and REST, again and again while a server is unavailable."""

import base64
import http.client
import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import grpc
import numpy as np

from mss_keras.config import UserError, WorkFailedError
from serving import protos

Values = dict[str, np.ndarray | list[bytes]]
_METHOD = "/tensorflow.serving.PredictionService/Predict"
_UNAVAILABLE = "UNAVAILABLE"
# The gRPC codes that TensorFlow Serving's REST interface gives as these HTTP codes.
_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: _UNAVAILABLE,
    504: "DEADLINE_EXCEEDED",
}


class ServingError(WorkFailedError):
    """A server refused a request, or a request did not reach a server.

    Args:
        code: str. Name of the gRPC status code.
        message: str. What the server said, or what went wrong on the way.
    """

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code = code


class Transport(Protocol):
    """Carries requests to a server; several threads may call it at a time."""

    def predict(self, signature: str, inputs: Values, seconds: float) -> Values:
        """Sends one request and waits for its answer.

        Args:
            signature: str. Name of the model's signature.
            inputs: dict. Float32 arrays or lists of byte strings, by name.
            seconds: float. How long to wait for the answer.

        Returns:
            The outputs, by name.

        Raises:
            ServingError: if no answer comes in time, or if the server refuses the request.
        """
        ...

    def close(self) -> None:
        """Closes the connections."""
        ...


class Grpc:
    """A `Transport` over gRPC.

    Args:
        address: str. `HOST:PORT`.
        spec: mapping. "name" of the model and, if wanted, "version" or "version_label".
    """

    def __init__(self, address: str, spec: Mapping[str, Any]):
        self._spec = spec
        options = [
            # The default is 4 MiB, and 3 s of four stems take more.
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1),
            # gRPC looks for the server every second, and leaves repetitions to `retried`.
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.enable_retries", 0),
        ]
        self._channel = grpc.insecure_channel(address, options)
        self._call = self._channel.unary_unary(
            _METHOD,
            request_serializer=protos.PredictRequest.SerializeToString,
            response_deserializer=protos.PredictResponse.FromString,
        )

    def predict(self, signature: str, inputs: Values, seconds: float) -> Values:
        """Sends one request and waits for its answer; see `Transport.predict`."""
        spec = {**self._spec, "signature_name": signature}
        try:
            response = self._call(protos.predict_request(spec, inputs), timeout=seconds)
        except grpc.RpcError as error:
            raise ServingError(error.code().name, error.details()) from error
        return {name: protos.to_array(tensor) for name, tensor in response.outputs.items()}

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()


class Rest:
    """A `Transport` over HTTP, for signatures of byte strings: floats in JSON take far longer.

    Args:
        url: str. `http://HOST:PORT`.
        spec: mapping. As for `Grpc`.
    """

    def __init__(self, url: str, spec: Mapping[str, Any]):
        path = f"/v1/models/{quote(spec['name'], safe='')}"
        if "version" in spec:
            path += f"/versions/{spec['version']}"
        if "version_label" in spec:
            path += f"/labels/{quote(spec['version_label'], safe='')}"
        self._url = f"{url.rstrip('/')}{path}:predict"

    def predict(self, signature: str, inputs: Values, seconds: float) -> Values:
        """Sends one request and waits for its answer; see `Transport.predict`."""
        values = {
            name: [{"b64": base64.b64encode(value).decode()} for value in values]
            for name, values in inputs.items()
        }
        body = json.dumps({"signature_name": signature, "inputs": values}).encode()
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=seconds) as response:
                outputs = json.load(response)["outputs"]
        except urllib.error.HTTPError as error:
            code = _CODES.get(error.code, f"HTTP {error.code}")
            raise ServingError(code, _message_of(error)) from error
        except TimeoutError as error:
            raise ServingError("DEADLINE_EXCEEDED", f"no answer in {seconds:.0f} s") from error
        except (OSError, http.client.HTTPException) as error:  # refused, reset, cut off
            raise ServingError(_UNAVAILABLE, f"{self._url}: {error}") from error
        # The server leaves out the name of a single output.
        outputs = outputs if isinstance(outputs, dict) else {"": outputs}
        return {name: [_bytes(value) for value in values] for name, values in outputs.items()}

    def close(self) -> None:
        """Does nothing: each request has its own connection."""


def connect(url: str, spec: Mapping[str, Any]) -> Transport:
    """Makes the transport for a URL.

    Args:
        url: str. `grpc://HOST:PORT`, `http://HOST:PORT` or `https://HOST:PORT`.
        spec: mapping. As for `Grpc`.

    Raises:
        UserError: if the URL has another form.
    """
    parts = urlsplit(url)
    if parts.scheme == "grpc" and parts.port and parts.hostname:
        return Grpc(parts.netloc, spec)
    if parts.scheme in ("http", "https") and parts.hostname:
        return Rest(url, spec)
    raise UserError("url", repr(url), "grpc://HOST:PORT or http://HOST:PORT")


def retried(
    request: Callable[[float], Values], deadline: float, say: Callable[[str], None]
) -> Values:
    """Repeats a request while the server is unavailable: away, or overloaded.

    The pauses double, from a quarter of a second to ten. Each is varied by up to a half, which
    keeps clients from coming back all at once.

    Args:
        request: Callable. Called with the seconds that are left.
        deadline: float. Seconds for all attempts together.
        say: Callable. Called with a line about every attempt that failed.

    Raises:
        ServingError: if the last attempt failed.
    """
    end, pause = time.monotonic() + deadline, 0.25
    while True:
        try:
            return request(max(0.001, end - time.monotonic()))
        except ServingError as error:
            wait = pause * random.uniform(0.5, 1.5)
            if error.code != _UNAVAILABLE or time.monotonic() + wait > end:
                raise
            say(f"{error}; again in {wait:.1f} s")
        time.sleep(wait)
        pause = min(10.0, 2 * pause)


def _message_of(error: urllib.error.HTTPError) -> str:
    text = error.read().decode(errors="replace")
    try:
        return json.loads(text)["error"]
    except (ValueError, KeyError, TypeError):
        return text.strip() or str(error.reason)


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else str(value).encode()
