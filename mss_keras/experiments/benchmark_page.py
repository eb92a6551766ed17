"""The benchmark's page: its table and pictures, and excerpts through every separator."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mss_keras.config import flag_name, respelled
from mss_keras.evaluation.comparing.examples import Comparison
from mss_keras.evaluation.comparing.pages import best_of
from mss_keras.experiments import benchmark_report
from mss_keras.experiments.benchmark_report import Outcome
from mss_keras.reports.pages import Page, Picture, Section, Table, write_page
from mss_keras.reports.tables import as_cells

PAGE = "report.html"
_FILES = {"table (CSV)": "table.csv", "table (LaTeX)": "table.tex"}
_HEATMAP = "Each loss that was trained, by its SDR and by every loss read as a metric."
_BOXES = "SDR of each track (median of its frames), for each source and loss."


def write(
    outcomes: Mapping[str, Outcome],
    output: Path,
    *,
    demonstration: bool,
    comparison: Comparison | None = None,
) -> None:
    """Writes `report.html`, which shows the pictures that are in the folder.

    Args:
        outcomes: the outcome of each loss, by its name.
        output: folder of the benchmark.
        demonstration: whether the page says that it is a demonstration.
        comparison: what there is to listen to. Defaults to nothing.
    """
    warnings = [benchmark_report.DEMONSTRATION] if demonstration else []
    pictures = {
        "heatmap.png": ("Heat map of losses trained against metrics", _HEATMAP),
        "boxes.png": ("Box plots of the SDR of tracks, for each source and loss", _BOXES),
    }
    shown = [
        Picture((output / name).read_bytes(), *texts)
        for name, texts in pictures.items()
        if (output / name).exists() and any(x.tracks for x in outcomes.values())
    ]
    done = [name for name, outcome in outcomes.items() if outcome.tracks]
    sections = [
        Section(
            "Losses and metrics",
            [*shown, benchmark_report.CAPTION, _table(outcomes), *_notes(outcomes)],
        )
    ]
    if comparison:
        sections.append(_listen(comparison))
    page = Page(
        "Benchmark of losses",
        sections,
        answer=_answer(outcomes, done),
        warnings=warnings,
        links=_FILES,
    )
    write_page(page, output / PAGE)


def _table(outcomes: Mapping[str, Outcome]) -> Table:
    rows = benchmark_report.rows(outcomes, "")
    shown = [  # with the names of the rows first
        {"loss": row["loss"], **{name: x for name, x in row.items() if name != "note"}}
        for row in rows
    ]
    return Table("All losses", list(shown[0]), as_cells(shown), texts=["domain"])


def _notes(outcomes: Mapping[str, Outcome]) -> list[list[str]]:
    # Below the table: in a cell they would be a column as narrow as it is long.
    rows = [row for row in benchmark_report.rows(outcomes, "") if row["note"]]
    notes = [f"{row['loss']}: {respelled(row['note'], flag_name)}" for row in rows]
    return [notes] if notes else []


def _listen(comparison: Comparison) -> Section:
    listen = comparison.examples()
    note = (
        f"Scores below are of {comparison.length}, by which losses are not to be judged: the table "
        "above is of whole songs."
    )
    return Section(listen.title, [note, *listen.parts])


def _answer(outcomes: Mapping[str, Outcome], done: Sequence[str]) -> str:
    rows = benchmark_report.rows(outcomes, "")
    means = {row["loss"]: row[benchmark_report.MEAN] for row in rows}
    known = {name: means[name] for name in done if means[name] == means[name]}
    count = f"{len(done)} of {len(outcomes)} losses are trained and scored."
    if len(known) < 2:
        return count
    return f"{count} {best_of(known)}."
