"""What an analysis says, in sentences: for the terminal and for the report."""

from collections.abc import Mapping

import numpy as np

from mss_keras.listening.analysis import Analysis

COEFFICIENTS: Mapping[str, str] = {
    "spearman": "Spearman's ρ",
    "pearson": "Pearson's r",
    "kendall": "Kendall's τ",
}


# Share of samples in which a metric has to be first to be named beside the best.
_RIVAL = 0.05


def percent(share: float) -> str:
    """A share in per cent, of which nothing is rounded away.

    Example:
        >>> percent(0.95), percent(0.995)
        ('95%', '99.5%')
    """
    return f"{100 * share:g}%"


def rounded(share: float) -> str:
    """A share in whole per cent; neither none nor all of something that is not.

    Example:
        >>> rounded(0.123), rounded(0.998), rounded(1.0)
        ('12%', 'over 99%', '100%')
    """
    if 0 < share < 0.005:
        return "under 1%"
    return "over 99%" if 0.995 <= share < 1 else f"{100 * share:.0f}%"


def warnings(analysis: Analysis) -> list[str]:
    """What has to be read before anything else."""
    lines = [analysis.simulated] if analysis.simulated else []
    if analysis.key.demonstration:
        lines.append("Demonstration: a few seconds of one song. It says nothing about any metric.")
    return lines


def answer(analysis: Analysis) -> str:
    """Which metric agrees best, and how surely."""
    found = analysis.correlations
    ranking = found.ranking()
    ranking = ranking[np.isfinite(ranking["value"])]
    if ranking.empty:
        return "No metric has a correlation with the ratings: there are too few, or all are alike."
    best = ranking.iloc[0]
    names = list(ranking.loc[ranking["rank"] == best["rank"], "metric"])
    name = COEFFICIENTS[found.rank_by]
    sure = percent(analysis.settings.confidence)
    interval = (
        f", {sure} interval {best['low']:.2f} to {best['high']:.2f}"
        if np.isfinite(best["low"])
        else ""
    )
    value = f"({name} {best['value']:.2f}{interval})"
    if best["value"] <= 0:
        text = f"No metric agrees with the ratings; the first {value}: {' and '.join(names)}."
    elif len(ranking) == 1:
        text = f"{names[0]} agrees with the ratings {value}; no other metric has a correlation."
    else:
        agree = f"{names[0]} agrees" if len(names) == 1 else f"{' and '.join(names)} agree"
        text = f"{agree} best with the ratings {value}."
    if ranking["missing"].nunique() > 1:
        text += " Not all metrics have scores of the same stimuli: their ranks compare unlike ones."
    rivals = ranking[ranking["first"] >= _RIVAL].sort_values("first", ascending=False)
    if rivals.empty or len(ranking) == 1 or np.isnan(best["low"]):
        return text
    first = ", ".join(f"{x.metric} in {rounded(x.first)}" for x in rivals.head(4).itertuples())
    return f"{text} In samples of excerpts drawn anew, first is {first}."


def facts(analysis: Analysis) -> list[str]:
    """How many listeners, excerpts, systems and ratings took part."""
    ratings = analysis.ratings
    kept = ratings[ratings["kept"]]
    of, scale = ratings["listener"].nunique(), analysis.key.scale
    low, high = analysis.key.range
    songs = kept["song"].nunique()
    names = {"mushra": "MUSHRA", "mos": "MOS"}
    compared = list(dict.fromkeys(analysis.items["kind"]))
    return [
        f"Listeners: {kept['listener'].nunique()} of {of}",
        f"Ratings: {len(kept)} of {len(ratings)}, {names[scale]}, {low} to {high}",
        f"Excerpts: {kept['track'].nunique()}, songs: {songs}; "
        f"sources: {', '.join(analysis.key.sources)}",
        f"Compared with metrics: {len(analysis.items)} stimuli of {', '.join(compared)}; hidden "
        "reference and anchor take no part",
        f"Metrics: {analysis.correlations.table['metric'].nunique()}",
    ]


def agreement(analysis: Analysis) -> list[str]:
    """How far listeners agree."""
    found = analysis.agreement
    if np.isnan(found.kendalls_w):
        alike = min(found.listeners, found.stimuli) > 1
        return [
            f"Agreement of listeners cannot be told; listeners: {found.listeners}, stimuli that "
            f"all of them rated: {found.stimuli}{', all alike' if alike else ''}."
        ]
    whole = ""
    if found.incomplete:
        whole = f", without {found.incomplete} who did not rate all,"
    return [
        f"Over {found.stimuli} stimuli that all {found.listeners} listeners{whole} rated: "
        f"Kendall's W {found.kendalls_w:.2f} (1: all rank them alike; 0: no common order)",
        f"ICC(2,1) {found.icc_single:.2f}: how reliable one listener's ratings are; "
        f"ICC(2,{found.listeners}) {found.icc_mean:.2f}: how reliable their mean is",
    ]


def screening(analysis: Analysis) -> str:
    """By what rules listeners are left out, and how many are."""
    if analysis.settings.keep_all:
        return "All listeners are kept, as was asked for."
    count = len(analysis.screening.excluded)
    are = "is" if count == 1 else "are"
    return f"{count} of {len(analysis.listeners)} listeners {are} left out, by these rules:"


def excluded(analysis: Analysis) -> list[tuple[str, str]]:
    """What was left out, and why: files first, then listeners."""
    people = analysis.screening.excluded.items()
    return [*analysis.skipped, *((f"listener {name}", why) for name, why in people)]


def methods(analysis: Analysis) -> list[str]:
    """How the numbers were computed."""
    settings, table = analysis.settings, analysis.correlations.table
    losses = "signs of losses are turned, so that a positive value is agreement"
    sure = percent(settings.confidence)
    lines = [
        "Mean ratings of systems: the mean of listeners' means, with Student's interval over "
        f"listeners ({sure}).",
        "Correlations: each metric with the mean ratings of stimuli, by Pearson, Spearman and "
        f"Kendall (τ-b); {losses}.",
        f"Their intervals ({sure}): {settings.resamples} samples of excerpts drawn anew, each with "
        "all its stimuli, by Fisher's z and Student's t. They hold for other excerpts, by these "
        "listeners. A correlation of 1 or -1 has none.",
        "Excerpts count as independent, those of one song, too: with few songs, intervals are too "
        "narrow for other songs.",
        "Metrics score the estimates as they were separated; listeners heard all stimuli of a "
        "trial equally loud, so that a wrong level, which costs some metrics much, was not heard.",
        "'first in': the share of these samples in which the metric agrees best.",
        "All sources together: stimuli of all sources in one correlation; levels of a metric that "
        "differ from source to source count, too.",
    ]
    if analysis.incomplete:
        lines.append(
            "Mean ratings of stimuli, where ratings are missing: a rating is the sum of a "
            "stimulus's worth and a listener's level, by least squares; the mean is the worth."
        )
    if analysis.together:
        lines.append(
            f"{', '.join(analysis.together)}: values of all sources of an excerpt together, which "
            "stand for each of its sources."
        )
    if missing := int(table.loc[table["coefficient"] == "kendall", "missing"].max()):
        lines.append(
            f"Stimuli without a score, {missing} at most, take no part in a metric's correlation; "
            "the table counts them."
        )
    return lines
