"""Models that others published, by name: what they are, where they are from, on what terms."""

import os
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from mss_keras.config import SOURCES, UserError
from mss_keras.config.errors import closest

_SPLEETER = "https://github.com/deezer/spleeter/releases"


@dataclass(frozen=True)
class File:
    """A file of a published model.

    Args:
        url: str. Where its publisher has it.
        sha256: str. The first hexadecimal digits of its SHA-256, as many as are published.
    """

    url: str
    sha256: str

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Published:
    """A published model.

    Args:
        sources: tuple of str. What it separates, in the order of its stems.
        sample_rate: int. Hz.
        megabytes: int. Size of its files, rounded.
        licence: str. Terms under which the weights may be used.
        page: str. Where its publisher tells of it.
        files: tuple of File. What is fetched. A `.tar.gz` archive is unpacked.
        converter: str. `MODULE:FUNCTION`; the function returns a `MaskingModel`, given the folder
            of the files and the name of the model.
    """

    sources: tuple[str, ...]
    sample_rate: int
    megabytes: int
    licence: str
    page: str
    files: tuple[File, ...]
    converter: str


def _openunmix(
    record: int,
    *names: str,
    megabytes: int,
    licence: str = "MIT",
    sources: tuple[str, ...] = SOURCES,
    sample_rate: int = 44100,
) -> Published:
    # The names have the first eight digits of the SHA-256 at their end.
    page = f"https://zenodo.org/records/{record}"
    files = (File(f"{page}/files/{name}.pth", re.split("[-_]", name)[-1]) for name in names)
    converter = "mss_keras.separation.importing:convert_openunmix"
    return Published(sources, sample_rate, megabytes, licence, page, tuple(files), converter)


def _spleeter(sources: str, archive: str, sha256: str, *, megabytes: int) -> Published:
    return Published(
        sources=tuple(sources.split()),
        sample_rate=44100,
        megabytes=megabytes,
        licence="not stated; the code is MIT",
        page=f"{_SPLEETER}/tag/v1.4.0",
        files=(File(f"{_SPLEETER}/download/v1.4.0/{archive}.tar.gz", sha256),),
        converter="mss_keras.separation.spleeter_import:import_spleeter",
    )


_2STEMS = _spleeter(
    "vocals accompaniment",
    "2stems",
    "f3a90b39dd2874269e8b05a48a86745df897b848c61f3958efc80a39152bd692",
    megabytes=73,
)
_4STEMS = _spleeter(
    "vocals drums bass other",
    "4stems",
    "3adb4a50ad4eb18c7c4d65fcf4cf2367a07d48408a5eb7d03cd20067429dfaa8",
    megabytes=147,
)
_5STEMS = _spleeter(
    "vocals piano drums bass other",
    "5stems",
    "25a1e87eb5f75cc72a4d2d5467a0a50ac75f05611f877c278793742513cc7218",
    megabytes=182,
)

# Spleeter's 16 kHz variants are the same weights, which read more bins.
MODELS: dict[str, Published] = {
    "umx": _openunmix(
        3370486,
        *("vocals-c8df74a5", "drums-5a48008b", "bass-646024d3", "other-f8e132cc"),
        megabytes=143,
    ),
    "umxhq": _openunmix(
        3370489,
        *("vocals-b62c91ce", "drums-9619578f", "bass-8d85a5bd", "other-b52fbbf7"),
        megabytes=143,
    ),
    "umxl": _openunmix(
        5069601,
        *("vocals-bccbd9aa", "drums-69e0ebd4", "bass-2ca1ce51", "other-c8c5b3e6"),
        megabytes=452,
        licence="CC BY-NC-SA 4.0, not for commercial use",
    ),
    "umxse": _openunmix(
        3786908,
        *("speech_f5e0d9f9", "noise_04a6fc2d"),
        megabytes=13,
        sources=("noise", "speech"),
        sample_rate=16000,
    ),
    "spleeter-2stems": _2STEMS,
    "spleeter-4stems": _4STEMS,
    "spleeter-5stems": _5STEMS,
    "spleeter-2stems-16kHz": _2STEMS,
    "spleeter-4stems-16kHz": _4STEMS,
    "spleeter-5stems-16kHz": _5STEMS,
}


def cache_folder() -> Path:
    """Where fetched models are: `MSS_KERAS_CACHE`, or else a folder of the user's cache.

    Raises:
        UserError: if it is below the home of a user who has none.
    """
    caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    folder = Path(os.environ.get("MSS_KERAS_CACHE") or caches / "mss_keras")
    try:
        return folder.expanduser()
    except RuntimeError:
        found = f"{folder}, where {folder.parts[0]} is no folder"
        raise UserError("MSS_KERAS_CACHE", found, "a folder to keep models in") from None


def path_of(name: str) -> Path:
    """The `.keras` file that a published model has here, once it is fetched."""
    return cache_folder() / "models" / name / f"{name}.keras"


def is_name(given: str | Path) -> bool:
    """Whether a model is given by its name; the folder of a run that has this name wins."""
    return str(given) in MODELS and not (Path(given) / "config.yaml").is_file()


def close_name(given: str | Path) -> str | None:
    """The name of a model that is next to what was given, where one is close."""
    return closest(str(given), MODELS)


def fetched_path(given: str | Path, field: str = "model") -> Path:
    """The path of a model that is given by path, or by a name whose model has been fetched.

    Args:
        given: str or Path. A path, or a name of `MODELS`.
        field: str. Name of the argument, for the error. Defaults to `"model"`.

    Raises:
        UserError: if the model of that name is not here.
    """
    if not is_name(given):
        return Path(given)
    path = path_of(str(given))
    if not path.is_file():
        wanted = f"it, by python -m trainer models --fetch {given}"
        raise UserError(field, f"{given}, but no {path}", wanted)
    return path


def licence_of(given: str | Path) -> str | None:
    """The licence of a published model; None for a model that is given by its path."""
    return MODELS[str(given)].licence if is_name(given) else None


def table(models: Mapping[str, Published] | None = None) -> str:
    """The published models, one a line, and below them their terms, within 80 columns.

    Args:
        models: mapping. Models by name. Defaults to all.
    """
    models = MODELS if models is None else models
    rows = [
        {
            "name": name,
            "separates": " ".join(model.sources),
            "Hz": model.sample_rate,
            "MB": model.megabytes,
            "here": "yes" if path_of(name).is_file() else "no",
        }
        for name, model in models.items()
    ]
    terms: dict[str, list[str]] = {}
    for name, model in models.items():
        terms.setdefault(f"{model.licence}, from {model.page}", []).append(name)
    lines = [f"{', '.join(names)}: {text}" for text, names in terms.items()]
    wrapped = [
        textwrap.fill(
            line, 80, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
        for line in lines
    ]
    return "\n".join([tabulate(rows, headers="keys", tablefmt="simple"), "", *wrapped])
