"""A server of files as publishers have them, which breaks off when it is told to."""

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Publisher:
    """A server at `address` of the contents in `files`, by their names.

    Attributes:
        ranges: whether parts of a file are served.
        breaks: after how many bytes the next transfers break off, the next one first.
        silence: for how many seconds the connection stays open behind a break.
        most: how many bytes of a part are served at once, at most.
        ahead: how many bytes behind the one that was asked for a part begins.
        moved: where a name is now, as an address, by the name.
        codes: with which codes the next requests are refused, the next one first.
        asked: the name and the range of each request; the range is `None` where none is asked for.
    """

    def __init__(self, files):
        self.files = dict(files)
        self.ranges = True
        self.breaks: list[int] = []
        self.silence = 0.0
        self.most: int | None = None
        self.ahead = 0
        self.moved: dict[str, str] = {}
        self.codes: list[int] = []
        self.asked: list[tuple[str, str | None]] = []

    @contextlib.contextmanager
    def open(self):
        """Serves until the end."""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler):
                self._answer(handler)

            def log_message(handler, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    def url(self, name):
        return f"{self.address}/{name}"

    def _answer(self, handler):
        name, wanted = handler.path[1:], handler.headers["Range"]
        self.asked.append((name, wanted))
        if name in self.moved:
            handler.send_response(302)
            handler.send_header("Location", self.moved[name])
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        if self.codes or name not in self.files:
            handler.send_error(self.codes.pop(0) if self.codes else 404)
            return
        content, start = self.files[name], 0
        stop = len(content)
        if wanted and self.ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                handler.send_response(416)
                handler.send_header("Content-Range", f"bytes */{len(content)}")
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                return
            start += self.ahead
            stop = min(len(content), start + (self.most or len(content)))
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        else:
            handler.send_response(200)
        handler.send_header("Content-Length", str(stop - start))
        handler.end_headers()
        breaks = bool(self.breaks)
        end = start + self.breaks.pop(0) if breaks else stop
        with contextlib.suppress(ConnectionError):
            handler.wfile.write(content[start:end])
        time.sleep(self.silence * breaks)
