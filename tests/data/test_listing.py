"""Songs named on a command line."""

from pathlib import Path

import pytest

from mss_keras.config import UserError
from mss_keras.data import find_songs


@pytest.fixture
def folder(tmp_path):
    for name in ("a.mp3", "b/c.flac", "b/a.WAV", "b/d.stem.mp4", "notes.txt", ".hidden.wav"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def outputs(inputs):
    return sorted(map(str, find_songs([str(x) for x in inputs]).values()))


def test_a_folder_keeps_its_tree(folder):
    assert outputs([folder]) == ["a", "b/a", "b/c", "b/d"]


def test_patterns(folder):
    assert outputs([folder / "b/*.flac"]) == ["c"]
    assert outputs([folder / "**/*.[fm]*"]) == ["a", "c", "d"]


def test_songs_of_one_name_keep_their_suffixes(folder):
    assert outputs([folder / "a.mp3", folder / "b/a.WAV", folder / "b/c.flac"]) == [
        "a.WAV", "a.mp3", "c",
    ]  # fmt: skip
    (folder / "b/a.mp3").touch()
    with pytest.raises(UserError, match=r"b/a.mp3 for one output"):
        find_songs([str(folder / "a.mp3"), str(folder / "b/a.mp3")])


def test_the_same_file_twice_is_one_song(folder):
    assert outputs([folder / "a.mp3", folder / "a.mp3"]) == ["a"]


def test_what_is_missing_is_reported_later_or_now(folder):
    assert find_songs([str(folder / "gone.mp3")]) == {folder / "gone.mp3": Path("gone")}
    for given in (folder / "*.ogg", folder / "empty"):
        (folder / "empty").mkdir(exist_ok=True)
        with pytest.raises(UserError, match="found no songs"):
            find_songs([str(given)])


@pytest.mark.parametrize("name", ["..wav", "...wav", ".wav", "...stem.mp4"])
def test_a_name_of_dots_stays_in_the_output(name, tmp_path):
    (tmp_path / name).touch()
    assert find_songs([str(tmp_path / name)]) == {tmp_path / name: Path(name)}


def test_linked_albums_are_entered_once(folder, tmp_path_factory):
    album = tmp_path_factory.mktemp("elsewhere")
    (album / "song.wav").touch()
    (folder / "album").symlink_to(album)
    (folder / "once more").symlink_to(album)
    (folder / "a copy of b").symlink_to(folder / "b")
    (folder / "b/up").symlink_to(folder)
    (album / "around").symlink_to(folder)
    assert outputs([folder]) == ["a", "album/song", "b/a", "b/c", "b/d"]
