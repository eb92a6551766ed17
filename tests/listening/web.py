"""A web server for a page: static files, and ratings, which it takes, refuses or fails on."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from werkzeug.serving import make_server

from mss_keras.listening.keeping import Keeping
from mss_keras.listening.key import Key, Trial
from mss_keras.listening.server import make_app


class _Handler(SimpleHTTPRequestHandler):
    state: Any = None

    def do_GET(self) -> None:
        if self.state.takes_ratings and self.path == "/server.js":
            self._answer(200, "window.LISTENING_SERVER = true;", "text/javascript")
        elif self.state.takes_ratings and self.path.startswith("/ratings/"):
            listener = self.path.removeprefix("/ratings/")
            self._ratings({"ratings": self.state.kept.get(listener, [])})
        else:
            super().do_GET()

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        kept = self.state.kept.setdefault(sent["listener"], [])
        if self.state.status == 200:
            top = max((rating["number"] for rating in kept), default=0)
            kept += [rating for rating in sent["ratings"] if rating["number"] > top]
        self._ratings({"kept": max((rating["number"] for rating in kept), default=0)})

    def _ratings(self, answer: dict[str, Any]) -> None:
        known = {200: answer, 400: {"error": "no such <b>trial</b>"}}
        body = json.dumps(known.get(self.state.status, {}))
        self._answer(self.state.status, body, "application/json")

    def _answer(self, status: int, body: str, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(folder: Path, *, takes_ratings: bool = False) -> Iterator[SimpleNamespace]:
    """Serves a folder at `address`; `status` is what requests for ratings are answered."""
    state = SimpleNamespace(takes_ratings=takes_ratings, status=200, kept={}, address="")
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    state.address = f"http://127.0.0.1:{server.server_port}/index.html"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def kept(folder: Path, test: dict[str, Any]) -> Iterator[SimpleNamespace]:
    """The server of `listen --serve` for a page; `keeping` is what it keeps."""
    trials = tuple(
        Trial(
            entry["trial"],
            track="song @ 0 s",
            song="song",
            source=entry["source"],
            start=0.0,
            seconds=entry["seconds"],
            lufs=-23.0,
            stimuli=dict.fromkeys(entry["stimuli"], "theirs"),
        )
        for entry in test["trials"]
    )
    key = Key(test["test"], test["scale"], "secret", ("theirs",), trials)
    keeping = Keeping(folder.with_name("ratings"), key)
    server = make_server("127.0.0.1", 0, make_app(folder, key, keeping), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/"
        yield SimpleNamespace(address=address, keeping=keeping)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
