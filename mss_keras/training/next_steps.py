"""How a run ended, and what to do next, as commands that can be pasted."""

import shlex
from pathlib import Path

from mss_keras.config import RunConfig
from mss_keras.data.tracks import STEM_SUFFIX, Split, track_folders
from mss_keras.training.checkpoints import Checkpoints
from mss_keras.training.state import RunState
from mss_keras.training.wording import decibels, number

_TRAINER = ("python", "-m", "trainer")
_STILL_IMPROVING = 0.9  # share of the epochs after which a best one says that more would help


def tensorboard_command(folder: Path) -> str:
    """The command that shows a log folder; TensorBoard comes with TensorFlow.

    Example:
        >>> tensorboard_command(Path("my runs/tensorboard"))
        "python -m tensorboard.main --logdir 'my runs/tensorboard'"
    """
    return _command("python", "-m", "tensorboard.main", "--logdir", folder)


def how_it_ended(config: RunConfig, folder: Path) -> str:
    """The best epoch of a run, and why there are no more, in a line.

    Args:
        config: RunConfig. Configuration of the run.
        folder: Path. Folder of the run, which has finished an epoch.
    """
    state, epochs = _last(folder), config.training.epochs
    row = next((row for row in state.history if row["epoch"] == state.best_epoch), {})
    told = [f"val_loss {number(row['val_loss'])}"] if "val_loss" in row else []
    told += [f"{x} {decibels(row[x])}" for x in ("val_si_sdr", "val_snr") if x in row]
    best = f"Best epoch {state.best_epoch} of {state.epoch}: {', '.join(told)}."
    if state.epoch >= epochs:
        return f"{best} All {epochs} epochs are done."
    since = state.epoch - (state.best_epoch or 0)
    return f"{best} Stopped early: val_loss has not fallen for {since} epochs."


def next_steps(config: RunConfig, folder: Path) -> dict[str, str]:
    """Commands for a finished run, by what they are for; each works as it stands.

    Args:
        config: RunConfig. Configuration of the run.
        folder: Path. Folder of the run.
    """
    found = {}
    page = folder / "report.html"
    if page.exists():
        found["listen and look"] = _command("python", "-m", "webbrowser", page.resolve().as_uri())
    if config.data.root:
        root = Path(config.data.root)
        prepared = ("--prepared", config.data.prepared) if config.data.prepared else ()
        subset = "test" if _tracks(root, "test") else "valid"
        found["score"] = _command(
            *(*_TRAINER, "evaluate", "--model", folder, "--root", root, *prepared),
            *("--subset", subset, "--output", _beside(folder, "evaluation")),
        )
        song = _song(root, "test") or _song(root, "valid") or "SONG"
        found["separate a song"] = _command(*_TRAINER, "separate", song, "--model", folder)
    found["publish"] = _command(
        *_TRAINER, "export", "--model", folder, "--output", _beside(folder, "served")
    )
    found["look into it"] = tensorboard_command(folder / "tensorboard")
    state, epochs = _last(folder), config.training.epochs
    if state.epoch >= epochs and (state.best_epoch or 0) > _STILL_IMPROVING * epochs:
        found["train on, for it still improves"] = _command(
            *(*_TRAINER, "train", "--config", folder / "config.yaml"),
            *("--epochs", 2 * epochs, "--output", folder),
        )
    return found


def as_text(config: RunConfig, folder: Path) -> str:
    """How a run ended and what to do next, in lines."""
    steps = next_steps(config, folder)
    lines = [f"{what}:\n    {command}" for what, command in steps.items()]
    return "\n".join([how_it_ended(config, folder), "", "What to do next:", *lines])


def _last(folder: Path) -> RunState:
    return Checkpoints(folder / "checkpoints", lambda line: None).last()


def _command(*words: str | Path | int) -> str:
    # A path that begins with a dash would be a flag.
    given = [
        f"./{word}" if isinstance(word, Path) and str(word)[0] == "-" else word for word in words
    ]
    return shlex.join(map(str, given))


def _beside(folder: Path, what: str) -> Path:
    path = folder if folder.name not in ("", "..") else folder.resolve()
    return path.with_name(f"{path.name}-{what}")


def _tracks(root: Path, split: Split) -> list[Path]:
    # Tracks of a split, files or folders.
    folders = track_folders(root)
    return sorted(root.glob(f"{split}/*{STEM_SUFFIX}")) or folders[split]


def _song(root: Path, split: Split) -> Path | None:
    songs = [x if x.is_file() else x / "mixture.wav" for x in _tracks(root, split)]
    return next((song for song in songs if song.exists()), None)
