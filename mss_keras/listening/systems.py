"""The systems of a listening test."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mss_keras.config import AudioConfig, SeparationConfig, UserError
from mss_keras.evaluation import estimates
from mss_keras.evaluation.excerpts import Excerpt
from mss_keras.evaluation.systems import System, of_model, of_songs
from mss_keras.models.catalogue import A_MODEL
from mss_keras.models.model import SeparationModel


def all_of(
    paths: Mapping[str, str],
    *,
    load: Callable[[Path], SeparationModel],
    subset: str,
    audio: AudioConfig,
    separation: SeparationConfig = SeparationConfig(),
) -> list[System]:
    """The systems of `ListeningConfig.paths`; see `system_of`."""
    return [
        system_of(name, Path(path), load=load, subset=subset, audio=audio, separation=separation)
        for name, path in paths.items()
    ]


def system_of(
    name: str,
    path: Path,
    *,
    load: Callable[[Path], SeparationModel],
    subset: str,
    audio: AudioConfig,
    separation: SeparationConfig = SeparationConfig(),
) -> System:
    """The system that a path names: a run or a `.keras` file, or else a folder of stems.

    Args:
        name: str. The system's name.
        path: Path. The path.
        load: Callable. Returns the model of the folder of a run or of a `.keras` file.
        subset: str. Split of the data set.
        audio: AudioConfig. Sample rate and channels of the test.
        separation: SeparationConfig. How a model separates.

    Raises:
        UserError: if there is neither, or a model's sample rate is another.
    """
    if path.suffix == ".keras" or (path / "config.yaml").is_file():
        return of_model(name, load(path), audio=audio, separation=separation)
    if not path.is_dir():
        raise UserError(
            "systems",
            f"nothing at {path} for {name}" if not path.exists() else f"a file {path} for {name}",
            f"{A_MODEL}, or a folder of stems",
        )
    method = estimates.of_folder(str(path), subset)
    said = f"stems in {path.resolve()}"
    return of_songs(name, method, said=said, audio=audio, made=True)


def blended(name: str, system: System, share: float, *, mixture: Callable) -> System:
    """A system that leaves a share of the mixture in its estimates.

    Args:
        name: str. The system's name.
        system: System. Whose estimates are spoilt.
        share: float. The share, 0 to 1.
        mixture: Callable. Returns the mixture of an excerpt.
    """

    def read(excerpt: Excerpt, sources: Sequence[str], work: Path) -> dict[str, np.ndarray]:
        whole, found = mixture(excerpt), system.read(excerpt, sources, work)
        return {name: (1 - share) * stem + share * whole for name, stem in found.items()}

    return System(name, f"{system.said}, {share:g} of the mixture", read)
