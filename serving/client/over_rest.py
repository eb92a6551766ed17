"""Predict requests over REST."""

import base64
import contextlib
import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np

from serving.client.errors import UNAVAILABLE, ServingError, Unreachable
from serving.client.http_line import Line

# The gRPC codes that TensorFlow Serving's REST interface gives as these HTTP codes. A proxy
# in front of a server that is away answers 502.
_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: "DEADLINE_EXCEEDED",
}
_COMING = ("START", "LOADING")  # states of a version that will be there
_ERROR = 2**16  # bytes of an error that are read


class Rest:
    """A `serving.client.transport.Transport` over HTTP.

    Args:
        url: str. `http://HOST:PORT`.
        spec: mapping. "name" of the model and, if wanted, "version" or "version_label".
        headers: mapping. Headers of every request. Defaults to none.
    """

    def __init__(
        self, url: str, spec: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
    ):
        self._model = f"{url.rstrip('/')}/v1/models/{quote(spec['name'], safe='')}"
        self._label = spec.get("version_label")
        self.version: int | None = spec.get("version")
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        self._closed = False
        self._lock = threading.Lock()
        self._lines: set[Line] = set()

    def reach(self, seconds: float) -> None:
        """Connects to the server; see `serving.client.transport.Transport.reach`."""
        which = f"/labels/{quote(self._label, safe='')}" if self._label else ""
        address = self._address if self.version is not None else f"{self._model}{which}"
        answer = self._send(address, None, seconds)
        try:
            states = {int(each["version"]): each for each in answer["model_version_status"]}
            available = [number for number in states if states[number]["state"] == "AVAILABLE"]
            coming = any(each["state"] in _COMING for each in states.values())
            found = [_told(number, each) for number, each in states.items()]
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ServingError.of_answer(_short(answer), "the status of a model") from None
        if not available:
            # A version that was unloaded, or could not be loaded, does not come by waiting.
            code = UNAVAILABLE if coming else "NOT_FOUND"
            raise ServingError(code, f"{address}: found {', '.join(found) or 'no versions'}")
        self.version = max(available)

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray | list[bytes]], seconds: float
    ) -> dict[str, np.ndarray | list[bytes]]:
        """Sends a request; see `serving.client.transport.Transport.predict`."""
        values = {name: _written(value) for name, value in inputs.items()}
        body = json.dumps({"signature_name": signature, "inputs": values}).encode()
        answer = self._send(f"{self._address}:predict", body, seconds)
        try:
            outputs = answer["outputs"]
            # The server leaves out the name of a single output.
            outputs = outputs if isinstance(outputs, dict) else {"": outputs}
            return {name: _read(value) for name, value in outputs.items()}
        except (KeyError, TypeError, ValueError, OverflowError):
            raise ServingError.of_answer(_short(answer), "outputs") from None

    def close(self) -> None:
        """Cuts the connections; see `serving.client.transport.Transport.close`."""
        with self._lock:
            self._closed = True
            for line in self._lines:
                line.cut()

    @property
    def _address(self) -> str:
        return f"{self._model}/versions/{self.version}"

    def _send(self, url: str, body: bytes | None, seconds: float) -> Any:
        # The answer, from JSON. A timer cuts the line, because the timeout of a socket begins
        # anew with every byte.
        line = Line()
        timer = threading.Timer(seconds, line.cut)
        timer.daemon = True
        with self._lock:
            if self._closed:
                raise ServingError("CANCELLED", "the client was closed")
            self._lines.add(line)
        timer.start()
        try:
            text = line.exchange(urllib.request.Request(url, body, self._headers), seconds)
        except urllib.error.HTTPError as error:
            code = _CODES.get(error.code, f"HTTP {error.code}")
            raise ServingError(code, _message_of(error)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            if self._closed:
                raise ServingError("CANCELLED", "the client was closed") from error
            if line.was_cut or isinstance(error, TimeoutError):
                raise ServingError("DEADLINE_EXCEEDED", f"no answer in {seconds:.0f} s") from error
            raise Unreachable(f"{url}: {error}") from error
        finally:
            timer.cancel()
            with self._lock:
                self._lines.discard(line)
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise ServingError.of_answer(_short(text), "JSON") from None


def _told(version: int, status: Mapping[str, Any]) -> str:
    # A version in words, with what went wrong.
    message = _short(str((status.get("status") or {}).get("error_message") or "").encode())
    return f"version {version} {_short(str(status['state']).encode())}" + (
        f" ({message})" if message else ""
    )


def _message_of(error: urllib.error.HTTPError) -> str:
    text = b""
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        text = error.read(_ERROR)
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"{error.reason}: {_short(text)}" if text else str(error.reason)


def _short(value: Any) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= 100 else f"{text[:97]}..."


def _written(value: np.ndarray | list[bytes]) -> list:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [{"b64": base64.b64encode(item).decode()} for item in value]


def _read(values: Any) -> np.ndarray | list[bytes]:
    # Strings that are text come as they are, others in base64.
    if values and isinstance(values[0], dict):
        return [base64.b64decode(value["b64"], validate=True) for value in values]
    if values and isinstance(values[0], str):
        return [str(value).encode() for value in values]
    return np.array(values, np.float32)
