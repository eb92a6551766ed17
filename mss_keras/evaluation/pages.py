"""The page of an evaluation: tables, box plots, and excerpts to listen to."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mss_keras import losses
from mss_keras.config import flag_name, respelled
from mss_keras.evaluation import tables
from mss_keras.evaluation.comparing.examples import Comparison
from mss_keras.evaluation.tables import Scores
from mss_keras.metrics import TrackScores
from mss_keras.reports.pages import Page, Picture, Section, Table, write_page
from mss_keras.reports.tables import as_cells, counted

PAGE = "report.html"
_FILES = {"every track (CSV)": "tracks.csv", "summary (CSV)": "summary.csv"}


@dataclass(frozen=True)
class Report:
    """What the page of an evaluation shows.

    Args:
        scores: mapping. The scored tracks of each method.
        subset: str. Split of the data set.
        notes: sequence of str. What failed or has no score, in lines.
        comparison: Comparison or None. What there is to listen to. Defaults to `None`: nothing.
    """

    scores: Scores
    subset: str
    notes: Sequence[str]
    comparison: Comparison | None = None

    def write(self, output: Path) -> None:
        """Writes the page, which shows the picture that is in the folder.

        Args:
            output: Path. The folder of the evaluation.
        """
        picture = Picture(
            (output / "scores.png").read_bytes(),
            "Box plots of the SDR of tracks, for each source and method",
            "SDR of each track (median of its frames), for each source and method",
        )
        write_page(self.page(picture), output / PAGE)

    def page(self, picture: Picture) -> Page:
        """The page.

        Args:
            picture: Picture. The box plots.
        """
        table = tables.summary(self.scores)
        narrow = [{k: v for k, v in row.items() if k not in losses.names()} for row in table]
        sections = [
            Section("Scores", [_table(f"Summary: {tables.NOTE}", narrow), picture]),
            *self._losses(table),
            *self._extremes(),
        ]
        if self.comparison:
            note = f"Scores below are of {self.comparison.length}; those above are of whole songs."
            listen = self.comparison.examples()
            sections.append(Section(listen.title, [note, *listen.parts]))
        if self.notes:
            lines = [respelled(line, flag_name) for line in self.notes]
            sections.append(Section("What failed or has no score", [lines]))
        known = max(map(len, self.scores.values()))
        return Page(
            f"Evaluation on {counted(known, 'song')} ({self.subset})",
            sections,
            answer=_answer(table),
            links=_FILES,
        )

    def _losses(self, table: Sequence[Mapping]) -> list[Section]:
        rows = tables.of_losses(table)
        if not rows:
            return []
        return [Section("Losses read as metrics", [_table(tables.LOSSES, rows)])]

    def _extremes(self) -> list[Section]:
        rows = []
        for method, tracks in self.scores.items():
            found = {track.track: x for track in tracks if math.isfinite(x := _sdr(track))}
            if len(found) > 1:
                best, worst = max(found, key=found.__getitem__), min(found, key=found.__getitem__)
                rows.append([method, best, _decibels(found[best]), worst, _decibels(found[worst])])
        if not rows:
            return []
        columns = ["method", "best song", "its SDR, dB", "worst song", "its SDR, dB "]
        caption = "Songs with the best and the worst SDR (median of frames, mean of sources)"
        words = ["best song", "worst song"]
        return [Section("Best and worst", [Table(caption, columns, rows, texts=words)])]


def _answer(table: Sequence[Mapping]) -> str:
    means = [row for row in table if row["source"] == tables.MEAN and math.isfinite(row["sdr"])]
    return "; ".join(f"{row['method']}: mean SDR {_decibels(row['sdr'])} dB" for row in means)


def _sdr(track: TrackScores) -> float:
    return float(np.mean(track.medians()["sdr"]))


def _decibels(value: float) -> str:
    return f"{value:.2f}"


def _table(caption: str, rows: Sequence[Mapping]) -> Table:
    return Table(caption, list(rows[0]), as_cells(rows), texts=["source"])
