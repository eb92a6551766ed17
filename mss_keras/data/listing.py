"""Songs named on a command line: files, folders, patterns."""

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mss_keras.config import UserError
from mss_keras.data.tracks import STEM_SUFFIX

# Suffixes of the songs in a folder; a file that is named itself may have any.
_SUFFIXES = {
    *(".wav", ".w64", ".flac", ".aif", ".aiff", ".caf", ".mp3", ".m4a", ".aac", ".ogg", ".oga"),
    *(".opus", ".wma", ".mka", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"),
}


def find_songs(inputs: Sequence[str]) -> dict[Path, Path]:
    """Finds the songs of a list of files, folders and patterns.

    Args:
        inputs: paths. Folders are searched for audio and video files at any depth, each folder
            once, whatever links point to it; patterns are the shell's: *, ?, […] and **.

    Returns:
        For each file the relative path of its output, without a suffix: its name, or its path
        within the folder. Two songs of one name keep their suffixes. Files that do not exist
        stay in the list, to be reported with the other songs.

    Raises:
        UserError: if a folder or a pattern has no songs, or two songs have the same output.
    """
    outputs: dict[Path, Path] = {}
    for given in inputs:
        path = Path(given)
        if path.is_dir():
            found = {song: song.relative_to(path) for song in _audio_in(path)}
        elif not path.exists() and glob.has_magic(given):
            found = {Path(x): Path(Path(x).name) for x in sorted(glob.glob(given, recursive=True))}
        else:
            found = {path: Path(path.name)}
        if not found:
            raise UserError(path, "no songs", "audio files")
        outputs.update(found)
    bare = {song: _bare(output) for song, output in outputs.items()}
    count = Counter(bare.values())
    named = {song: bare[song] if count[bare[song]] == 1 else outputs[song] for song in outputs}
    for output, number in Counter(named.values()).items():
        if number > 1:
            twice = ", ".join(str(song) for song, x in named.items() if x == output)
            raise UserError(
                output, f"{twice} for one output", "songs of different names, or separate runs"
            )
    return named


def _bare(path: Path) -> Path:
    # A .stem.mp4 has a suffix of two parts.
    suffix = STEM_SUFFIX if path.name.endswith(STEM_SUFFIX) else path.suffix
    name = path.name.removesuffix(suffix)
    # `...wav` would have its stems in the folder above.
    return path if name in ("", ".", "..") else path.with_name(name)


def _audio_in(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in _files_in(folder)
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def _files_in(root: Path) -> Iterator[Path]:
    # Links to folders are entered, but no folder twice: a link may point to one around it.
    # Those inside the root have the names that they have without links.
    whole, entered = root.resolve(), set()
    for folder, subfolders, files in os.walk(root, followlinks=True):
        here = Path(folder)
        real = here.resolve()
        linked = real != whole / here.relative_to(root)
        if real in entered or (linked and real.is_relative_to(whole)):
            subfolders.clear()
            continue
        entered.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        yield from (here / name for name in files)
