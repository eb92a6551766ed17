"""How well each metric agrees with the mean ratings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mss_keras.config import CorrelationConfig
from mss_keras.listening.coefficients import COEFFICIENTS, interval, value
from mss_keras.listening.scores import sign_of

ALL = "all"  # all sources together


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as mappings.

    Example:
        >>> records(pd.DataFrame({"metric": ["sdr"], "value": [0.5]}))
        [{'metric': 'sdr', 'value': 0.5}]
    """
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


@dataclass(frozen=True, eq=False)
class Correlations:
    """Agreement of metrics with ratings.

    Args:
        table: DataFrame. A row for each source, or `ALL`, metric and coefficient: `value`,
            `low` and `high`, `rank` among the metrics, `first`: the share of samples drawn anew
            in which the metric is first, `stimuli` and `excerpts`: how many took part,
            `missing`: how many stimuli have no score. The sign is that of agreement: a loss that
            falls where ratings rise has a positive value.
        rank_by: str. The coefficient by which metrics are ranked.
    """

    table: pd.DataFrame
    rank_by: str

    @property
    def sources(self) -> list[str]:
        """The sources, where there are several: a single one's rows are those of `ALL`."""
        found = [source for source in self.table["source"].unique() if source != ALL]
        return found if len(found) > 1 else []

    @property
    def known(self) -> bool:
        """Whether any metric has a correlation, all sources together."""
        return bool(self.ranking()["value"].notna().any())

    def ranking(self, source: str = ALL) -> pd.DataFrame:
        """The metrics of a source, best first, those without a value last."""
        chosen = (self.table["source"] == source) & (self.table["coefficient"] == self.rank_by)
        return self.table[chosen].sort_values("rank", kind="stable")


def correlate(
    items: pd.DataFrame, metrics: Sequence[str], settings: CorrelationConfig
) -> Correlations:
    """Correlates metrics with mean ratings, for each source and all together.

    Intervals are over excerpts: samples are drawn anew of whole excerpts, with all their stimuli,
    since ratings of one excerpt are not independent.

    Args:
        items: DataFrame. A row for each rated stimulus: `track` (the excerpt), `source`,
            `rating` (the mean) and a column for each metric; NaN where there is no score.
        metrics: sequence of str. Names of the metrics.
        settings: CorrelationConfig. Coefficient of the ranking, draws and confidence.
    """
    sources = list(dict.fromkeys(items["source"]))
    rows = _of_scope(ALL, items, metrics=metrics, settings=settings)
    if len(sources) == 1:
        rows += [{**row, "source": sources[0]} for row in rows]
    else:
        for source in sources:
            own = items[items["source"] == source]
            rows += _of_scope(source, own, metrics=metrics, settings=settings)
    return Correlations(pd.DataFrame(rows), settings.rank_by)


def _of_scope(
    scope: str, items: pd.DataFrame, *, metrics: Sequence[str], settings: CorrelationConfig
) -> list[dict]:
    groups, names = pd.factorize(items["track"])
    counts = _draws(groups, len(names), settings)
    ratings = items["rating"].to_numpy(float)
    rows = []
    for name in COEFFICIENTS:
        own, drawn = [], []
        for metric in metrics:
            scores = sign_of(metric) * items[metric].to_numpy(float)
            known = np.isfinite(scores)
            x, y = scores[known], ratings[known]
            found = value(name, x, y)
            samples = COEFFICIENTS[name](x, y, counts[:, known])
            excerpts = len(np.unique(groups[known]))
            low, high = interval(found, samples, groups=excerpts, confidence=settings.confidence)
            drawn.append(samples)
            own.append(
                {
                    "source": scope,
                    "metric": metric,
                    "coefficient": name,
                    "value": found,
                    "low": low,
                    "high": high,
                    "stimuli": int(known.sum()),
                    "excerpts": excerpts,
                    "missing": int((~known).sum()),
                }
            )
        ranks = pd.Series([row["value"] for row in own]).rank(ascending=False, method="min")
        for row, rank, first in zip(own, ranks, _shares_first(np.array(drawn)), strict=True):
            rows.append({**row, "rank": rank, "first": first})
    return rows


def _draws(groups: np.ndarray, number: int, settings: CorrelationConfig) -> np.ndarray:
    # [draws, items]: how often each item is in each sample.
    generator = np.random.default_rng(settings.seed)
    chances = np.full(number, 1 / number)
    return generator.multinomial(number, chances, settings.resamples)[:, groups].astype(float)


def _shares_first(drawn: np.ndarray) -> np.ndarray:
    # [metrics, draws] → in which share of the draws each metric is first; equal ones share it.
    known = np.where(np.isfinite(drawn), drawn, -np.inf)
    best = (known == known.max(axis=0)) & np.isfinite(drawn)
    shared = best / np.maximum(best.sum(axis=0), 1)
    draws = np.isfinite(drawn).any(axis=0).sum()
    return shared.sum(axis=1) / max(draws, 1)
