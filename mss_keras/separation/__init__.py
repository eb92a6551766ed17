"""Whole songs go in, stems come out; models that others published, by name."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mss_keras.separation.fetching import fetch, model_path

if TYPE_CHECKING:
    from mss_keras.separation.importing import import_openunmix
    from mss_keras.separation.songs import separate_song, separate_songs

__all__ = ["fetch", "import_openunmix", "model_path", "separate_song", "separate_songs"]

# The files of those names whose files import TensorFlow.
_LATE = {
    "import_openunmix": "importing",
    "separate_song": "songs",
    "separate_songs": "songs",
}


def __getattr__(name: str) -> Any:
    # Late, so that models can be listed and fetched without importing TensorFlow.
    if name in _LATE:
        return getattr(import_module(f"mss_keras.separation.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
