"""Scores of stems on disk."""

from collections.abc import Sequence
from pathlib import Path

import soundfile

from mss_keras.config import UserError
from mss_keras.metrics.bsseval import bss_eval
from mss_keras.metrics.scores import TrackScores
from mss_keras.metrics.waveforms import AudioFiles
from mss_keras.metrics.whole_track import whole_track


def score_files(
    track: str,
    sources: Sequence[str],
    targets: Sequence[str | Path],
    estimates: Sequence[str | Path],
    channels: int | None = None,
    whole: Sequence[str] = (),
) -> TrackScores:
    """BSSEval v4 in frames of a second, and whole-track metrics, of a track's stems.

    Args:
        track: its name.
        sources: names.
        targets: an audio file for each source.
        estimates: an audio file for each source.
        channels: see `AudioFiles`.
        whole: names of `WHOLE_TRACK`.

    Raises:
        UserError: naming the file, for one that is missing, or of another length, sample
            rate or number of channels than its target; as `bss_eval`.
    """
    for target, estimate in zip(targets, estimates, strict=True):
        _require_alike(target, estimate)
    with AudioFiles(targets, channels) as y_true, AudioFiles(estimates, channels) as y_pred:
        rate = y_true.sample_rate
        frames = bss_eval(y_true, y_pred, window=rate, hop=rate, names=sources)
        ratios = whole_track(y_true, y_pred) if whole else {}
    return TrackScores(
        track, tuple(sources), frames, whole_track={name: ratios[name] for name in whole}
    )


def _require_alike(target: str | Path, estimate: str | Path) -> None:
    try:
        wanted, found = soundfile.info(str(target)), soundfile.info(str(estimate))
    except (soundfile.LibsndfileError, OSError) as error:
        reason = "cannot be read" if Path(estimate).exists() else "no such file"
        raise UserError(f"{estimate}: {reason}, wanted an estimate of {target}") from error
    for name, unit in (("samplerate", "Hz"), ("channels", "channels"), ("frames", "samples")):
        if getattr(found, name) != getattr(wanted, name):
            raise UserError(
                f"{estimate}: found {getattr(found, name)} {unit}, wanted "
                f"{getattr(wanted, name)} as its target has"
            )
