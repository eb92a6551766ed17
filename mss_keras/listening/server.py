"""The server of a listening test: its page, and the ratings that browsers send.

GET /                    index.html, and the other files of page/; nothing else is there
POST /ratings            {"test", "listener", "ratings"} → {"kept": the highest number kept}
GET /ratings/LISTENER    {"ratings": the last of each stimulus}
"""

import ipaddress
import logging
import socket
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from urllib.parse import urlsplit

import flask
import waitress
from werkzeug.exceptions import HTTPException

from mss_keras.config import HostingConfig, UserError
from mss_keras.jobs.locks import locked
from mss_keras.listening.keeping import Keeping
from mss_keras.listening.key import Key, read_key

MOST_BYTES = 2**20  # of a request; a rating has about 130
_THREADS = 16
_CONNECTIONS = 1000

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src data:; connect-src 'self'; media-src blob: data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_SERVED = '"use strict"; window.LISTENING_SERVER = true;\n'


def serve(
    folder: Path, hosting: HostingConfig, *, say: Callable[[str], None] = lambda line: None
) -> None:
    """Serves a test until Ctrl-C.

    Args:
        folder: Path. The folder of the test.
        hosting: HostingConfig. Where it is served.
        say: Callable. Is called with each line that a user would want to know.

    Raises:
        UserError: if there is no test, another server is at work in its folder, or the address
            is taken.
    """
    key = read_key(folder)
    ratings = folder / "ratings"
    ratings.mkdir(exist_ok=True)
    with locked(ratings):
        keeping = Keeping(ratings, key, say=say)
        app = make_app(folder / "page", key, keeping, names=hosting.allow_host)
        try:
            server = waitress.create_server(
                app,
                host=hosting.host,
                port=hosting.port,
                threads=_THREADS,
                connection_limit=_CONNECTIONS,
                max_request_body_size=MOST_BYTES,
                ident=None,
            )
        except (OSError, ValueError) as error:  # ValueError: no such host
            reason = getattr(error, "strerror", None) or str(error)
            raise UserError(
                "port", f"{hosting.host}:{hosting.port}, {reason}", "a free one of this machine"
            ) from None
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # two hundred wait a moment
        # A name that has several addresses has a server for each.
        listening = getattr(server, "effective_listen", None)
        port = listening[0][1] if listening else server.effective_port
        say(_state(keeping, ratings))
        say("send listeners the bare address: what a browser adds behind # is one listener's")
        say(f"serving on http://{_shown(hosting.host)}:{port}/ until Ctrl-C")
        try:
            server.run()
        except KeyboardInterrupt:  # waitress takes it, but for a second one
            pass
        finally:
            server.close()
        say(f"stopped; {_state(keeping, ratings)}")


def make_app(page: Path, key: Key, keeping: Keeping, *, names: Iterable[str] = ()) -> flask.Flask:
    """The application that serves a test.

    Args:
        page: Path. Folder of the page.
        key: Key. The key of the test.
        keeping: Keeping. Where ratings are kept.
        names: iterable of str. Names by which browsers may reach it, besides this machine's.

    Raises:
        UserError: if the page is missing.
    """
    # The files are listed once: no path of a request ever reaches the disk.
    files = {
        path.relative_to(page).as_posix(): path
        for path in page.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    if "index.html" not in files:
        raise UserError(page, "no index.html", "the page of a listening test")
    allowed = {name.lower() for name in names}
    known = {"localhost", socket.gethostname().lower(), *allowed}
    app = flask.Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES

    @app.before_request
    def only_from_here() -> None:
        request = flask.request
        if not _is_ours(request.host, known):
            flask.abort(403, f"no name of this server: {request.host}; --allow-host takes more")
        origin = request.headers.get("Origin")
        if origin is not None and not _is_same(origin, request.host, allowed):
            flask.abort(403, f"a request from another page: {origin}; --allow-host takes more")
        if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.method == "POST":
            flask.abort(403, "a request from another page")

    @app.after_request
    def with_headers(response: flask.Response) -> flask.Response:
        response.headers.update(HEADERS)
        if flask.request.path.startswith("/ratings"):
            response.headers["Cache-Control"] = "no-store"
        return response

    @app.get("/server.js")
    def is_served() -> flask.Response:
        return flask.Response(_SERVED, mimetype="text/javascript")

    @app.get("/")
    @app.get("/<path:name>")
    def file_of_the_page(name: str = "index.html") -> flask.Response:
        if name not in files:
            flask.abort(404)
        return flask.send_file(files[name].resolve(), conditional=True)

    @app.get("/ratings/<listener>")
    def ratings_of(listener: str) -> flask.Response:
        return flask.jsonify(ratings=keeping.latest(listener))

    @app.post("/ratings")
    def keep() -> flask.Response:
        try:
            sent = flask.request.get_json()
        except RecursionError:
            flask.abort(400, "lists within lists within lists")
        if not isinstance(sent, dict) or not isinstance(sent.get("ratings"), list):
            raise UserError("ratings", "no list of them", '{"test", "listener", "ratings"}')
        if sent.get("test") != key.test:
            raise UserError("test", repr(sent.get("test"))[:60], f"{key.test!r}, which is here")
        try:
            return flask.jsonify(kept=keeping.keep(sent.get("listener", ""), sent["ratings"]))
        except OSError as error:
            answer = flask.jsonify(error=f"the server cannot write: {error.strerror}")
            answer.status_code = 507
            return answer

    @app.errorhandler(UserError)
    def is_wrong(error: UserError) -> tuple[flask.Response, int]:
        return flask.jsonify(error=str(error)), 400

    @app.errorhandler(HTTPException)
    def is_refused(error: HTTPException) -> tuple[flask.Response, int]:
        return flask.jsonify(error=error.description or error.name), error.code or 500

    return app


def _is_same(origin: str, host: str, allowed: Collection[str]) -> bool:
    # A proxy may give the server another name than browsers know: the proxy's own.
    try:
        found = urlsplit(origin)
        return found.netloc.lower() == host.lower() or (found.hostname or "") in allowed
    except ValueError:
        return False


def _is_ours(host: str, known: Iterable[str]) -> bool:
    # A name that somebody else lets point to this machine is none of its own; an address is what
    # it is.
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name in known
    return True


def _shown(host: str) -> str:
    # A host as an address that a browser takes; that of all of them is none.
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _state(keeping: Keeping, folder: Path) -> str:
    listeners, rated = keeping.counts
    return f"listeners so far: {listeners}, stimuli rated: {rated}, in {folder}"
