"""How requests travel to a server: over gRPC or REST, by the URL."""

import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np

from mss_keras.config import UserError
from serving.client.over_grpc import Grpc
from serving.client.over_rest import Rest

Values = dict[str, np.ndarray | list[bytes]]


class Transport(Protocol):
    """Carries requests to a server; several threads may call it at a time.

    All requests go to one version of the model, the first that answered: the server may
    publish another one in the middle of a song.

    Attributes:
        version: int or None. The version that answers; None before the first answer.
    """

    version: int | None

    def reach(self, seconds: float) -> None:
        """Connects to the server.

        Args:
            seconds: float. How long to wait for its answer. For a connection it waits
                `serving.client.patience.CONNECT_SECONDS` at most.

        Raises:
            ServingError: if there is no server, or it has no such model.
        """
        ...

    def predict(self, signature: str, inputs: Values, seconds: float) -> Values:
        """Sends one request and waits for its answer.

        Args:
            signature: str. Name of the model's signature.
            inputs: dict. Float32 arrays or lists of byte strings, by name.
            seconds: float. How long to wait for the answer.

        Returns:
            The outputs, by name; over REST a single output has the name "".

        Raises:
            ServingError: if no answer comes in time, or if the server refuses the request.
        """
        ...

    def close(self) -> None:
        """Closes the connections; requests under way end at once."""
        ...


# Of each protocol the signatures that a client may use, the best first. Over REST files take
# less time than floats in JSON.
_WAVEFORMS_FIRST = ("serving_default", "separate_wav", "fixed_length")
_FILES_FIRST = ("separate_wav", "serving_default", "fixed_length")


def connect(
    url: str, spec: Mapping[str, Any], headers: Mapping[str, str]
) -> tuple[Transport, tuple[str, ...]]:
    """Makes the transport for a URL.

    Args:
        url: str. `grpc://HOST:PORT` or `http://HOST:PORT`, or with TLS `grpcs://HOST:PORT` or
            `https://HOST:PORT`.
        spec: mapping. "name" of the model and, if wanted, "version" or "version_label".
        headers: mapping. What every request says besides, as HTTP headers or gRPC metadata.

    Returns:
        The transport, and the signatures to prefer, in order.

    Raises:
        UserError: if the URL or a header has another form.
    """
    for name, value in headers.items():
        # The value may be a secret, and is not told.
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", name) or name.lower().endswith("-bin"):
            raise UserError("header", f"the name {name!r}", "letters, digits and any of _ . -")
        if not re.fullmatch(r"[ -~]*", value):
            raise UserError("header", f"another character in {name}", "printable ASCII")
    wanted = "grpc://HOST:PORT, grpcs://HOST:PORT or http(s)://HOST:PORT"
    error = UserError("url", repr(url), wanted)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise error from None
    if not host or port == 0 or parts.username is not None or re.search(r"[\s?#]", url):
        raise error
    if parts.scheme in ("grpc", "grpcs") and port and parts.path in ("", "/"):
        secure = parts.scheme == "grpcs"
        return Grpc(parts.netloc, spec, secure=secure, headers=headers), _WAVEFORMS_FIRST
    if parts.scheme in ("http", "https"):
        return Rest(url, spec, headers=headers), _FILES_FIRST
    raise error
