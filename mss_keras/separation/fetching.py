"""Published models fetched, checked, and converted once."""

import os
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from mss_keras.config import UserError
from mss_keras.jobs.archives import BROKEN, unpack
from mss_keras.jobs.disk_space import want_of_space
from mss_keras.jobs.downloads import DownloadError, download, sha256_of
from mss_keras.jobs.files import appearing, working_folder
from mss_keras.jobs.locks import locked
from mss_keras.models.catalogue import MODELS, File, Published, close_name, is_name, path_of

Say = Callable[[str], None]


def model_path(
    given: str | Path, *, say: Say = print, progress: bool = False, field: str = "model"
) -> Path:
    """The path of a model that is given by path or by the name of a published one.

    Args:
        given: str or Path. Folder of a run, a `.keras` file, or a name of `MODELS`, which is
            fetched if it is not here. The folder of a run that has such a name wins.
        say: Callable. Is called with lines about what is fetched. Defaults to `print`.
        progress: bool. Whether a bar is shown. Defaults to `False`.
        field: str. Name of the argument, for errors. Defaults to `"model"`.

    Returns:
        What was given, or the `.keras` file of the published model. Whether there is a model at
        a path is not looked at.

    Raises:
        UserError: as `fetch`, and for a path that is not there and next to a name.
    """
    if is_name(given):
        return fetch(str(given), say=say, progress=progress, field=field)
    close = close_name(given)
    if close and not Path(given).exists():
        raise UserError(
            field,
            f"nothing at {given} (did you mean {close}?)",
            "the folder of a run, a .keras file, or a name that 'python -m trainer models' lists",
        )
    return Path(given)


def fetch(
    name: str,
    *,
    source: str | Path | None = None,
    say: Say = print,
    progress: bool = False,
    field: str = "model",
) -> Path:
    """Fetches a published model and converts it, unless it is here.

    Args:
        name: str. A name of `MODELS`.
        source: str or Path. Folder that has the published files, or the file where there is one.
            Defaults to `None`: they are fetched from their publisher.
        say: Callable. Is called with lines about what is done. Defaults to `print`.
        progress: bool. Whether a bar is shown. Defaults to `False`.
        field: str. Name of the argument that the name is, for errors. Defaults to `"model"`.

    Returns:
        Its `.keras` file.

    Raises:
        UserError: for another name, if the files cannot be fetched or are others than were
            published, or if the cache cannot be written.
    """
    if name not in MODELS:
        raise UserError.unknown(field, name, MODELS)
    published, path = MODELS[name], path_of(name)
    if path.is_file():
        return path
    fetched = path.parent / "files"
    try:
        fetched.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = f"{error.strerror} at {fetched}"
        raise UserError("MSS_KERAS_CACHE", found, "a folder to write to") from None
    with locked(path.parent, waiting=say, field=field):
        if path.is_file():  # the process that was waited for has made it
            return path
        say(f"{name}: {published.licence} ({published.page})")
        if source is not None:
            paths = [_given(name, file, Path(source)) for file in published.files]
        else:
            paths = [
                _fetched(name, file, fetched / file.name, say=say, progress=progress, field=field)
                for file in published.files
            ]
        say(f"converting {name}, once")
        with working_folder(path.parent) as work:
            for file, there in zip(published.files, paths, strict=True):
                _lay_out(file, there, work)
            model = _converter(published)(work, name)
            with appearing(path) as partial:
                model.save(partial)
        shutil.rmtree(fetched, ignore_errors=True)
    return path


def _converter(published: Published) -> Callable[[Path, str], Any]:
    module, _, function = published.converter.partition(":")
    return getattr(import_module(module), function)


def _addresses(name: str) -> str:
    return " ".join(file.url for file in MODELS[name].files)


def _given(name: str, file: File, source: Path) -> Path:
    path = source / file.name
    if source.is_file() and (source.name == file.name or len(MODELS[name].files) == 1):
        path = source
    if not path.is_file():
        raise UserError("from", f"no {file.name} at {source}", f"files from {_addresses(name)}")
    found = sha256_of(path)[: len(file.sha256)]
    if found != file.sha256:
        raise UserError(path, f"SHA-256 {found}", f"{file.sha256}, the file from {file.url}")
    return path


def _fetched(name: str, file: File, path: Path, *, say: Say, progress: bool, field: str) -> Path:
    if not path.is_file():
        if not progress:
            say(f"fetching {file.url}")
        try:
            download(file.url, path, sha256=file.sha256, progress=progress, say=say)
        except DownloadError as error:
            raise UserError(
                field,
                f"{name}, which cannot be fetched ({file.url}: {error})",
                f"a network; or fetch elsewhere {_addresses(name)} and give their folder: "
                f"python -m trainer models --fetch {name} --from FOLDER",
            ) from error
    return path


def _lay_out(file: File, path: Path, folder: Path) -> None:
    # What was fetched elsewhere may have another name, by which nothing can be told.
    if not file.name.endswith(".tar.gz"):
        os.symlink(path.resolve(), folder / file.name)
        return
    try:
        unpack(path, folder)
    except BROKEN as error:
        if want_of_space(error):
            raise
        raise UserError(path, str(error), "the archive that was published") from error
