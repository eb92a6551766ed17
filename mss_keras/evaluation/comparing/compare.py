"""The same excerpts through several separators, on one page.

OUTPUT/
    compare.yaml     what was asked for
    compare.html     the excerpts, switchable while they play, and their scores
    compare.csv      every score: of each excerpt, and their means
"""

import dataclasses
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mss_keras import data, losses
from mss_keras.config import (
    AudioConfig,
    CompareConfig,
    DataConfig,
    UserError,
)
from mss_keras.data import Track
from mss_keras.evaluation.comparing import contestants
from mss_keras.evaluation.comparing.contestants import Contestant
from mss_keras.evaluation.comparing.examples import Comparison, compared
from mss_keras.evaluation.comparing.hearing import Hearing
from mss_keras.evaluation.comparing.models import Models, differences, in_common
from mss_keras.evaluation.comparing.pages import PAGE, TABLE, page, rows
from mss_keras.evaluation.estimates import of_folder
from mss_keras.jobs.claims import Claim
from mss_keras.jobs.files import working_folder
from mss_keras.reports.pages import write_page
from mss_keras.reports.tables import counted, write_csv


def compare(
    output: Path,
    models: Models,
    settings: CompareConfig,
    *,
    dataset: DataConfig,
    audio: AudioConfig = AudioConfig(),
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> Comparison:
    """Hears the same excerpts through models, folders of stems and oracles, and writes the page.

    Args:
        output: Path. Folder of the page; what an earlier call wrote there is replaced.
        models: Models. The models; they are loaded one after the other.
        settings: CompareConfig. Which excerpts, and what takes part besides.
        dataset: DataConfig. The data set. Its `sources` are the models' where there are models.
        audio: AudioConfig. Sample rate, channels and STFT; the models' where there are models.
        say: Callable. Is called with a line for each thing that a user would want to know.
        progress: bool. Whether a bar is shown. Defaults to `False`.

    Raises:
        UserError: if there is nothing to compare, the data set or an estimate cannot be read, names
            or sample rates do not fit, or the folder is another work's.
    """
    described = {name: models.describe(path) for name, path in models.paths.items()}
    if described:
        names, audio = in_common(described)
        dataset = dataclasses.replace(dataset, sources=tuple(names))
    sources = tuple(dataset.sources)
    entries = _contestants(models, settings, sources=sources, audio=audio)
    claim = _claim(models, settings, dataset=dataset, audio=audio)
    claim.check_free(output)
    tracks = _tracks(dataset, audio, settings, say=say, progress=progress)
    began = time.monotonic()
    with claim.alone(output), working_folder(output) as work:
        hearing = Hearing(
            sources, audio, losses.readable(), work, strict=True, say=say, progress=progress
        )
        comparison = compared(entries, tracks, settings, hearing=hearing)
        write_csv(output / TABLE, rows(comparison))
        write_page(page(comparison, notes=differences(described, sources, audio)), output / PAGE)
    say(f"{comparison.length}, in {time.monotonic() - began:.0f} s")
    return comparison


def _contestants(
    models: Models, settings: CompareConfig, *, sources: Sequence[str], audio: AudioConfig
) -> list[Contestant]:
    entries = [
        contestants.of_model(
            name,
            partial(models.load, path),
            audio=audio,
            separation=models.separation,
            field="models",
        )
        for name, path in models.paths.items()
    ]
    entries += [contestants.of_folder(x, settings.subset, audio) for x in settings.estimates]
    entries += [
        contestants.of_oracle(name, sources, audio) for name in dict.fromkeys(settings.oracle)
    ]
    if not entries:
        raise UserError("models", "nothing", "runs or .keras files, or else `estimates`")
    names = [one.name for one in entries]
    for name in names:
        if names.count(name) > 1:
            found = f"two called {name}"
            raise UserError("estimates", found, "NAME=DIR with a name of its own for each")
    return entries


def _tracks(
    dataset: DataConfig,
    audio: AudioConfig,
    settings: CompareConfig,
    *,
    say: Callable[[str], None],
    progress: bool,
) -> Sequence[Track]:
    # Those that all folders of stems have.
    subset: Any = settings.subset
    decoded = data.as_wav(dataset, say=say, progress=progress)
    tracks = list(getattr(data.open_set(decoded, audio, splits=[subset]), subset))
    for given in settings.estimates:
        method = of_folder(given, settings.subset)
        there = [track for track in tracks if method.stems(track, Path()).is_dir()]
        if not there:
            folder = method.stems(tracks[0], Path())
            raise UserError("estimates", f"no folder such as {folder}", "one for each song")
        if len(there) < len(tracks):
            say(f"{method.name} has {len(there)} of {counted(len(tracks), 'song')}: only of those")
        tracks = there
    return tracks


def _claim(
    models: Models, settings: CompareConfig, *, dataset: DataConfig, audio: AudioConfig
) -> Claim:
    given = {
        "root": str(Path(dataset.root or "").resolve()),
        "sources": list(dataset.sources),
        "models": {name: str(path) for name, path in models.paths.items()},
        **vars(settings),
        "estimates": list(settings.estimates),
        "oracle": list(settings.oracle),
        "audio": vars(audio),
        "separation": {**vars(models.separation), "targets": list(models.separation.targets)},
    }
    return Claim("comparison", "compare.yaml", given, may_change=list(given))
