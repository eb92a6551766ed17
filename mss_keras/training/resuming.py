"""What a run that goes on has to have in common with itself: its music, and epochs enough.

RUN/tracks.json holds the names of its tracks and their lengths in samples, for each split.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mss_keras import data
from mss_keras.config import RunConfig, UserError
from mss_keras.data import MusicSet, Statistics
from mss_keras.jobs.claims import read_mapping
from mss_keras.jobs.files import appearing
from mss_keras.training import runs
from mss_keras.training.checkpoints import Checkpoints

_TRACKS = "tracks.json"
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

    Where `root` is another than before, names and lengths of the tracks have to be the same, and
    so have the statistics of the training mixtures, unless the run took those of another run.

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
    before = read_mapping(folder / "config.yaml", "the configuration of a run").get("root")
    if before != config.data.root:
        _require_same(folder, config, music, before=before, progress=progress)
        say(f"the music has moved from {before} to {config.data.root}, and is the same")


def remember(folder: Path, music: MusicSet) -> None:
    """Writes the names and lengths of a run's tracks into its folder, once."""
    if not (folder / _TRACKS).exists():
        with appearing(folder / _TRACKS) as partial:
            partial.write_text(json.dumps(_lengths(music), indent=1))


def _lengths(music: MusicSet) -> Lengths:
    splits = {"train": music.train, "valid": music.valid}
    return {split: {x.name: x.samples for x in tracks} for split, tracks in splits.items()}


def _require_same(
    folder: Path, config: RunConfig, music: MusicSet, *, before: str | None, progress: bool
) -> None:
    wanted = f"the music of {before}, with which the run in {folder} began"

    def refuse(what: str) -> UserError:
        return UserError("root", f"{config.data.root}, {what}", wanted)

    path = folder / _TRACKS  # runs from before it have none
    known = read_mapping(path, "the tracks of a run") if path.exists() else {}
    for split, now in _lengths(music).items():
        then = known.get(split, now)
        if different := sorted(then.keys() ^ now.keys()):
            raise refuse(
                f"where {split} {'has' if different[0] in now else 'lacks'} {different[0]}"
            )
        for name, samples in now.items():
            if then[name] != samples:
                raise refuse(f"where {name} has {samples} samples instead of {then[name]}")
    own = folder / "statistics.npz"
    if config.data.statistics is None and own.exists():
        expected = Statistics.load(own, config.audio.bins)
        found = data.compute_statistics(music.train, config.audio, progress=progress)
        pairs = ((expected.mean, found.mean), (expected.std, found.std))
        if not all(np.allclose(y, x, rtol=_CLOSE, atol=0) for x, y in pairs):
            raise refuse("whose statistics are others")
