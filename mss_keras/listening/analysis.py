"""From ratings and scores to what they say together."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from mss_keras.config import CorrelationConfig, UserError
from mss_keras.config.listening import STIMULI
from mss_keras.listening.correlations import Correlations, correlate
from mss_keras.listening.key import Key
from mss_keras.listening.means import (
    Agreement,
    agreement,
    mean_ratings,
    stimulus_means,
    with_others,
)
from mss_keras.listening.ratings import Ratings
from mss_keras.listening.scores import Scores
from mss_keras.listening.screening import Screening, screen
from mss_keras.reports.tables import counted

_FEW_EXCERPTS = 8  # below that, intervals over excerpts are coarse
_TOO_FEW_EXCERPTS = 5  # below that, they hold the truth less often than they say


@dataclass(frozen=True, eq=False)
class Analysis:
    """What ratings say, and which metrics agree with them.

    Args:
        key: Key. The key of the test.
        settings: CorrelationConfig. What was asked for.
        ratings: DataFrame. A row for each rating, those of listeners left out included:
            `listener`, `simulated`, `kept`, `number`, `trial`, `track`, `song`, `source`,
            `stimulus`, `kind`, `rating`, `at`.
        screening: Screening. Who is left out.
        listeners: DataFrame. A row for each listener.
        means: DataFrame. See `mean_ratings`; of those who are kept.
        agreement: Agreement. Of those who are kept, about systems and mixture.
        items: DataFrame. Stimuli with mean rating and scores; see `correlate`.
        correlations: Correlations. Of metrics with the mean ratings.
        together: sequence of str. Metrics that look at all sources of an excerpt at once.
        skipped: sequence of tuple. Files and listeners that could not be read, and why.
        notes: sequence of str. What a reader has to know.
    """

    key: Key
    settings: CorrelationConfig
    ratings: pd.DataFrame
    screening: Screening
    listeners: pd.DataFrame
    means: pd.DataFrame
    agreement: Agreement
    items: pd.DataFrame
    correlations: Correlations
    together: Sequence[str]
    skipped: Sequence[tuple[str, str]]
    notes: Sequence[str]

    @property
    def incomplete(self) -> bool:
        """Whether some listeners who are kept did not rate all that is compared."""
        kept = self.ratings.loc[self.ratings["kept"], "listener"].nunique()
        return bool((self.items["ratings"] < kept).any())

    @property
    def simulated(self) -> str:
        """How much of it is simulated, as a sentence; empty where people rated."""
        made_up, of = int(self.listeners["simulated"].sum()), len(self.listeners)
        if self.key.simulated or made_up == of:
            return "Simulated: no person has heard this; the ratings are computed."
        are = "is" if made_up == 1 else "are"
        return f"{made_up} of {of} listeners {are} simulated." if made_up else ""


def table_of(ratings: Ratings, key: Key) -> pd.DataFrame:
    """Ratings as rows, with what each stimulus is.

    Args:
        ratings: Ratings. What listeners rated.
        key: Key. The key of the test.
    """
    trials = {trial.trial: trial for trial in key.trials}
    rows = []
    for listener in ratings.listeners:
        for rating in listener.ratings:
            trial = trials[rating.trial]
            rows.append(
                {
                    "listener": listener.listener,
                    "simulated": listener.simulated,
                    "number": rating.number,
                    "trial": rating.trial,
                    "track": trial.track,
                    "song": trial.song,
                    "source": trial.source,
                    "stimulus": rating.stimulus,
                    "kind": trial.stimuli[rating.stimulus],
                    "rating": rating.rating,
                    "at": rating.at,
                }
            )
    table = pd.DataFrame(rows)
    # In the order of the key, whose stimuli are sorted by ids that say nothing.
    orders = {"trial": list(trials), "kind": [*STIMULI, *key.systems]}
    return table.sort_values(
        list(orders),
        key=lambda column: column.map(orders[str(column.name)].index),
        kind="stable",
        ignore_index=True,
    )


def analyse(ratings: Ratings, scores: Scores, key: Key, *, settings: CorrelationConfig) -> Analysis:
    """Screens listeners, averages their ratings and correlates metrics with them.

    Args:
        ratings: Ratings. What listeners rated.
        scores: Scores. Of what was rated.
        key: Key. The key of the test.
        settings: CorrelationConfig. Rules, intervals and ranking.

    Raises:
        UserError: if the rules leave no listener, or no rated stimulus has a score.
    """
    table = table_of(ratings, key)
    screening = screen(table, key.scale, settings)
    table.insert(2, "kept", ~table["listener"].isin(list(screening.excluded)))
    kept = table[table["kept"]]
    if kept.empty:
        found = f"{len(screening.excluded)} listeners, all left out by the rules"
        raise UserError("ratings", found, "others, or `keep_all`")
    kinds = (["mixture"] if settings.mixture else []) + list(key.systems)
    compared = kept[kept["kind"].isin(kinds)]
    items = _items(compared, scores)
    if items.empty:
        raise UserError("ratings", "no rating of what has scores", "ratings of scored systems")
    listeners = _listeners(ratings, screening, compared)
    correlations = correlate(items, scores.metrics, settings)
    notes = [*ratings.notes, *scores.notes, *_notes(kept, items, key=key, kinds=kinds)]
    return Analysis(
        key=key,
        settings=settings,
        ratings=table,
        screening=screening,
        listeners=listeners,
        means=mean_ratings(kept, settings.confidence),
        agreement=agreement(compared),
        items=items,
        correlations=correlations,
        together=scores.together,
        skipped=ratings.skipped,
        notes=notes,
    )


def _items(compared: pd.DataFrame, scores: Scores) -> pd.DataFrame:
    # Rated stimuli of systems that have scores; a stimulus without a score is a row of NaN.
    place = ["trial", "track", "source", "kind"]
    grouped = compared.groupby([*place, "stimulus"], sort=False)["rating"]
    items = grouped.agg(ratings="count").reset_index()
    items.insert(len(place), "rating", items.pop("stimulus").map(stimulus_means(compared)))
    items = items[items["kind"].isin(scores.table["system"])]
    named = scores.table.rename(columns={"system": "kind"})
    return items.merge(named, on=["trial", "kind"], how="left", validate="one_to_one")


def _listeners(ratings: Ratings, screening: Screening, compared: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {
            "listener": listener.listener,
            "simulated": listener.simulated,
            "language": listener.language or "",
            "headphones": "{} of {}".format(*listener.headphones) if listener.headphones else "",
            "ratings": len(listener.ratings),
            "left out": screening.excluded.get(listener.listener, ""),
        }
        for listener in ratings.listeners
    ]
    table = pd.DataFrame(rows).set_index("listener").join(screening.table)
    return table.join(with_others(compared)).reset_index()


def _notes(kept: pd.DataFrame, items: pd.DataFrame, *, key: Key, kinds: Sequence[str]) -> list[str]:
    stimuli = sum(len(trial.stimuli) for trial in key.trials)
    wanted = stimuli * kept["listener"].nunique()
    notes = []
    if len(kept) < wanted:
        notes.append(
            f"{wanted - len(kept)} of {wanted} ratings are missing; mean ratings of stimuli are "
            "what they would be if listeners differed in level alone"
        )
    if kept["listener"].nunique() == 1:
        notes.append("a single listener: intervals of means are over excerpts, not over listeners")
    if items["kind"].nunique() == 1:
        notes.append(
            f"{items['kind'].iloc[0]} alone is compared: correlations tell whether metrics follow "
            "the ratings from excerpt to excerpt, not from system to system"
        )
    if (excerpts := items["track"].nunique()) < _FEW_EXCERPTS:
        notes.append(
            f"{counted(excerpts, 'excerpt')}: intervals over excerpts are coarse with so few"
        )
    of_source = items.groupby("source", sort=False)["track"].nunique()
    if few := list(of_source.index[of_source < _TOO_FEW_EXCERPTS]):
        notes.append(
            f"fewer than {_TOO_FEW_EXCERPTS} excerpts of {', '.join(few)}: intervals of a single "
            "source may be too narrow, and there is none of a correlation of 1"
        )
    unrated = {s for t in key.trials for s, kind in t.stimuli.items() if kind in kinds}
    if left := len(unrated - set(kept["stimulus"])):
        notes.append(f"rated by nobody who is kept: {left} of {len(unrated)} stimuli")
    return notes
