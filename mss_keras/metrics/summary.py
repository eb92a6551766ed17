"""Scores of many tracks in one table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mss_keras.config import UserError
from mss_keras.metrics.bsseval import over_finite
from mss_keras.metrics.scores import TrackScores


@dataclass(frozen=True)
class Summary:
    """A data set's scores.

    Args:
        median: `{source: {metric: value}}`, median of tracks of the median of frames, dB.
        mean: the same with the mean of tracks.
        tracks: number of tracks.
        frames: number of frames, of all tracks.
        nan_frames: `{source: number}` of those that have no score.
        without_score: `{source: tracks}`, names of the tracks in which it has none.
    """

    median: dict[str, dict[str, float]]
    mean: dict[str, dict[str, float]]
    tracks: int
    frames: int
    nan_frames: dict[str, int]
    without_score: dict[str, tuple[str, ...]]


def summarize(tracks: Sequence[TrackScores]) -> Summary:
    """Median of frames, then of tracks, as the tables of MUSDB18 have it.

    Frames and tracks without a score are left out of the medians and counted.

    Args:
        tracks: tracks of the same sources and metrics.

    Raises:
        UserError: if a track's sources or metrics are not those of the first, or if
            there is none.
    """
    if not tracks:
        raise UserError("found no tracks, wanted at least one")
    sources, metrics = tracks[0].sources, list(tracks[0].medians())
    for track in tracks:
        found, wanted = (track.sources, list(track.medians())), (sources, metrics)
        if found != wanted:
            raise UserError(
                f"{track.track}: found {found}, wanted {wanted} as {tracks[0].track} has"
            )
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
    )
