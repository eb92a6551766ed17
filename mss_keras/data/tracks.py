"""Finds the tracks of a data set and reads the headers of their files.

MUSDB18                     MUSDB18-HQ                  folders of tracks
ROOT/                       ROOT/                       ROOT/
    train/                      train/                      [train/  valid/  test/]
        TRACK.stem.mp4              TRACK/                      TRACK/
    test/                               mixture.wav                 [mixture.wav]
        TRACK.stem.mp4                  vocals.wav                  SOURCE.wav
                                        drums.wav                   ...
                                        bass.wav
                                        other.wav
                                test/
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mss_keras.config import AudioConfig, DataConfig, UserError
from mss_keras.data.headers import AudioFile
from mss_keras.data.musdb import validation_tracks
from mss_keras.data.sums import paths_of, summands

Kind = Literal["stems", "folders"]
Split = Literal["train", "valid", "test"]
STEM_SUFFIX = ".stem.mp4"

_HELD_OUT = 0.15  # share of the tracks that validate where no split says which


@dataclass(frozen=True)
class Track:
    """A piece of music and its files.

    Args:
        name: name of the track's folder.
        sources: a file, or a sum of files, for each source, in the order of `DataConfig.sources`.
        mixture: file of the mixture; None where the mixture is the sum of the sources.
    """

    name: str
    sources: tuple[AudioFile, ...]
    mixture: AudioFile | None

    @property
    def files(self) -> tuple[AudioFile, ...]:
        """The sources and the mixture."""
        return (*self.sources, *((self.mixture,) if self.mixture else ()))

    @property
    def summands(self) -> tuple[AudioFile, ...]:
        """The sources whose sum is the mixture, see `mss_keras.data.sums.summands`."""
        names = [Path(file.path).stem for file in self.sources]
        return tuple(self.sources[place] for place in summands(names))

    @property
    def samples(self) -> int:
        """Number of samples that all files have: that of the shortest."""
        return min(file.samples for file in self.files)


@dataclass(frozen=True)
class MusicSet:
    """The tracks of a data set, each split sorted by name.

    Args:
        train: tracks to train on.
        valid: tracks that decide on the best epoch.
        test: tracks for evaluation.
    """

    train: tuple[Track, ...] = ()
    valid: tuple[Track, ...] = ()
    test: tuple[Track, ...] = ()


def find_kind(root: str | Path) -> Kind:
    """Finds out what a data set is made of.

    Args:
        root: folder of the data set.

    Returns:
        `"stems"` for MUSDB18's .stem.mp4 files, `"folders"` for folders of WAV files.

    Raises:
        UserError: if the root is not a folder or holds no music.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError("root", f"no such folder {root}", "the folder of a data set")
    if any(root.glob(f"train/*{STEM_SUFFIX}")) or any(root.glob(f"test/*{STEM_SUFFIX}")):
        return "stems"
    if any(root.glob("*/*.wav")) or any(root.glob("*/*/*.wav")):
        return "folders"
    raise UserError(
        "root",
        f"no music in {root}",
        f"train/*{STEM_SUFFIX}, train/TRACK/*.wav or TRACK/*.wav",
    )


def beside(root: str | Path) -> Path:
    """The folder that music decoded to WAV goes to where none is named: ROOT-wav, beside ROOT.

    Example:
        >>> str(beside("music/MUSDB18/"))
        'music/MUSDB18-wav'
    """
    path = Path(root)
    if path.name in ("", ".."):  # `.-wav` would lie within it
        path = path.resolve()
    return path.with_name(f"{path.name}-wav")


def track_folders(root: Path) -> dict[Split, list[Path]]:
    """Folders of the tracks of each split; without folders of splits, all are for training."""
    splits: tuple[Split, ...] = ("train", "valid", "test")
    if not any((root / split).is_dir() for split in splits):
        return {"train": _folders(root), "valid": [], "test": []}
    return {split: _folders(root / split) for split in splits}


def open_set(
    data: DataConfig, audio: AudioConfig, splits: Sequence[Split] = ("train", "valid")
) -> MusicSet:
    """Finds the tracks of a data set of WAV files and reads their headers.

    Without a valid/ folder, MUSDB18's 14 validation tracks are held out of train/. Where train/
    has none of them, the last 15 % of the names are held out, at least one.

    Args:
        data: root and names of the sources.
        audio: sample rate wanted.
        splits: splits wanted; no headers of others are read. Defaults to `train` and `valid`.

    Raises:
        UserError: for the first thing that would keep the set from being read.
    """
    if data.root is None:
        raise UserError("root", "nothing", "the folder of a data set")
    root = Path(data.root)
    if find_kind(root) == "stems":
        raise UserError(
            "root", f"{STEM_SUFFIX} files in {root}", "WAV files, as 'prepare' decodes them"
        )
    folders = track_folders(root)
    divide(folders, root, splits)
    with ThreadPoolExecutor() as pool:
        tracks = {
            split: tuple(
                pool.map(lambda path: _open_track(path, data.sources, audio), folders[split])
            )
            for split in splits
        }
    return MusicSet(**tracks)


def _folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    return sorted(p for p in parent.iterdir() if p.is_dir() and not p.name.startswith("."))


def divide(folders: dict[Split, list[Path]], root: Path, splits: Sequence[Split]) -> None:
    """Holds out tracks for validation where none are, see `open_set`.

    Args:
        folders: folders of the tracks of each split; they are divided in place.
        root: the data set, for the error.
        splits: splits that have to have tracks.

    Raises:
        UserError: if one of them has none.
    """
    if not folders["valid"]:
        _hold_out(folders)
    for split in splits:
        if not folders[split]:
            found = [name for name, paths in folders.items() if paths]
            raise UserError(
                "root",
                f"no tracks for {split} in {root} (only {', '.join(found) or 'none'})",
                "at least one",
            )


def _hold_out(folders: dict[Split, list[Path]]) -> None:
    official = validation_tracks()
    train = folders["train"]
    held = [path for path in train if path.name in official]
    if not held and len(train) > 1:
        held = train[-max(1, round(_HELD_OUT * len(train))) :]
    folders["train"] = [path for path in train if path not in held]
    folders["valid"] = held


def _open_track(folder: Path, sources: Sequence[str], audio: AudioConfig) -> Track:
    paths = {source: paths_of(folder, source) for source in sources}
    files = tuple(_open_source(folder / f"{name}.wav", paths[name], audio) for name in sources)
    mixture = folder / "mixture.wav"
    return Track(folder.name, files, _open_file(mixture, audio) if mixture.is_file() else None)


def _open_source(path: Path, paths: Sequence[Path], audio: AudioConfig) -> AudioFile:
    files = [_open_file(each, audio) for each in paths]
    return files[0] if paths == (path,) else AudioFile.summed(path, files)


def _open_file(path: Path, audio: AudioConfig) -> AudioFile:
    file = AudioFile.read_header(path)
    if file.sample_rate != audio.sample_rate:
        raise UserError(path, f"a sample rate of {file.sample_rate} Hz", f"{audio.sample_rate} Hz")
    if file.channels > 2:
        raise UserError(path, f"{file.channels} channels", "1 or 2")
    return file
