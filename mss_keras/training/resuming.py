"""What a run that goes on has to have in common with itself: its music, and epochs enough.

RUN/tracks.json holds the names of its tracks and their lengths in samples, for each split, and
where its statistics are from.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mss_keras import data
from mss_keras.config import RunConfig, UserError
from mss_keras.config.fields import admits
from mss_keras.data import MusicSet, Statistics
from mss_keras.jobs.claims import read_mapping
from mss_keras.jobs.files import appearing
from mss_keras.training import runs
from mss_keras.training.checkpoints import Checkpoints

_TRACKS = "tracks.json"
_STATISTICS = "statistics"
_CLOSE = 1e-4  # relative; the same music read again gives the same statistics

Lengths = dict[str, dict[str, int]]


def check(
    folder: Path,
    config: RunConfig,
    music: MusicSet,
    *,
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> None:
    """Finds that the run of a folder, if there is one, may go on by a configuration.

    Names and lengths of the tracks have to be the same. Where `root` is another than before, so
    have the statistics of the training mixtures, unless the run was begun with those of another.

    Args:
        folder: of the run.
        config: by which it is to go on.
        music: what `config` names.
        say: is called with a line if the music has moved.
        progress: whether a bar is shown.

    Raises:
        UserError: if the folder is another run's, the run has finished more epochs, or the music
            is other music.
    """
    if not (folder / "config.yaml").exists():
        return
    runs.claim_of(config).check(folder)
    finished = Checkpoints(folder / "checkpoints", say).epochs()
    if finished and finished[-1] > config.training.epochs:
        raise UserError(
            "epochs", config.training.epochs, f"at least the {finished[-1]} of the run in {folder}"
        )
    saved = read_mapping(folder / "config.yaml", "the configuration of a run")
    before = saved.get("root")
    wanted = f"the music of {before}, with which the run in {folder} began"
    refusal = partial(UserError, "root", wanted=wanted)
    known = _remembered(folder)
    if different := _different(known, _lengths(music)):
        raise refusal(found=f"{config.data.root}, where {different}")
    if before != config.data.root:
        given = known.get(_STATISTICS, saved.get("statistics"))
        if given is None and not _same_statistics(folder, config, music, progress=progress):
            raise refusal(found=f"{config.data.root}, whose statistics are others")
        say(f"the music has moved from {before} to {config.data.root}, and is the same")


def remember(folder: Path, music: MusicSet, statistics: str | None = None) -> None:
    """Writes what a run is begun with into its folder, once.

    Args:
        folder: of the run.
        music: its tracks.
        statistics: path of the statistics that it takes. Defaults to None, those of its tracks.
    """
    if not (folder / _TRACKS).exists():
        with appearing(folder / _TRACKS) as path:
            path.write_text(json.dumps({**_lengths(music), _STATISTICS: statistics}, indent=1))


def _remembered(folder: Path) -> dict[str, Any]:
    path = folder / _TRACKS  # runs from before it have none
    try:
        known = dict(json.loads(path.read_text())) if path.exists() else {}
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise UserError(path, str(error), "the tracks of a run") from None
    for split, lengths in known.items():
        if split != _STATISTICS and not admits(dict[str, int], lengths):
            raise UserError(path, f"{lengths!r} for {split}", "the tracks of a run")
    return known


def _lengths(music: MusicSet) -> Lengths:
    splits = {"train": music.train, "valid": music.valid}
    return {split: {x.name: x.samples for x in tracks} for split, tracks in splits.items()}


def _different(then: dict[str, Any], now: Lengths) -> str | None:
    # How the tracks differ from those that are remembered, if they do.
    for split, lengths in now.items():
        known = then.get(split, lengths)
        if others := sorted(known.keys() ^ lengths.keys()):
            return f"{split} {'has' if others[0] in lengths else 'lacks'} {others[0]}"
        for name, samples in lengths.items():
            if known[name] != samples:
                return f"{name} has {samples} samples instead of {known[name]}"
    return None


def _same_statistics(folder: Path, config: RunConfig, music: MusicSet, *, progress: bool) -> bool:
    own = folder / "statistics.npz"
    if not own.exists():
        return True
    expected = Statistics.load(own, config.audio.bins)
    found = data.compute_statistics(music.train, config.audio, progress=progress)
    pairs = ((expected.mean, found.mean), (expected.std, found.std))
    # Bins without music hold what rounding leaves there.
    return all(np.allclose(y, x, rtol=_CLOSE, atol=_CLOSE * x.max()) for x, y in pairs)
