"""Songs named on a command line: files, folders, patterns."""

import glob
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mss_keras.config import UserError
from mss_keras.data.tracks import STEM_SUFFIX

# What a folder is searched for; a file that is named may be anything.
_SUFFIXES = {
    *(".wav", ".w64", ".flac", ".aif", ".aiff", ".caf", ".mp3", ".m4a", ".aac", ".ogg", ".oga"),
    *(".opus", ".wma", ".mka", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"),
}


def find_songs(inputs: Sequence[str]) -> dict[Path, Path]:
    """The songs of a list of files, folders and patterns.

    Args:
        inputs: paths; folders are searched for audio and video files at any depth;
            `*`, `?`, `[…]` and `**` as the shell has them.

    Returns:
        For each file the relative path of its output, without a suffix: its name, or
        its place in the folder. Two songs of one name keep their suffixes. Files that
        do not exist are left in, to be reported with the others.

    Raises:
        UserError: if a folder or a pattern has no songs, or two outputs would be one.
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
            raise UserError(f"{given}: no songs found, wanted audio files")
        outputs.update(found)
    bare = {song: _bare(output) for song, output in outputs.items()}
    count = Counter(bare.values())
    named = {song: bare[song] if count[bare[song]] == 1 else outputs[song] for song in outputs}
    for output, number in Counter(named.values()).items():
        if number > 1:
            twice = ", ".join(str(song) for song, x in named.items() if x == output)
            raise UserError(f"found {twice} of one name, wanted different names or separate runs")
    return named


def _bare(path: Path) -> Path:
    # A .stem.mp4 has a suffix of two parts.
    suffix = STEM_SUFFIX if path.name.endswith(STEM_SUFFIX) else path.suffix
    return path.with_name(path.name.removesuffix(suffix) or path.name)


def _audio_in(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
