"""Scores of a track, and the JSON files of them that museval reads, too.

    {
      "targets": [
        {"name": "vocals", "frames": [
          {"time": 0.0, "duration": 1.0,
           "metrics": {"SDR": 6.1, "SIR": 12.0, "SAR": 6.3, "ISR": 11.2}}, ...]}, ...],
      "museval_version": "0.4.1",
      "mss_keras": {                       museval does not read this
        "track": "A - B",
        "whole_track": {"vocals": {"si_sdr": 5.2, ...}, ...},
        "together": {"sdsdr_time": -4.1, ...},
        "nan_frames": {"vocals": 3, ...},
        "silent_targets": {"vocals": [0, 1]},
        "silent_estimates": {"drums": [7]},
        "not_finite": []
      }
    }

The numbers of frames have five decimals, and both NaN and infinity are written as NaN, as in
museval's own files.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mss_keras.config import UserError
from mss_keras.jobs.files import appearing
from mss_keras.metrics.bsseval import KINDS, RATIOS, BSSEval

_OURS = "mss_keras"
_MUSEVAL_VERSION = "0.4.1"  # whose numbers these are


@dataclass(frozen=True, eq=False)
class TrackScores:
    """All scores of a track.

    Args:
        track: str. Name of the track; museval takes that of the file.
        sources: tuple of str. Names of the sources, in the order of the scores.
        bsseval: BSSEval. Scores of frames.
        window: float. Length of a frame, seconds. Defaults to `1`.
        hop: float. Distance of frames, seconds. Defaults to `1`.
        whole_track: mapping. Other metrics, `[sources]` for each name. Defaults to none.
        together: mapping. Metrics of all sources together, which no source has by itself.
            Defaults to none.

    Example:
        >>> frames = np.array([[1.0, 3.0]])
        >>> scores = BSSEval(frames, frames, frames, frames, silent=np.zeros([2, 1, 2], bool),
        ...                  finite=np.array([True]))
        >>> track = TrackScores("A - B", ("vocals",), scores, whole_track={"snr": np.ones(1)})
        >>> track.medians()["sdr"], track.medians()["snr"]
        (array([2.]), array([1.]))
    """

    track: str
    sources: tuple[str, ...]
    bsseval: BSSEval
    window: float = 1.0
    hop: float = 1.0
    whole_track: Mapping[str, np.ndarray] = field(default_factory=dict)
    together: Mapping[str, float] = field(default_factory=dict)

    def medians(self) -> dict[str, np.ndarray]:
        """`[sources]` for each metric: the median of frames, or the value of the whole track."""
        return {**self.bsseval.median(), **self.whole_track}

    def why_nan(self) -> list[str]:
        """A line for each cause of frames without scores, which names source and frames."""
        lines = [
            f"{kind} {name} is silent throughout"
            if silent.all()
            else f"{kind} {name} silent in frames {_ranges(np.flatnonzero(silent))}"
            for kind, sources in zip(KINDS, self.bsseval.silent, strict=True)
            for name, silent in zip(self.sources, sources, strict=True)
            if silent.any()
        ]
        return lines + [
            f"estimate {name} has samples that are not finite"
            for name, finite in zip(self.sources, self.bsseval.finite, strict=True)
            if not finite
        ]

    def save(self, path: str | Path) -> None:
        """Writes the file, which appears when it is complete, and makes its folder."""
        with appearing(Path(path)) as partial:
            partial.write_text(json.dumps(self.to_json(), indent=2) + "\n")

    def to_json(self) -> dict[str, Any]:
        """The content of the file; see `mss_keras.metrics.scores`."""
        values = {name.upper(): getattr(self.bsseval, name) for name in RATIOS}
        targets = [
            {
                "name": name,
                "frames": [
                    {
                        "time": frame * self.hop,
                        "duration": self.window,
                        "metrics": {
                            key: _plain(value[row, frame]) for key, value in values.items()
                        },
                    }
                    for frame in range(self.bsseval.sdr.shape[1])
                ],
            }
            for row, name in enumerate(self.sources)
        ]
        silent = [
            {
                name: np.flatnonzero(frames).tolist()
                for name, frames in zip(self.sources, sources, strict=True)
                if frames.any()
            }
            for sources in self.bsseval.silent
        ]
        ours = {
            "track": self.track,
            "whole_track": {
                name: {key: float(value[row]) for key, value in self.whole_track.items()}
                for row, name in enumerate(self.sources)
            },
            "together": dict(self.together),
            "nan_frames": dict(zip(self.sources, self.bsseval.nan_frames.tolist(), strict=True)),
            "silent_targets": silent[0],
            "silent_estimates": silent[1],
            "not_finite": [
                name
                for name, finite in zip(self.sources, self.bsseval.finite, strict=True)
                if not finite
            ],
        }
        return {"targets": targets, "museval_version": _MUSEVAL_VERSION, _OURS: ours}


def read_scores(path: str | Path) -> TrackScores:
    """Reads a file that `TrackScores.save` or museval wrote.

    Frames whose ratio was infinite come as NaN. Museval's own files do not say why frames are
    NaN.

    Raises:
        UserError: if the file cannot be read or holds something else; the error names it.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text())
        targets = content["targets"]
        names = tuple(target["name"] for target in targets)
        frames = targets[0]["frames"]
        values = {
            name: np.array(
                [
                    [float(frame["metrics"][name.upper()]) for frame in target["frames"]]
                    for target in targets
                ]
            )
            for name in RATIOS
        }
        ours = content.get(_OURS, {})
        silent = np.zeros((2, *values["sdr"].shape), bool)
        for rows, key in zip(silent, ("silent_targets", "silent_estimates"), strict=True):
            for name, where in ours.get(key, {}).items():
                rows[names.index(name), where] = True
        finite = np.array([name not in ours.get("not_finite", ()) for name in names])
        whole = ours.get("whole_track", {name: {} for name in names})
        return TrackScores(
            track=ours.get("track", path.stem),
            sources=names,
            bsseval=BSSEval(**values, silent=silent, finite=finite),
            window=frames[0]["duration"],
            hop=frames[1]["time"] if len(frames) > 1 else frames[0]["duration"],
            whole_track={
                key: np.array([whole[name][key] for name in names]) for key in whole[names[0]]
            },
            together={key: float(value) for key, value in ours.get("together", {}).items()},
        )
    except OSError as error:
        raise UserError(path, error.strerror, "a file of scores") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            path, f"damaged content ({error!r})", "scores as museval writes them"
        ) from error


def _plain(value: float) -> float:
    return round(float(value), 5) if math.isfinite(value) else math.nan


def _ranges(frames: np.ndarray) -> str:
    """Numbers of frames as text: 0-2, 7."""
    runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
