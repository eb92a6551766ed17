"""Whole or not at all."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from mss_keras.jobs.files import appearing, is_hidden, working_folder


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "deep/x.wav"
    with appearing(path) as partial:
        assert partial.suffix == ".wav"
        partial.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert [p.name for p in path.parent.iterdir()] == ["x.wav"]


def test_a_failure_leaves_what_was_there(tmp_path):
    (tmp_path / "x").write_text("old")

    def fail():
        with appearing(tmp_path / "x") as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (tmp_path / "x").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_folder_replaces_a_folder_and_leftovers_go(tmp_path):
    for name in ("run", ".partial-killed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old").touch()
    with appearing(tmp_path / "run") as partial:
        partial.mkdir()
        (partial / "new").touch()
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["new"]


def test_a_folder_to_work_in_goes_with_what_kills_left(tmp_path):
    (tmp_path / ".partial-killed").mkdir()
    (tmp_path / ".partial-killed/mixture.wav").touch()
    with working_folder(tmp_path) as own, working_folder(tmp_path) as other:
        (own / "mixture.wav").touch()
        assert sorted(tmp_path.iterdir()) == sorted([own, other])
        assert all(map(is_hidden, (own, other)))
    assert not list(tmp_path.iterdir())


def test_several_at_a_time_do_not_harm_each_other(tmp_path):
    with appearing(tmp_path / "run") as one, appearing(tmp_path / "run") as two:
        for number, partial in enumerate((one, two)):
            partial.mkdir()
            (partial / f"{number}").touch()
        assert one != two
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["0"]  # that which ended last


def test_threads_that_replace_a_folder_at_the_same_time(tmp_path):
    def write(number):
        with appearing(tmp_path / "run") as partial:
            partial.mkdir()
            for name in "abc":
                (partial / name).write_text(str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(200)))
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    assert len({(tmp_path / "run" / name).read_text() for name in "abc"}) == 1


def test_a_file_does_not_take_the_place_of_a_folder(tmp_path):
    (tmp_path / "vocals.wav").mkdir()
    (tmp_path / "vocals.wav/mine.txt").write_text("mine")
    with pytest.raises(IsADirectoryError), appearing(tmp_path / "vocals.wav") as partial:
        partial.write_text("song")
    assert (tmp_path / "vocals.wav/mine.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["vocals.wav"]
