"""The demonstration's data set, which is made, and musdb's excerpts, which are downloaded."""

import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile

from mss_keras.config import UserError
from mss_keras.data.musdb import demo_stem, sample_url
from mss_keras.data.stems import decode_track
from mss_keras.data.tracks import STEM_SUFFIX, MusicSet
from mss_keras.data.writing import sound_file
from mss_keras.jobs.downloads import DownloadError
from mss_keras.jobs.downloads import download as download_file
from mss_keras.jobs.files import appearing

_DEMO_TRAIN_SECONDS = 4.5

# What a broken transfer, or a broken, encrypted or oddly compressed archive raises.
_FETCH_ERRORS = (
    *(DownloadError, zipfile.BadZipFile, zlib.error),
    *(EOFError, OSError, RuntimeError, ValueError),
)


def make_demo(folder: str | Path) -> Path:
    """Makes the demonstration's data set of the excerpt that stempeg ships.

    Args:
        folder: gets train/TRACK with the first 4.5 s and valid/TRACK with the rest. A folder
            that exists is used as it is.

    Returns:
        The folder.

    Raises:
        UserError: if the folder cannot be made.
    """
    folder = Path(folder)
    if folder.is_dir():
        return folder
    stem = demo_stem()
    track = stem.name.removesuffix(STEM_SUFFIX)
    with making(folder) as partial:
        whole = partial / "whole"
        decode_track(stem, whole)
        for path in whole.glob("*.wav"):
            waveform, rate = soundfile.read(path, dtype="int16")
            cut = round(_DEMO_TRAIN_SECONDS * rate)
            for split, excerpt in (("train", waveform[:cut]), ("valid", waveform[cut:])):
                target = partial / split / track / path.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with sound_file(target, rate, excerpt.shape[1], subtype="PCM_16") as file:
                    file.write(excerpt)
        shutil.rmtree(whole)
    return folder


def is_demo(music: MusicSet) -> bool:
    """Whether a data set is the demonstration's, as `make_demo` makes it."""
    name = demo_stem().name.removesuffix(STEM_SUFFIX)
    known = [track.name for track in (*music.train, *music.valid)] == [name, name]
    rate = music.train[0].sources[0].sample_rate if known else 0
    return known and music.train[0].samples == round(_DEMO_TRAIN_SECONDS * rate)


def download(root: str | Path, url: str | None = None, *, progress: bool = True) -> Path:
    """Fetches and unpacks musdb's set of 7-second excerpts.

    Args:
        root: folder to make, which appears when it is whole.
        url: address of the .zip archive. Defaults to musdb's.
        progress: whether a bar is shown. Defaults to `True`.

    Returns:
        The root.

    Raises:
        UserError: if the archive cannot be fetched or holds no data set.
    """
    root, url = Path(root), url or sample_url()
    with making(root) as partial:
        archive = partial.with_name(f"{root.name}.zip")  # beside the root while it is made
        try:
            download_file(url, archive, progress=progress)
            with zipfile.ZipFile(archive) as zipped:
                zipped.extractall(partial)
        except _FETCH_ERRORS as error:
            raise UserError(
                "download",
                f"{url}: {' '.join(str(error).split())}",
                "musdb's archive; or fetch it elsewhere and give its folder as `root`",
            ) from error
        # The archive may hold the splits at its top or in one folder.
        if not (partial / "train").is_dir():
            inner = [path.parent for path in partial.glob("*/train")]
            if len(inner) != 1:
                raise UserError("download", f"no train folder in {url}", "musdb's archive")
            for path in inner[0].iterdir():
                path.rename(partial / path.name)
    return root


@contextmanager
def making(folder: Path) -> Iterator[Path]:
    """Makes a folder that appears when it is whole, see `appearing`.

    Raises:
        UserError: if the folder cannot be made.
    """
    try:
        with appearing(folder) as partial:
            partial.mkdir()
            yield partial
    except OSError as error:
        raise UserError(folder, error.strerror or str(error), "a folder to write to") from error
