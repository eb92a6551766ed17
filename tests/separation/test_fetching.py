"""Published models by name, from a server of made-up ones: the whole way, and what goes wrong."""

import dataclasses
import hashlib
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
from full_disk import files_up_to
from publisher import Publisher

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
from checkpoints import state
from pth import save

from mss_keras.config import SOURCES, UserError
from mss_keras.jobs import downloads
from mss_keras.jobs.disk_space import want_of_space
from mss_keras.jobs.locks import locked
from mss_keras.models import catalogue
from mss_keras.models.catalogue import MODELS, File
from mss_keras.separation import fetch, model_path
from mss_keras.training import runs


class Made:
    """A model that is quickly made and saved."""

    def __init__(self, content):
        self.content = content

    def save(self, path):
        path.write_bytes(self.content)


def convert(folder, name):
    """What the made-up models are converted by: all that is in the folder, one after another."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return Made(name.encode() + b"".join(path.read_bytes() for path in files))


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("MSS_KERAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(downloads, "_PAUSES", (0.0,))
    return tmp_path / "cache/models"


@pytest.fixture
def server():
    rng = np.random.default_rng(0)
    with Publisher({name: rng.bytes(200_000) for name in ("a.bin", "b.bin")}).open() as publisher:
        yield publisher


@pytest.fixture
def made_up(monkeypatch, server):
    """A model `made-up` of two files."""
    files = tuple(File(server.url(x), sha256(y)[:8]) for x, y in server.files.items())
    published = dataclasses.replace(
        MODELS["umxl"], files=files, converter=f"{__name__}:convert", page="here"
    )
    monkeypatch.setitem(MODELS, "made-up", published)
    return b"made-up" + b"".join(server.files.values())


def refused(*arguments, **keywords):
    with pytest.raises(UserError) as caught:
        fetch(*arguments, **{"say": lambda line: None, **keywords})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def left(cache):
    return sorted(str(x.relative_to(cache)) for x in cache.rglob("*") if x.is_file())


def test_a_model_is_fetched_and_converted_once(server, made_up, cache):
    lines: list[str] = []
    path = fetch("made-up", say=lines.append)
    assert path.read_bytes() == made_up
    assert path == cache / "made-up/made-up.keras"
    assert lines[0] == "made-up: CC BY-NC-SA 4.0, not for commercial use (here)"
    assert lines[1:] == [
        *(f"fetching {server.url(name)}" for name in ("a.bin", "b.bin")),
        "converting made-up, once",
    ]
    assert len(server.asked) == 2
    assert model_path("made-up", say=lines.append) == path
    assert (len(server.asked), len(lines)) == (2, 4)
    assert left(cache) == ["made-up/made-up.keras"]


def test_a_break_keeps_what_has_come(server, made_up, cache):
    server.breaks = [200_000, 50_000, 0, 0]
    text = refused("made-up")
    assert "model: found made-up, which cannot be fetched (" in text
    assert "b.bin: the transfer broke off" in text
    assert left(cache) == ["made-up/files/a.bin", "made-up/files/b.bin.part"]
    assert fetch("made-up", say=lambda line: None).read_bytes() == made_up
    assert server.asked[-1] == ("b.bin", "bytes=50000-")
    assert [name for name, _ in server.asked].count("a.bin") == 1


def test_another_file_than_was_published_is_not_kept(server, made_up, cache):
    server.files["b.bin"] = b"something else"
    assert "b.bin: SHA-256 " in refused("made-up")
    assert left(cache) == ["made-up/files/a.bin"]


def test_a_full_disk(server, made_up, cache):
    for most in (100_000, 300_000):  # while it is fetched, and while the model is written
        with pytest.raises(OSError, match="File too large") as caught, files_up_to(most):
            fetch("made-up", say=lambda line: None)
        assert want_of_space(caught.value)
        assert not list(cache.rglob("*.keras"))
    assert fetch("made-up", say=lambda line: None).read_bytes() == made_up
    assert left(cache) == ["made-up/made-up.keras"]
    assert [name for name, _ in server.asked].count("b.bin") == 1


def test_a_cache_that_cannot_be_written(made_up, cache):
    (cache / "made-up").mkdir(parents=True)
    (cache / "made-up/files").write_text("a file")
    assert "MSS_KERAS_CACHE: found File exists at" in refused("made-up")
    shutil.rmtree(cache.parent)
    cache.parent.write_text("a file")
    assert "MSS_KERAS_CACHE: found Not a directory at" in refused("made-up")


def test_where_the_cache_is(monkeypatch, tmp_path):
    home = Path.home()
    for own, caches, expected in (
        (str(tmp_path), "/x", tmp_path),
        ("~/models", "/x", home / "models"),
        ("", "/x", Path("/x/mss_keras")),
        ("", "", home / ".cache/mss_keras"),
    ):
        monkeypatch.setenv("MSS_KERAS_CACHE", own)
        monkeypatch.setenv("XDG_CACHE_HOME", caches)
        assert catalogue.cache_folder() == expected
    monkeypatch.setenv("MSS_KERAS_CACHE", "~nobody-of-that-name/models")
    wanted = "found ~nobody-of-that-name/models, where ~nobody-of-that-name is no folder, wanted a"
    with pytest.raises(UserError, match=f"MSS_KERAS_CACHE: {wanted}"):
        catalogue.cache_folder()


def test_without_a_network_the_addresses_are_told(made_up, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    files = tuple(File(f"http://127.0.0.1:{port}/{x}", "0") for x in ("x.pth", "y.pth"))
    monkeypatch.setitem(MODELS, "made-up", dataclasses.replace(MODELS["made-up"], files=files))
    text = refused("made-up", field="fetch")
    assert text == (
        f"fetch: found made-up, which cannot be fetched ({files[0].url}: Connection refused), "
        f"wanted a network; or fetch elsewhere {files[0].url} {files[1].url} and give their "
        "folder: python -m trainer models --fetch made-up --from FOLDER"
    )


def test_files_that_were_fetched_elsewhere(server, made_up, tmp_path, cache):
    assert f"from: found no a.bin at {tmp_path}, wanted files from {server.url('a.bin')} " in (
        refused("made-up", source=tmp_path)
    )
    for name, content in server.files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "b.bin").write_bytes(b"other")
    assert re.search("b.bin: found SHA-256 .{8}, wanted", refused("made-up", source=tmp_path))
    (tmp_path / "b.bin").write_bytes(server.files["b.bin"])
    assert "from: found no b.bin at" in refused("made-up", source=tmp_path / "a.bin")
    path = fetch("made-up", source=tmp_path, say=lambda line: None)
    assert path.read_bytes() == made_up
    assert not server.asked
    assert left(cache) == ["made-up/made-up.keras"]
    assert (tmp_path / "a.bin").exists()


@pytest.mark.parametrize("whole", [True, False])
def test_archives_are_unpacked(server, made_up, tmp_path, monkeypatch, whole):
    (tmp_path / "model.index").write_bytes(b"index")
    with tarfile.open(tmp_path / "2stems.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "model.index", "./model.index")
    content = (tmp_path / "2stems.tar.gz").read_bytes()[: None if whole else 100]
    (tmp_path / "download").write_bytes(content)
    file = File(server.url("2stems.tar.gz"), sha256(content))
    monkeypatch.setitem(MODELS, "made-up", dataclasses.replace(MODELS["made-up"], files=(file,)))
    if whole:  # the one file may have another name
        source = tmp_path / "download"
        assert fetch("made-up", source=source, say=print).read_bytes() == b"made-upindex"
    else:
        server.files["2stems.tar.gz"] = content
        assert "wanted the archive that was published" in refused("made-up")


def test_a_disk_that_is_full_when_an_archive_is_unpacked(made_up, tmp_path, monkeypatch):
    (tmp_path / "zeros").write_bytes(bytes(100_000))
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "zeros", "zeros")
    file = File("https://here/x.tar.gz", sha256((tmp_path / "x.tar.gz").read_bytes()))
    monkeypatch.setitem(MODELS, "made-up", dataclasses.replace(MODELS["made-up"], files=(file,)))
    with pytest.raises(OSError, match="File too large"), files_up_to(50_000):
        fetch("made-up", source=tmp_path, say=lambda line: None)


def test_two_at_once_fetch_once(server, made_up, cache):
    """The second waits, and says so."""
    lines: list[str] = []
    (cache / "made-up").mkdir(parents=True)
    with locked(cache / "made-up"):
        thread = threading.Thread(target=lambda: fetch("made-up", say=lines.append))
        thread.start()
        while not lines:
            assert thread.is_alive()
        assert not server.asked
        (cache / "made-up/made-up.keras").write_bytes(b"of the first")
    thread.join()
    assert re.fullmatch(r"waiting for \S+, where process \d+ is at work", lines[0])
    assert (lines[1:], server.asked) == ([], [])


@pytest.mark.long
def test_two_processes_at_once(server, made_up, cache):
    script = (
        "import sys; sys.path[:0] = sys.argv[1:4]; import test_fetching as t\n"
        "from mss_keras.jobs import downloads\n"
        "downloads._PAUSES = (0.5, 0.5)\n"
        "files = tuple(t.File(*x.split()) for x in sys.argv[4:])\n"
        "t.MODELS['made-up'] = t.dataclasses.replace(t.MODELS['umx'], files=files, "
        "converter='test_fetching:convert')\n"
        "print(t.fetch('made-up', say=lambda line: print(line, flush=True)))"
    )
    server.breaks = [200_000, 100_000]  # the first waits for half a second
    folders = [
        Path(__file__).parent,
        Path(__file__).parents[1],
        Path(__file__).parents[1] / "models",
    ]
    files = [f"{x.url} {x.sha256}" for x in MODELS["made-up"].files]
    words = [sys.executable, "-c", script, *map(str, folders), *files]
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert [text.splitlines()[-1] for text in said] == [str(cache / "made-up/made-up.keras")] * 2
    assert sorted(name for name, _ in server.asked) == ["a.bin", "b.bin", "b.bin"]
    assert (cache / "made-up/made-up.keras").read_bytes() == made_up


def test_open_unmix_by_name(server, monkeypatch, tmp_path):
    """From checkpoints on a server to a model that separates."""
    files = []
    for seed, name in enumerate(("speech", "noise")):
        save(tmp_path / "x.pth", state(seed, hidden=8, channels=1, bins=513, max_bin=513))
        content = (tmp_path / "x.pth").read_bytes()
        name = f"{name}_{sha256(content)[:8]}.pth"
        server.files[name] = content
        files.append(File(server.url(name), sha256(content)[:8]))
    published = dataclasses.replace(MODELS["umxse"], files=tuple(files))
    monkeypatch.setitem(MODELS, "umxse", published)
    model = runs.load(model_path("umxse", say=lambda line: None))
    assert model.source_names == published.sources
    assert model.audio.sample_rate == published.sample_rate
    encode = model.network.networks[model.source_names.index("noise")].encode.kernel
    wanted = state(1, hidden=8, channels=1, bins=513, max_bin=513)["fc1.weight"]
    np.testing.assert_array_equal(encode.numpy(), wanted.T)


def test_names_and_paths(made_up, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert model_path("runs/l2_freq") == Path("runs/l2_freq")
    with pytest.raises(UserError, match=r"nothing at umx-hq \(did you mean umxhq\?\), wanted the"):
        model_path("umx-hq")
    (tmp_path / "umx-hq").mkdir()
    assert model_path("umx-hq") == Path("umx-hq")
    # Checkpoints lie in a folder of that name, perhaps; a run of that name is meant.
    (tmp_path / "made-up").mkdir()
    assert model_path("made-up", say=lambda line: None).suffix == ".keras"
    (tmp_path / "made-up/config.yaml").touch()
    assert model_path("made-up") == Path("made-up")
    assert "found 'umxhd' (did you mean umxhq?)" in refused("umxhd")
    for given, name in {"UMXHQ": "umxhq", "spleeter:4stems": "spleeter-4stems"}.items():
        with pytest.raises(UserError, match=rf"nothing at {given} \(did you mean {name}\?\)"):
            model_path(given)


def test_the_catalogue():
    assert {"umx", "umxhq", "umxl", "umxse", "spleeter-2stems"} <= MODELS.keys()
    for name, model in MODELS.items():
        addresses = [file.url for file in model.files]
        assert len(set(addresses)) == len(addresses)
        for file in model.files:
            assert file.url.startswith("https://")
            assert re.fullmatch("[0-9a-f]{8}|[0-9a-f]{64}", file.sha256)
            if name.startswith("umx"):  # as torch.hub reads their names
                target, digits = file.name[:-13], file.name[-12:-4]
                assert (target in model.sources, digits) == (True, file.sha256)
    assert MODELS["umxhq"].sources == SOURCES
    assert "not for commercial use" in MODELS["umxl"].licence


def test_the_table_says_what_is_here(made_up):
    def row():
        lines = catalogue.table().splitlines()
        return next(line.split() for line in lines if line.startswith("made-up "))

    assert row()[5:] == ["44100", "452", "no"]
    fetch("made-up", say=lambda line: None)
    assert row()[-1] == "yes"
