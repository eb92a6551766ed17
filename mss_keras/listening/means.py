"""Mean opinion scores with intervals, and how far listeners agree."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.stats

from mss_keras.listening.coefficients import value
from mss_keras.listening.correlations import ALL


def mean_ratings(ratings: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Mean ratings of each kind of stimulus, for each source and all together.

    The mean is that of listeners, each of whom counts by the mean of all that they rated, and the
    t-interval is over listeners. A single listener's interval is over excerpts: it says nothing
    of other listeners.

    Args:
        ratings: DataFrame. A row for each rating: `listener`, `track`, `source`, `kind`, `rating`.
        confidence: float. Of the intervals, 0 to 1.

    Returns:
        A row for each source, or `ALL`, and kind: `mean`, `low`, `high`, `unit` (what the interval
        is over), `listeners`, `excerpts` and `ratings`: how many. Ends are NaN of a single unit.
    """
    rows = []
    sources = list(dict.fromkeys(ratings["source"]))
    for scope in [ALL, *sources] if len(sources) > 1 else [ALL]:
        chosen = ratings if scope == ALL else ratings[ratings["source"] == scope]
        for kind in dict.fromkeys(chosen["kind"]):
            own = chosen[chosen["kind"] == kind]
            unit = "listener" if own["listener"].nunique() > 1 else "track"
            means = own.groupby(unit)["rating"].mean().to_numpy()
            low, high = t_interval(means, confidence)
            rows.append(
                {
                    "source": scope,
                    "kind": kind,
                    "mean": means.mean(),
                    "low": low,
                    "high": high,
                    "unit": "listeners" if unit == "listener" else "excerpts",
                    "listeners": own["listener"].nunique(),
                    "excerpts": own["track"].nunique(),
                    "ratings": len(own),
                }
            )
    return pd.DataFrame(rows)


def stimulus_means(ratings: pd.DataFrame) -> pd.Series:
    """The mean rating of each stimulus, as if all listeners had rated all.

    Where ratings are missing, a stimulus that a severe listener left out would be the better for
    it. A rating is then the sum of what the stimulus is worth and of the listener's own level, by
    least squares, and the mean is that of the worths. Levels have the mean 0; of listeners who
    have no stimulus in common, each group by itself.

    Args:
        ratings: DataFrame. A row for each rating: `listener`, `stimulus`, `rating`.

    Returns:
        A value for each stimulus, by its id.

    Example:
        >>> rows = [("a", "x", 40), ("a", "y", 50), ("b", "x", 60)]  # b is milder by 20
        >>> table = pd.DataFrame(rows, columns=["listener", "stimulus", "rating"])
        >>> stimulus_means(table).round(6).to_dict()
        {'x': 50.0, 'y': 60.0}
    """
    table = ratings.pivot(index="stimulus", columns="listener", values="rating").astype(float)
    means = table.mean(axis=1).rename("rating")
    there = table.notna().to_numpy(float)  # [stimuli, listeners]
    if there.all():
        return means
    # Of the normal equations, with the stimuli's part taken out.
    share = there / there.sum(axis=1, keepdims=True)
    apart = table.sub(means, axis=0).fillna(0).to_numpy()
    levels = np.linalg.lstsq(
        np.diag(there.sum(axis=0)) - there.T @ share, apart.sum(axis=0), rcond=1e-10
    )[0]
    return (means - share @ levels).round(9)  # so that equal ones are equal


def t_interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Student's interval of a mean; NaN of a single value, the value itself of equal ones.

    Example:
        >>> low, high = t_interval(np.array([1.0, 2.0, 3.0]), 0.95)
        >>> round(low, 2), round(high, 2)
        (-0.48, 4.48)
    """
    if len(values) < 2:
        return np.nan, np.nan
    error = scipy.stats.sem(values)
    half = error * scipy.stats.t.ppf((1 + confidence) / 2, len(values) - 1)
    return float(values.mean() - half), float(values.mean() + half)


@dataclass(frozen=True)
class Agreement:
    """How far listeners agree, over the stimuli that all of them rated.

    Args:
        listeners: int. How many; without those who are `incomplete`.
        stimuli: int. How many stimuli all of them rated.
        kendalls_w: float. Kendall's coefficient of concordance, corrected for ties: 1 where all
            rank the stimuli alike, 0 where no order is common.
        icc_single: float. ICC(2,1): how reliable one listener's ratings are, level included.
        icc_mean: float. ICC(2,k): how reliable the mean of these listeners is.
        incomplete: int. How many are left out of this since they did not rate all. Defaults to
            `0`.
    """

    listeners: int
    stimuli: int
    kendalls_w: float
    icc_single: float
    icc_mean: float
    incomplete: int = 0


def agreement(ratings: pd.DataFrame) -> Agreement:
    """Agreement of listeners; NaN with fewer than 2 listeners or stimuli that all rated.

    Who did not rate all takes no part, where two others did: somebody who stopped early would
    leave next to no stimuli that all rated.

    Args:
        ratings: DataFrame. A row for each rating: `listener`, `stimulus`, `rating`.

    Reference:
        Kendall and Babington Smith, "The Problem of m Rankings", 1939. Shrout and Fleiss,
        "Intraclass Correlations: Uses in Assessing Rater Reliability", 1979.
    """
    table = ratings.pivot(index="stimulus", columns="listener", values="rating")
    whole = table.dropna(axis=1)
    incomplete = table.shape[1] - whole.shape[1] if whole.shape[1] > 1 else 0
    values = (whole if incomplete else table.dropna()).to_numpy(float)  # [stimuli, listeners]
    stimuli, listeners = values.shape
    found = (np.nan, np.nan, np.nan)
    if stimuli > 1 and listeners > 1:
        found = (_kendalls_w(values), *_icc(values))
    return Agreement(listeners, stimuli, *found, incomplete)


def _kendalls_w(values: np.ndarray) -> float:
    n, m = values.shape
    ranks = scipy.stats.rankdata(values, axis=0)
    spread = np.sum((ranks.sum(axis=1) - m * (n + 1) / 2) ** 2)
    ties = sum(
        np.sum(counts**3 - counts)
        for counts in (np.unique(column, return_counts=True)[1] for column in values.T)
    )
    most = m**2 * (n**3 - n) - m * ties
    return float(12 * spread / most) if most > 0 else np.nan


def _icc(values: np.ndarray) -> tuple[float, float]:
    n, m = values.shape
    mean = values.mean()
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    of_rows = m * np.sum((rows - mean) ** 2) / (n - 1)
    of_columns = n * np.sum((columns - mean) ** 2) / (m - 1)
    rest = values - rows[:, None] - columns + mean
    error = np.sum(rest**2) / ((n - 1) * (m - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        single = (of_rows - error) / (of_rows + (m - 1) * error + m * (of_columns - error) / n)
        many = (of_rows - error) / (of_rows + (of_columns - error) / n)
    return float(single), float(many)


def with_others(ratings: pd.DataFrame) -> pd.Series:
    """Spearman's correlation of each listener with the mean of the others.

    Args:
        ratings: DataFrame. A row for each rating: `listener`, `stimulus`, `rating`.

    Returns:
        A value for each listener; NaN where fewer than 3 stimuli are in common, or all are rated
        alike.
    """
    table = ratings.pivot(index="stimulus", columns="listener", values="rating").astype(float)
    found = {}
    for listener in table:
        others = table.drop(columns=listener).mean(axis=1)
        pair = pd.DataFrame({"own": table[listener], "others": others}).dropna().to_numpy()
        found[listener] = value("spearman", pair[:, 0], pair[:, 1])
    return pd.Series(found, dtype=float, name="with others")
