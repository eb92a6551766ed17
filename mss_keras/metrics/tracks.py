"""Scores of the stems of a track on disk."""

from collections.abc import Sequence
from pathlib import Path

import soundfile

from mss_keras.config import UserError
from mss_keras.metrics.bsseval import bss_eval
from mss_keras.metrics.scores import TrackScores
from mss_keras.metrics.waveforms import UNITS, AudioFiles, Paths, files_of
from mss_keras.metrics.whole_track import whole_track


def score_files(
    track: str,
    sources: Sequence[str],
    *,
    targets: Sequence[Paths],
    estimates: Sequence[str | Path],
    channels: int | None = None,
    whole: Sequence[str] = (),
) -> TrackScores:
    """BSSEval v4 in frames of a second, and whole-track metrics, of the stems of a track.

    Args:
        track: str. Name of the track.
        sources: sequence of str. Names of the sources.
        targets: sequence of paths. An audio file for each source, or several that are added up.
        estimates: sequence of paths. An audio file for each source.
        channels: int. See `AudioFiles`. Defaults to that of the files.
        whole: sequence of str. Names of `WHOLE_TRACK`. Defaults to none.

    Raises:
        UserError: if a file is missing, or differs in length or sample rate from its target, or
            has neither its number of channels nor `channels`; the error names the file. Otherwise
            as `bss_eval`.
    """
    for target, estimate in zip(targets, estimates, strict=True):
        _require_alike(files_of(target)[0], estimate, channels)
    with AudioFiles(targets, channels) as y_true, AudioFiles(estimates, channels) as y_pred:
        rate = y_true.sample_rate
        frames = bss_eval(y_true, y_pred, window=rate, hop=rate, names=sources)
        ratios = whole_track(y_true, y_pred) if whole else {}
    return TrackScores(
        track, tuple(sources), frames, whole_track={name: ratios[name] for name in whole}
    )


def _require_alike(target: str | Path, estimate: str | Path, channels: int | None) -> None:
    try:
        wanted, found = soundfile.info(str(target)), soundfile.info(str(estimate))
    except (soundfile.LibsndfileError, OSError) as error:
        reason = "no audio that can be read" if Path(estimate).exists() else "no file"
        raise UserError(Path(estimate), reason, f"an estimate of {target}") from error
    for name, unit in UNITS.items():
        if name == "channels" and found.channels == channels:  # those of a model, say
            continue
        if getattr(found, name) != getattr(wanted, name):
            raise UserError(
                Path(estimate),
                f"{getattr(found, name)} {unit}",
                f"{getattr(wanted, name)} as its target has",
            )
