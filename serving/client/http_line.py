"""One HTTP request, which another thread can end."""

import contextlib
import http.client
import socket
import threading
import urllib.request
from typing import Any

from serving.client import patience
from serving.client.errors import ServingError

# Bytes of an answer: base64 of what a protocol buffer can hold.
_LONGEST = 3 * 2**30


class Line:
    """The connection of one request.

    Attributes:
        was_cut: bool. Whether `cut` was called.
    """

    def __init__(self):
        self.was_cut = False
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def cut(self) -> None:
        """Ends the request, whichever byte it waits for."""
        with self._lock:
            self.was_cut = True
            if self._socket:
                # That of `ssl` would take the encryption away under the thread that reads.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def exchange(self, request: urllib.request.Request, seconds: float) -> bytes:
        """Sends a request and reads its answer.

        Redirections are not followed, because they would carry the headers, and in them a
        token, to another server.

        Args:
            request: urllib.request.Request. The request.
            seconds: float. The longest silence of the server.

        Raises:
            OSError: if there is no connection, or if the server refuses the request.
            http.client.HTTPException: if the answer is not HTTP, or is cut off.
            ServingError: if the answer is longer than any that a server can give.
        """
        opener = urllib.request.build_opener(_Http(self), _Https(self), _NoRedirection)
        with opener.open(request, timeout=seconds) as response:
            text = response.read(_LONGEST + 1)
            if len(text) > _LONGEST:
                raise ServingError.of_answer(f"more than {_LONGEST} bytes", "fewer")
            if response.length:  # still to come; `read` with a limit does not complain
                raise http.client.IncompleteRead(b"", response.length)
            return text

    def take(self, made: socket.socket) -> None:
        """Keeps the socket of the connection.

        Args:
            made: socket.socket. The socket.
        """
        with self._lock:
            self._socket = made
        if self.was_cut:
            self.cut()


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


class _Http(urllib.request.HTTPHandler):
    def __init__(self, line: Line):
        super().__init__()
        self._line = line

    def http_open(self, request):
        return self.do_open(_connection(http.client.HTTPConnection, self._line), request)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, line: Line):
        super().__init__()
        self._line = line

    def https_open(self, request):
        return self.do_open(_connection(http.client.HTTPSConnection, self._line), request)


def _connection(base: type[http.client.HTTPConnection], line: Line) -> Any:
    class Connection(base):  # type: ignore[misc, valid-type]
        timeout: float

        def connect(self):
            seconds = self.timeout
            self.timeout = min(seconds, patience.CONNECT_SECONDS)
            super().connect()
            self.sock.settimeout(seconds)
            line.take(self.sock)

    return Connection
