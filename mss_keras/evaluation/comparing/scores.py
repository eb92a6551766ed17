"""Scores of excerpts, side by side."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mss_keras import losses
from mss_keras.config import AudioConfig
from mss_keras.evaluation.readings import loss_readings
from mss_keras.metrics import bss_eval, whole_track

SDR = "sdr"
MEAN = "mean"

Waveforms = Mapping[str, np.ndarray]  # by source, [samples, channels]


@dataclass(frozen=True)
class Scores:
    """Scores of a method's estimates.

    Args:
        of_sources: mapping. For each metric the values of the sources that the method separates.
        together: mapping. Values of metrics of all sources together. Defaults to none.
    """

    of_sources: Mapping[str, Mapping[str, float]]
    together: Mapping[str, float]


def score(
    true: Waveforms,
    estimates: Waveforms,
    *,
    sources: Sequence[str],
    audio: AudioConfig,
    metrics: Collection[str],
) -> Scores:
    """Scores of an excerpt: SDR, the median of frames of a second; ratios and losses of it all.

    An estimate that is the true source in all its frames has an infinite SDR.

    Args:
        true: mapping. The true sources.
        estimates: mapping. The estimates, of some of the sources at least.
        sources: sequence of str. Names of all sources.
        audio: AudioConfig. Sample rate, and sizes of the STFT of losses.
        metrics: collection of str. Names of losses that need no network.

    Returns:
        Scores of the sources that there are estimates of. Losses of all sources together are NaN
        where one is missing.

    Raises:
        UserError: if a true source is not finite.
    """
    there = [name for name in sources if name in estimates]
    y_true, y_pred = (np.stack([x[name] for name in there]) for x in (true, estimates))
    # SDR is of the whole error: filters of any length, which are costly, give the same.
    frame = {"window": audio.sample_rate, "hop": audio.sample_rate}
    frames = bss_eval(y_true, y_pred, **frame, lags=1, names=there)
    median = frames.median()[SDR]
    exact = np.isnan(median) & np.isposinf(frames.sdr).any(axis=1)  # no median has such frames
    found = {SDR: np.where(exact, np.inf, median), **whole_track(y_true, y_pred)}
    of_sources = {
        metric: dict(zip(there, values.tolist(), strict=True)) for metric, values in found.items()
    }
    # A loss has the whole mixture, and a source's value is of its own estimate alone.
    nothing = np.zeros_like(y_true[0])
    y_true = np.stack([true[name] for name in sources])
    y_pred = np.stack([estimates.get(name, nothing) for name in sources])
    read = loss_readings(list(metrics), y_true, y_pred, audio=audio)
    for metric, values in read.of_sources.items():
        pairs = zip(sources, values.tolist(), strict=True)
        of_sources[metric] = {name: value for name, value in pairs if name in there}
    whole = len(there) == len(sources)
    together = {name: x if whole else float("nan") for name, x in read.together.items()}
    return Scores(of_sources, together)


@dataclass(frozen=True)
class Board:
    """Scores of several methods.

    Args:
        methods: sequence of str. Names of the methods.
        sources: sequence of str. Names of the sources.
        values: mapping. `[methods, sources]` for each metric; NaN where there is no score.
        together: mapping. `[methods]` for each metric of all sources together.

    Example:
        >>> nan = float("nan")
        >>> values = np.array([[5.0, nan, 3.0], [6.0, nan, nan]])
        >>> board = Board(["a", "b"], ["vocals", "drums", "bass"], {"sdr": values}, {})
        >>> board.mean("sdr")  # nobody has a score of the drums
        array([ 4., nan])
    """

    methods: Sequence[str]
    sources: Sequence[str]
    values: Mapping[str, np.ndarray]
    together: Mapping[str, np.ndarray]

    @property
    def metrics(self) -> list[str]:
        """Names of all metrics, losses in the order of the catalogue after the ratios."""
        known = [*self.values, *self.together]
        read = [name for name in losses.names() if name in known]
        return [name for name in known if name not in read] + read

    def mean(self, metric: str) -> np.ndarray:
        """`[methods]`: the mean of the sources, or the value of all sources together.

        Sources of which no method has a score are left out. A method that has no score of another
        one is NaN: means of different sources are not to be compared.
        """
        if metric in self.together:
            return self.together[metric]
        return _mean(self.values[metric].T[:, :, np.newaxis])[:, 0]

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row for each method and source, and one for the mean of sources."""
        for place, method in enumerate(self.methods):
            for index, source in enumerate(self.sources):
                values = {x: float(self.values[x][place, index]) for x in self.values}
                yield {"method": method, "source": source, **values}
            means = {metric: float(self.mean(metric)[place]) for metric in self.metrics}
            yield {"method": method, "source": MEAN, **means}


def board(scores: Mapping[str, Scores], methods: Sequence[str], sources: Sequence[str]) -> Board:
    """The scores of an excerpt.

    Args:
        scores: mapping. The scores of the methods that have some.
        methods: sequence of str. Names of all methods.
        sources: sequence of str. Names of all sources.
    """
    metrics = dict.fromkeys(metric for x in scores.values() for metric in x.of_sources)
    together = dict.fromkeys(metric for x in scores.values() for metric in x.together)
    nan, empty = float("nan"), Scores({}, {})
    own = [scores.get(method, empty) for method in methods]
    return Board(
        methods,
        sources,
        {
            m: np.array([[x.of_sources.get(m, {}).get(s, nan) for s in sources] for x in own])
            for m in metrics
        },
        {m: np.array([x.together.get(m, nan) for x in own]) for m in together},
    )


def average(boards: Sequence[Board]) -> Board:
    """The means over excerpts.

    Excerpts in which no method has a score of a source are left out of its mean. A method that
    has no score in another one has no mean: it would be of other music than those of the others.

    Args:
        boards: sequence of Board. Those of the excerpts, of the same methods and sources.
    """
    first = boards[0]
    metrics = dict.fromkeys(metric for one in boards for metric in one.values)
    together = dict.fromkeys(metric for one in boards for metric in one.together)
    nothing = np.full([len(first.methods), len(first.sources)], np.nan)
    return Board(
        first.methods,
        first.sources,
        {m: _mean(np.array([one.values.get(m, nothing) for one in boards])) for m in metrics},
        {
            m: _mean(np.array([one.together.get(m, nothing[:, 0]) for one in boards])[..., None])[
                :, 0
            ]
            for m in together
        },
    )


def counts(boards: Sequence[Board], metric: str) -> np.ndarray:
    """`[sources]`: of how many excerpts the mean of a source is.

    Args:
        boards: sequence of Board. Those of the excerpts, of the same methods and sources.
        metric: str. A metric that sources have one by one.
    """
    nothing = np.full([len(boards[0].methods), len(boards[0].sources)], np.nan)
    known = np.isfinite([one.values.get(metric, nothing) for one in boards])
    return known.any(axis=1).sum(axis=0)


def _mean(values: np.ndarray) -> np.ndarray:
    # [n, methods, sources] → [methods, sources], over those n that some method has a value of.
    known = ~np.isnan(values).all(axis=1, keepdims=True)
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
