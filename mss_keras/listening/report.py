"""The report of an analysis: one HTML page that holds all it shows."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from mss_keras.listening import wording
from mss_keras.listening.analysis import Analysis
from mss_keras.listening.correlations import ALL, records

_TITLE = "Which metric agrees with listeners?"


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Args:
        caption: str. What it shows.
        columns: sequence of str. Names of the columns; the first has the names of the rows.
        rows: sequence of sequence of str. The cells.
        texts: sequence of str. Columns of words rather than numbers. Defaults to none.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: Sequence[str] = ()


@dataclass(frozen=True)
class Picture:
    """A picture of the page.

    Args:
        png: bytes. The PNG file.
        alt: str. What it shows, for who does not see it.
        caption: str. Stands below.
    """

    png: bytes
    alt: str
    caption: str

    @property
    def data(self) -> str:
        """The picture as an address."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()

    @property
    def width(self) -> int:
        """Width in pixels, as the file says."""
        return int.from_bytes(self.png[16:20])

    @property
    def height(self) -> int:
        """Height in pixels, as the file says."""
        return int.from_bytes(self.png[20:24])


def page(analysis: Analysis, pictures: Mapping[str, Picture]) -> str:
    """The page, as HTML that needs nothing else.

    Args:
        analysis: Analysis. What it tells.
        pictures: mapping. `mos`, `correlations` and `scatter`; the latter two where a
            metric has a correlation.
    """
    here = resources.files("mss_keras.listening")
    style = (here / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    template = environment.from_string((here / "report.html.jinja").read_text(encoding="utf-8"))
    screening = analysis.screening
    return template.render(
        title=_TITLE,
        style=style,
        style_hash=f"sha256-{digest}",
        warnings=wording.warnings(analysis),
        answer=wording.answer(analysis),
        facts=wording.facts(analysis),
        notes=analysis.notes,
        agreement=wording.agreement(analysis),
        screening=wording.screening(analysis),
        rules=screening.rules,
        excluded=bool(screening.excluded or analysis.skipped),
        correlated=analysis.correlations.known,
        methods=wording.methods(analysis),
        pictures=pictures,
        tables=_tables(analysis),
    )


def _tables(analysis: Analysis) -> dict[str, Any]:
    return {
        "ranking": _ranking(analysis),
        "sources": _sources(analysis),
        "means": _means(analysis),
        "listeners": _listeners(analysis),
        "excluded": Table(
            "Left out",
            ["what", "why"],
            [list(map(str, row)) for row in wording.excluded(analysis)],
            texts=["why"],
        ),
    }


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


def _sources(analysis: Analysis) -> Table | None:
    found = analysis.correlations
    sources = found.sources
    if not sources:
        return None
    cells = _cells(found.table[found.table["coefficient"] == found.rank_by], "metric", "source")
    rows = [
        [metric, *(cells[metric, source] for source in sources)]
        for metric in found.ranking()["metric"]
    ]
    return Table(
        f"{wording.COEFFICIENTS[found.rank_by]} of each source", ["metric", *sources], rows
    )


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
