"""Files from a server that breaks off, begins anew, refuses, and serves something else."""

import hashlib
import socket
import urllib.error
import urllib.request
from types import SimpleNamespace

import numpy as np
import pytest
from full_disk import files_up_to
from publisher import Publisher

from mss_keras.jobs import downloads
from mss_keras.jobs.disk_space import want_of_space
from mss_keras.jobs.downloads import DownloadError, download

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(downloads, "_PAUSES", (0.0, 0.0))
    with Publisher({"x.bin": CONTENT}).open() as publisher:
        yield publisher


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.bin"


def left(path):
    return sorted(x.name for x in path.parent.iterdir())


@pytest.mark.parametrize("sha256", ["", SHA256[:8], SHA256])
def test_a_file_comes_whole(server, path, sha256):
    download(server.url("x.bin"), path, sha256=sha256)
    assert path.read_bytes() == CONTENT
    assert left(path) == ["x.bin"]
    assert server.asked == [("x.bin", None)]


def test_a_transfer_that_breaks_off_goes_on(server, path):
    server.breaks = [1_000_000, 500_000, 0, 7]
    lines: list[str] = []
    download(server.url("x.bin"), path, sha256=SHA256, say=lines.append)
    assert path.read_bytes() == CONTENT
    starts = [None, *(f"bytes={x}-" for x in (1_000_000, 1_500_000, 1_500_000, 1_500_007))]
    assert [wanted for _, wanted in server.asked] == starts
    assert len(lines) == 4
    assert "broke off, 2000000 bytes are missing after 1000000 bytes; trying again" in lines[0]


def test_another_call_goes_on(server, path):
    server.breaks = [1_000_000, 0, 0, 0]
    with pytest.raises(DownloadError, match="broke off, 2000000 bytes are missing"):
        download(server.url("x.bin"), path, sha256=SHA256)
    assert left(path) == ["x.bin.part"]
    download(server.url("x.bin"), path, sha256=SHA256)
    assert server.asked[-1] == ("x.bin", "bytes=1000000-")
    assert path.read_bytes() == CONTENT
    assert left(path) == ["x.bin"]


def test_without_a_checksum_another_call_begins_anew(server, path):
    server.breaks = [1_000_000, 0, 0, 0]
    with pytest.raises(DownloadError, match="broke off"):
        download(server.url("x.bin"), path)
    assert left(path) == []
    (path.parent / "x.bin.part").write_bytes(b"of another file")
    download(server.url("x.bin"), path)
    assert path.read_bytes() == CONTENT


def test_a_server_that_always_begins_anew(server, path):
    server.ranges, server.breaks = False, [1_000_000, 2_000_000]
    download(server.url("x.bin"), path, sha256=SHA256)
    assert path.read_bytes() == CONTENT


def test_a_server_that_never_gets_to_the_end(server, path):
    server.ranges, server.breaks = False, [1_000_000, 500_000] * 50
    with pytest.raises(DownloadError, match="broke off"):
        download(server.url("x.bin"), path, sha256=SHA256)
    assert len(server.asked) == 3  # one that brought something, and one after each pause


def test_a_server_that_falls_silent(server, path, monkeypatch):
    """What came before is kept, so that a transfer that does so again and again gets to its end."""
    monkeypatch.setattr(downloads, "_SILENCE_SECONDS", 0.3)
    monkeypatch.setattr(downloads, "_PAUSES", (0.0,))
    server.breaks, server.silence = [700_000] * 4, 1.0
    lines: list[str] = []
    download(server.url("x.bin"), path, sha256=SHA256, say=lines.append)
    assert path.read_bytes() == CONTENT
    assert len(lines) == 4
    assert all(": timed out after " in line for line in lines)


def test_a_server_that_sends_some_of_what_is_left(server, path):
    server.breaks, server.most = [1_000_000], 700_000
    download(server.url("x.bin"), path)
    assert path.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked[1:]] == [
        f"bytes={x}-" for x in (1_000_000, 1_700_000, 2_400_000)
    ]


@pytest.mark.parametrize("sha256", ["", SHA256])
def test_a_server_that_sends_another_part(server, path, sha256):
    """It is asked for the whole, for what it sends would be taken for what is wanted."""
    server.breaks, server.ahead = [1_000_000], 7
    lines: list[str] = []
    download(server.url("x.bin"), path, sha256=sha256, say=lines.append)
    assert path.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == [None, "bytes=1000000-", None]
    assert "another part than it was asked for after 0 bytes" in lines[1]


@pytest.mark.parametrize(
    ("status", "headers", "place"),
    [
        (200, {"Content-Length": "7"}, (0, 7)),
        (200, {}, (0, None)),
        (200, {"Content-Length": "-1"}, (0, None)),
        (206, {"Content-Range": "bytes 3-6/9", "Content-Length": "4"}, (3, 9)),
        (206, {"Content-Range": "bytes 3-6/*", "Content-Length": "4"}, (3, 7)),
        (206, {"Content-Type": "multipart/byteranges", "Content-Length": "4"}, (None, None)),
        (None, {"Content-Length": "7"}, (0, 7)),  # of file:
    ],
)
def test_what_a_server_says_of_its_part(status, headers, place):
    assert downloads._place(SimpleNamespace(status=status, headers=headers)) == place


def test_a_file_that_has_moved(server, path):
    server.moved = {"old.bin": server.url("x.bin"), "round.bin": server.url("round.bin")}
    server.breaks = [1_000_000]
    download(server.url("old.bin"), path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert server.asked[2:] == [("old.bin", "bytes=1000000-"), ("x.bin", "bytes=1000000-")]
    server.moved["file.bin"] = f"file://{path}"
    for name, reason in {"round": "infinite loop. The", "file": "'file:///.*' is not all"}.items():
        with pytest.raises(DownloadError, match=f"^302 .*{reason}") as caught:
            download(server.url(f"{name}.bin"), path.with_name("y.bin"))
        assert "\n" not in str(caught.value)


def test_no_way_leads_from_an_encrypted_connection_to_another():
    def redirected(url, to):
        redirects, request = downloads._Redirects(), urllib.request.Request(url)
        return redirects.redirect_request(request, None, 302, "Found", {}, to).full_url

    with pytest.raises(urllib.error.HTTPError, match="302: Found, to http://b, which is not encr"):
        redirected("https://a", "http://b")
    assert redirected("https://a", "https://b") == "https://b"
    assert redirected("http://a", "http://b") == "http://b"


def test_a_process_that_died_before_the_name(server, path):
    (path.parent / "x.bin.part").write_bytes(CONTENT)
    download(server.url("x.bin"), path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert server.asked == [("x.bin", f"bytes={len(CONTENT)}-")]


@pytest.mark.parametrize("there", [CONTENT[:999] + b"!", CONTENT + b"!", b"!" * 5_000_000])
def test_parts_of_another_file_are_fetched_anew(server, path, there):
    (path.parent / "x.bin.part").write_bytes(there)
    lines: list[str] = []
    download(server.url("x.bin"), path, sha256=SHA256, say=lines.append)
    assert path.read_bytes() == CONTENT
    assert left(path) == ["x.bin"]


def test_another_file_than_was_published(server, path):
    server.files["x.bin"] = CONTENT[::-1]
    with pytest.raises(DownloadError, match=rf"SHA-256 \w{{8}}, not {SHA256[:8]} as published"):
        download(server.url("x.bin"), path, sha256=SHA256[:8])
    assert left(path) == []


def test_servers_that_refuse(server, path):
    with pytest.raises(DownloadError, match="404 Not Found"):
        download(server.url("gone"), path)
    assert len(server.asked) == 1
    server.codes = [503, 429]
    download(server.url("x.bin"), path)
    assert path.read_bytes() == CONTENT
    server.codes = [503, 503, 503]
    with pytest.raises(DownloadError, match="503 Service Unavailable"):
        download(server.url("x.bin"), path)


def test_no_network_is_told_at_once(path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    lines: list[str] = []
    with pytest.raises(DownloadError, match=r"^Connection refused$"):
        download(f"http://127.0.0.1:{port}/x", path, say=lines.append)
    assert lines == []
    with pytest.raises(DownloadError, match="unknown url type"):
        download("nonsense", path)
    assert left(path) == []


def test_a_full_disk_is_no_fault_of_the_network(server, path):
    with pytest.raises(OSError, match="File too large") as caught, files_up_to(2_000_000):
        download(server.url("x.bin"), path, sha256=SHA256)
    assert want_of_space(caught.value)
    assert left(path) == ["x.bin.part"]
    download(server.url("x.bin"), path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
