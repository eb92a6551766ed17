"""Files from the network: with a bar, resumed after a break, and checked."""

import contextlib
import hashlib
import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

_SILENCE_SECONDS = 60.0  # a server that sends nothing for that long is given up
_PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds before further attempts that bring nothing new
_BLOCK = 1 << 16  # bytes; what has come of a block is lost where the transfer breaks off
_BUSY = {429, 500, 502, 503, 504}  # codes of servers that may answer a little later


class DownloadError(Exception):
    """A file cannot be fetched; the message is a line that says why."""


class _BrokenOffError(DownloadError):
    """What another attempt may mend."""


def download(
    url: str,
    path: Path,
    *,
    sha256: str = "",
    progress: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Fetches a file, which takes its name when it is whole.

    What has come lies beside it as `NAME.part`. A transfer that breaks off goes on from there, and
    so does another call where a checksum tells whether the parts are of one file. Only one process
    at a time may fetch a file.

    Args:
        url: str. Its address, of any kind that urllib opens.
        path: Path. The file, in a folder that exists.
        sha256: str. The first hexadecimal digits of its SHA-256, some or all. Defaults to none:
            the file is not checked.
        progress: bool. Whether a bar is shown. Defaults to `False`.
        say: Callable. Is called with a line about each break. Defaults to nothing.

    Raises:
        DownloadError: if it cannot be fetched, or is another file. What has come is kept where
            another call can go on with it.
        OSError: if it cannot be written, such as for a full disk.
    """
    part = path.with_name(f"{path.name}.part")
    if not sha256:
        part.unlink(missing_ok=True)
    while True:
        begun = _size(part)
        try:
            _complete(url, part, progress=progress, say=say)
        except DownloadError:
            if not sha256:
                part.unlink(missing_ok=True)
            raise
        found = sha256_of(part) if sha256 else ""
        if found.startswith(sha256):
            part.replace(path)
            return
        part.unlink()
        if not begun:
            raise DownloadError(f"SHA-256 {found[: len(sha256)]}, not {sha256} as published")
        say(f"{path.name}: what was here before is of another file; fetching it anew")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _complete(url: str, part: Path, *, progress: bool, say: Callable[[str], None]) -> None:
    pauses, again, most = iter(_PAUSES), False, _size(part)
    while True:
        try:
            _go_on(url, part, again=again, progress=progress)
        except _BrokenOffError as error:
            again = True
            if _size(part) > most:
                pauses, most = iter(_PAUSES), _size(part)
            pause = next(pauses, None)
            if pause is None:
                raise
            say(f"{url}: {error} after {_size(part)} bytes; trying again in {pause:g} s")
            time.sleep(pause)
        else:
            return


def _go_on(url: str, part: Path, *, again: bool, progress: bool) -> None:
    have = _size(part)
    with contextlib.ExitStack() as stack:
        with _told(begun=again):
            response = stack.enter_context(_opened(url, have))
        if response is None:
            return
        # A server may begin anew, whatever it is asked for.
        start, total = _place(response)
        if start not in (0, have):
            part.unlink(missing_ok=True)
            raise _BrokenOffError("the server sends another part than it was asked for")
        have = start
        file = stack.enter_context(part.open("ab" if have else "wb"))
        bar = stack.enter_context(
            tqdm(
                total=total,
                initial=have,
                unit="B",
                unit_scale=True,
                desc=part.stem,
                leave=False,
                disable=not progress,
            )
        )
        while block := _read(response):
            file.write(block)
            bar.update(len(block))
    if total is not None and _size(part) != total:
        raise _BrokenOffError(f"the transfer broke off, {total - _size(part)} bytes are missing")


def _place(response: Any) -> tuple[int | None, int | None]:
    # Where in the file begins what comes, and where the file ends, as far as the server tells.
    if getattr(response, "status", None) != http.HTTPStatus.PARTIAL_CONTENT:
        length = re.fullmatch(r"\d{1,18}", response.headers.get("Content-Length") or "")
        return 0, int(length[0]) if length else None
    told = response.headers.get("Content-Range") or ""
    found = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", told)
    if not found:
        return None, None
    return int(found[1]), int(found[2]) + 1 if found[3] == "*" else int(found[3])


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, *rest):
        # Whoever listens in could send another file; not every checksum here is a whole one.
        body, code, reason, headers, address = rest
        if req.full_url.startswith("https:") and not address.startswith("https:"):
            reason = f"{reason}, to {address}, which is not encrypted"
            raise urllib.error.HTTPError(address, code, reason, headers, body)
        return super().redirect_request(req, *rest)


@contextlib.contextmanager
def _opened(url: str, have: int) -> Iterator[Any]:
    # The response; None where there is nothing behind what we have.
    request = urllib.request.Request(url, headers={"User-Agent": "mss_keras"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    opener = urllib.request.build_opener(_Redirects)
    try:
        response = opener.open(request, timeout=_SILENCE_SECONDS)
    except urllib.error.HTTPError as error:
        with error:
            if error.code != 416 or not have:
                raise
            if (error.headers.get("Content-Range") or "") == f"bytes */{have}":
                yield None
                return
        request.remove_header("Range")
        response = opener.open(request, timeout=_SILENCE_SECONDS)
    with response:
        yield response


def _read(response: Any) -> bytes:
    with _told(begun=True):
        return response.read(_BLOCK)


@contextlib.contextmanager
def _told(*, begun: bool) -> Iterator[None]:
    # A broken transfer raises one of these; where nothing has come, there is no network.
    try:
        yield
    except urllib.error.HTTPError as error:
        kind = _BrokenOffError if error.code in _BUSY else DownloadError
        raise kind(f"{error.code} {_line(error)}") from error
    except (http.client.HTTPException, OSError, ValueError) as error:
        kind = _BrokenOffError if begun else DownloadError
        raise kind(_line(error)) from error


def _line(error: Exception) -> str:
    # In one line: a server's garbage may hold line ends.
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return " ".join(str(reason).split()) or type(error).__name__
