"""Scores of many tracks in one summary."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mss_keras.config import UserError, require
from mss_keras.metrics.bsseval import over_finite
from mss_keras.metrics.scores import TrackScores


@dataclass(frozen=True)
class Summary:
    """Scores of a data set.

    Args:
        median: dict, source → metric → value. Median over tracks of the median of frames, dB.
        mean: dict, source → metric → value. The same with the mean over tracks.
        tracks: int. Number of tracks.
        frames: int. Number of frames of all tracks.
        nan_frames: dict, source → number of frames in which it has no score.
        without_score: dict, source → names of the tracks in which it has no score.
        together: dict, metric of all sources together → median over tracks.
    """

    median: dict[str, dict[str, float]]
    mean: dict[str, dict[str, float]]
    tracks: int
    frames: int
    nan_frames: dict[str, int]
    without_score: dict[str, tuple[str, ...]]
    together: dict[str, float]


def summarize(tracks: Sequence[TrackScores]) -> Summary:
    """Median of frames, then of tracks, as in the tables that are published for MUSDB18.

    Frames and tracks without a score are left out of the medians and counted.

    Args:
        tracks: sequence of `TrackScores`, of the same sources and metrics.

    Raises:
        UserError: if no track is given, or the sources or metrics of a track are not those of
            the first.

    Example:
        >>> from mss_keras.metrics import BSSEval
        >>> frames = np.array([[1.0, 3.0], [2.0, np.nan]])  # two sources
        >>> scores = BSSEval(frames, frames, frames, frames, silent=np.isnan([frames] * 2),
        ...                  finite=np.array([True, True]))
        >>> summary = summarize([TrackScores("A - B", ("vocals", "drums"), scores)])
        >>> summary.median["vocals"]["sdr"], summary.nan_frames
        (2.0, {'vocals': 0, 'drums': 1})
    """
    require(bool(tracks), "tracks", found=[], wanted="at least one track")
    sources, metrics, together = _what(tracks[0])
    for track in tracks:
        found, wanted = _what(track), (sources, metrics, together)
        if found != wanted:
            raise UserError(f"track {track.track}", found, f"{wanted} as {tracks[0].track} has")
    values = np.array([list(track.medians().values()) for track in tracks])
    values = values.transpose(2, 1, 0)  # [sources, metrics, tracks]

    def table(average: Callable[[np.ndarray], float]) -> dict[str, dict[str, float]]:
        return {
            name: dict(zip(metrics, row, strict=True))
            for name, row in zip(sources, over_finite(average, values).tolist(), strict=True)
        }

    nan = np.array([track.bsseval.nan_frames for track in tracks])
    return Summary(
        median=table(np.median),
        mean=table(np.mean),
        tracks=len(tracks),
        frames=sum(track.bsseval.sdr.shape[1] for track in tracks),
        nan_frames=dict(zip(sources, nan.sum(axis=0).tolist(), strict=True)),
        without_score={
            name: tuple(
                track.track for track, value in zip(tracks, rows[0], strict=True) if np.isnan(value)
            )
            for name, rows in zip(sources, values, strict=True)
        },
        together={
            name: float(over_finite(np.median, np.array([x.together[name] for x in tracks]))[()])
            for name in together
        },
    )


def _what(track: TrackScores) -> tuple[tuple[str, ...], list[str], list[str]]:
    # Sources, metrics of each, and metrics of all together.
    return track.sources, list(track.medians()), list(track.together)
