"""A folder takes the place of another; who reads meanwhile finds one of them whole."""

import threading
from typing import Any

import pytest

from serving import replacing as module
from serving.replacing import replacing, restore


def write(path, text: Any):
    with replacing(path) as partial:
        partial.mkdir()
        for name in "ab":
            (partial / name).write_text(text)


def test_a_reader_finds_a_whole_folder_at_every_moment(tmp_path):
    path = tmp_path / "1"
    write(path, "0")
    missing, done = [], threading.Event()

    def read():
        while not done.is_set():
            try:
                (path / "a").read_text()
            except FileNotFoundError:
                missing.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    for index in range(300):
        write(path, str(index))
    done.set()
    reader.join()
    assert not missing
    assert (path / "b").read_text() == "299"
    assert [p.name for p in tmp_path.iterdir()] == ["1"]


@pytest.fixture
def old_file_system(monkeypatch):
    """One that cannot let names change places."""
    monkeypatch.setattr(module, "_exchange", lambda one, other: False)


def test_a_file_system_that_cannot_exchange(tmp_path, old_file_system):
    for text in ("old", "new"):
        write(tmp_path / "1", text)
    assert (tmp_path / "1/a").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["1"]


def test_work_that_fails_leaves_the_old_folder(tmp_path):
    write(tmp_path / "1", "old")
    with pytest.raises(TypeError):
        write(tmp_path / "1", None)  # which no file takes
    assert (tmp_path / "1/a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["1"]


def test_what_a_killed_process_left(tmp_path):
    # Between two renames, where names could not change places.
    (tmp_path / ".old-1").mkdir()
    (tmp_path / ".old-1/a").write_text("old")
    (tmp_path / ".partial-1").mkdir()
    with pytest.raises(RuntimeError), replacing(tmp_path / "1"):
        raise RuntimeError
    assert (tmp_path / "1/a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["1"]


def test_another_version_than_the_one_that_is_written(tmp_path):
    (tmp_path / ".old-3").mkdir()
    restore(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["3"]


def test_a_link_is_replaced_and_what_it_leads_to_is_left(tmp_path, old_file_system):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a").write_text("mine")
    (tmp_path / "1").symlink_to("elsewhere")
    (tmp_path / ".partial-1").symlink_to("elsewhere")
    write(tmp_path / "1", "new")
    assert (tmp_path / "1/a").read_text() == "new"
    assert (tmp_path / "elsewhere/a").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1", "elsewhere"]
