"""Which listeners are left out, by rules that are stated beforehand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from mss_keras.config import CorrelationConfig

# What a hidden reference has at least and an anchor at most, where nothing else is said.
_BORDERS: Mapping[str, float] = {"mushra": 90, "mos": 4}


@dataclass(frozen=True, eq=False)
class Screening:
    """What rules found.

    Args:
        rules: sequence of str. The rules, as sentences.
        excluded: mapping. Why each listener is left out who is.
        table: DataFrame. For each listener, `references` and `anchors`: how many were rated;
            `missed references` and `missed anchors`: how many of them were missed.
    """

    rules: Sequence[str]
    excluded: Mapping[str, str]
    table: pd.DataFrame


def screen(ratings: pd.DataFrame, scale: str, settings: CorrelationConfig) -> Screening:
    """Finds listeners who missed the hidden reference or the anchor in too many trials.

    For MUSHRA these are the rules of ITU-R BS.1534-3: a listener is left out who rates the hidden
    reference below 90, or the anchor above 90, in more than 15 % of the trials. For MOS, whose
    recommendations have no such rule, the border is 4 (good). Trials count in which the listener
    rated the stimulus; who rated no hidden reference is left out, for nothing is known of them.

    Args:
        ratings: DataFrame. A row for each rating, with `listener`, `kind` and `rating`; see
            `mss_keras.listening.analysis`.
        scale: str. A key of `SCALES`.
        settings: CorrelationConfig. Borders and shares; whether all are kept.

    Reference:
        ITU-R BS.1534-3, "Method for the subjective assessment of intermediate quality level of
        audio systems", 2015: post-screening of assessors.
    """
    low, high = settings.reference_below, settings.anchor_above
    low, high = (_BORDERS[scale] if border is None else border for border in (low, high))
    references = _missed(ratings, "reference", ratings["rating"] < low)
    anchors = _missed(ratings, "anchor", ratings["rating"] > high)
    table = pd.DataFrame(
        {
            "references": references["count"],
            "missed references": references["sum"],
            "anchors": anchors["count"],
            "missed anchors": anchors["sum"],
        },
        index=pd.Index(dict.fromkeys(ratings["listener"]), name="listener"),
    )
    table = table.fillna(0).astype(int)
    share, percent = settings.allowed_share, f"{100 * settings.allowed_share:g}%"
    rules = [
        f"hidden reference rated below {low:g} in more than {percent} of the trials",
        f"anchor rated above {high:g} in more than {percent} of the trials",
        "no hidden reference rated",
    ]
    excluded: dict[str, str] = {}
    for listener, row in table.iterrows():
        missed, of = row["missed references"], row["references"]
        if not of:
            excluded[str(listener)] = "rated no hidden reference"
        elif missed > share * of:
            excluded[str(listener)] = f"hidden reference below {low:g} in {missed} of {of} trials"
        elif row["missed anchors"] > share * row["anchors"]:
            missed, of = row["missed anchors"], row["anchors"]
            excluded[str(listener)] = f"anchor above {high:g} in {missed} of {of} trials"
    if settings.keep_all:
        rules, excluded = [], {}
    return Screening(rules, excluded, table)


def _missed(ratings: pd.DataFrame, kind: str, missed: pd.Series) -> pd.DataFrame:
    chosen = ratings["kind"] == kind
    return missed[chosen].groupby(ratings.loc[chosen, "listener"]).agg(["count", "sum"])
