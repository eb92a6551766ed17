"""Predict requests over gRPC and REST, tried again while a server is away."""

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

from mss_keras.config import UserError
from serving import protos

Values = dict[str, np.ndarray | list[bytes]]
_METHOD = "/tensorflow.serving.PredictionService/Predict"
_UNAVAILABLE = "UNAVAILABLE"
# What TensorFlow Serving's REST interface makes of codes; others are told by their number.
_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: _UNAVAILABLE,
    504: "DEADLINE_EXCEEDED",
}


class ServingError(RuntimeError):
    """A request that a server refused, or that did not reach one.

    Args:
        code: name of the gRPC status code.
        message: the server's, or what went wrong on the way.
    """

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code = code


class Transport(Protocol):
    """How requests reach a server; safe to call from several threads."""

    def predict(self, signature: str, inputs: Values, seconds: float) -> Values:
        """One request, answered within so many seconds.

        Raises:
            ServingError: if it is not.
        """
        ...

    def close(self) -> None:
        """Lets go of connections."""
        ...


class Grpc:
    """Over gRPC.

    Args:
        address: `HOST:PORT`.
        spec: `name` of the model and, if wanted, `version` or `version_label`.
    """

    def __init__(self, address: str, spec: Mapping[str, Any]):
        self._spec = spec
        options = [
            # 4 MiB is the default: 3 s of four stems.
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1),
            # A server that is back is found soon; how often to try again is said below.
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
        """See `Transport`."""
        spec = {**self._spec, "signature_name": signature}
        try:
            response = self._call(protos.predict_request(spec, inputs), timeout=seconds)
        except grpc.RpcError as error:
            raise ServingError(error.code().name, error.details()) from error
        return {name: protos.to_array(tensor) for name, tensor in response.outputs.items()}

    def close(self) -> None:
        """See `Transport`."""
        self._channel.close()


class Rest:
    """Over HTTP, for signatures of byte strings: floats in JSON would take far longer.

    Args:
        url: `http://HOST:PORT`.
        spec: as for `Grpc`.
    """

    def __init__(self, url: str, spec: Mapping[str, Any]):
        path = f"/v1/models/{quote(spec['name'], safe='')}"
        if "version" in spec:
            path += f"/versions/{spec['version']}"
        if "version_label" in spec:
            path += f"/labels/{quote(spec['version_label'], safe='')}"
        self._url = f"{url.rstrip('/')}{path}:predict"

    def predict(self, signature: str, inputs: Values, seconds: float) -> Values:
        """See `Transport`."""
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
            raise ServingError(
                _CODES.get(error.code, f"HTTP {error.code}"), _told(error)
            ) from error
        except TimeoutError as error:
            raise ServingError("DEADLINE_EXCEEDED", f"no answer in {seconds:.0f} s") from error
        except (OSError, http.client.HTTPException) as error:  # refused, reset, cut off
            raise ServingError(_UNAVAILABLE, f"{self._url}: {error}") from error
        # A single output comes without its name.
        outputs = outputs if isinstance(outputs, dict) else {"": outputs}
        return {name: [_bytes(value) for value in values] for name, values in outputs.items()}

    def close(self) -> None:
        """See `Transport`; each request has a connection of its own."""


def connect(url: str, spec: Mapping[str, Any]) -> Transport:
    """The transport for a URL, `grpc://HOST:PORT` or `http[s]://HOST:PORT`.

    Raises:
        UserError: for another URL.
    """
    parts = urlsplit(url)
    if parts.scheme == "grpc" and parts.port and parts.hostname:
        return Grpc(parts.netloc, spec)
    if parts.scheme in ("http", "https") and parts.hostname:
        return Rest(url, spec)
    raise UserError(f"--url: found {url!r}, wanted grpc://HOST:PORT or http://HOST:PORT")


def retried(
    request: Callable[[float], Values], deadline: float, say: Callable[[str], None]
) -> Values:
    """A request, made again while the server is unavailable: away, or overloaded.

    Pauses double from a quarter of a second to ten, give or take a half, so that clients do
    not come back all at once.

    Args:
        request: called with the seconds left.
        deadline: seconds for all attempts together.
        say: told of every attempt that failed.

    Raises:
        ServingError: of the last attempt.
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


def _told(error: urllib.error.HTTPError) -> str:
    text = error.read().decode(errors="replace")
    try:
        return json.loads(text)["error"]
    except (ValueError, KeyError, TypeError):
        return text.strip() or str(error.reason)


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else str(value).encode()
