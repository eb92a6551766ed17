"""The report of an analysis, as a page."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mss_keras.listening import wording
from mss_keras.listening.analysis import Analysis
from mss_keras.listening.correlations import ALL, records
from mss_keras.reports.pages import Page, Picture, Section, Table

_TITLE = "Which metric agrees with listeners?"


def page(analysis: Analysis, pictures: Mapping[str, Picture]) -> Page:
    """The page.

    Args:
        analysis: Analysis. What it tells.
        pictures: mapping. `mos`, `correlations` and `scatter`; the latter two where a
            metric has a correlation.
    """
    return Page(
        _TITLE,
        [
            _part(analysis),
            _correlations(analysis, pictures),
            Section("Mean ratings", [pictures["mos"], _means(analysis)]),
            Section("Listeners", [wording.agreement(analysis), _listeners(analysis)]),
            _left_out(analysis),
            Section("How it was computed", [wording.methods(analysis)]),
        ],
        answer=wording.answer(analysis),
        warnings=wording.warnings(analysis),
    )


def _part(analysis: Analysis) -> Section:
    notes = ["To be known when reading:", analysis.notes] if analysis.notes else []
    return Section("What took part", [wording.facts(analysis), *notes])


def _correlations(analysis: Analysis, pictures: Mapping[str, Picture]) -> Section:
    title = "Which metric agrees with the listeners"
    if not analysis.correlations.known:
        return Section(title, ["No metric has a correlation with the ratings."])
    tables = [_ranking(analysis), *_sources(analysis)]
    return Section(title, [pictures["correlations"], *tables, pictures["scatter"]])


def _left_out(analysis: Analysis) -> Section:
    rows = [list(map(str, row)) for row in wording.excluded(analysis)]
    found = Table("Left out", ["what", "why"], rows, texts=["why"])
    said = [wording.screening(analysis), analysis.screening.rules]
    return Section(
        "What was left out, and why", [*said, found if rows else "Nothing was left out."]
    )


def _ranking(analysis: Analysis) -> Table:
    found = analysis.correlations
    names = sorted(wording.COEFFICIENTS, key=lambda name: name != found.rank_by)
    cells = _cells(found.table[found.table["source"] == ALL], "metric", "coefficient")
    compared = records(found.ranking())
    rows = [
        [
            row["metric"],
            "" if np.isnan(row["rank"]) else f"{row['rank']:.0f}",
            *(cells[row["metric"], name] for name in names),
            wording.rounded(row["first"]) if len(compared) > 1 else "",
            str(row["stimuli"]),
            str(row["missing"]),
        ]
        for row in compared
    ]
    columns = ["metric", "rank", *(wording.COEFFICIENTS[name] for name in names)]
    return Table(
        "All sources together: agreement with the ratings, with intervals",
        [*columns, "first in", "stimuli", "without score"],
        rows,
    )


def _sources(analysis: Analysis) -> list[Table]:
    # None where there is one source.
    found = analysis.correlations
    sources = found.sources
    if not sources:
        return []
    cells = _cells(found.table[found.table["coefficient"] == found.rank_by], "metric", "source")
    rows = [
        [metric, *(cells[metric, source] for source in sources)]
        for metric in found.ranking()["metric"]
    ]
    caption = f"{wording.COEFFICIENTS[found.rank_by]} of each source"
    return [Table(caption, ["metric", *sources], rows)]


def _means(analysis: Analysis) -> Table:
    means = analysis.means.rename(columns={"mean": "value"})
    cells = _cells(means, "kind", "source", form=".1f")
    sources = list(means["source"].unique())
    first = means[means["source"] == sources[0]].sort_values("value", ascending=False)
    rows = [
        [
            row["kind"],
            *(cells.get((row["kind"], source), "") for source in sources),
            str(row["ratings"]),
            row["unit"],
        ]
        for row in records(first)
    ]
    columns = ["stimulus", *sources, "ratings", "intervals over"]
    return Table("Mean rating, with intervals", columns, rows)


def _listeners(analysis: Analysis) -> Table:
    rows = [
        [
            row["listener"][:8],
            str(row["ratings"]),
            f"{row['missed references']} of {row['references']}",
            f"{row['missed anchors']} of {row['anchors']}",
            "none" if np.isnan(row["with others"]) else f"{row['with others']:.2f}",
            row["headphones"] or "none",
            "yes" if row["simulated"] else "no",
            row["left out"] or "no",
        ]
        for row in records(analysis.listeners)
    ]
    columns = ["listener", "ratings", "references missed", "anchors missed", "with others"]
    return Table(
        "Each listener; 'with others' is Spearman's correlation with the mean of the others",
        [*columns, "headphone check", "simulated", "left out"],
        rows,
        texts=["left out"],
    )


def _cells(
    table: pd.DataFrame, row: str, column: str, *, form: str = ".2f"
) -> dict[tuple[str, str], str]:
    # `value [low, high]` by the values of two columns.
    cells = {}
    for found in records(table):
        ends = "" if np.isnan(found["low"]) else f" [{found['low']:{form}}, {found['high']:{form}}]"
        text = "none" if np.isnan(found["value"]) else f"{found['value']:{form}}{ends}"
        cells[found[row], found[column]] = text
    return cells
