"""The page and the table of a comparison."""

from collections.abc import Sequence
from typing import Any

from mss_keras.evaluation.comparing.examples import Comparison
from mss_keras.evaluation.comparing.scores import MEAN, SDR
from mss_keras.reports.pages import Page, Section
from mss_keras.reports.tables import counted

PAGE, TABLE = "compare.html", "compare.csv"
_WHOLE = "evaluate scores whole songs, which these excerpts cannot replace."


def page(comparison: Comparison, *, notes: Sequence[str] = ()) -> Page:
    """The page of a comparison.

    Args:
        comparison: Comparison. What was heard.
        notes: sequence of str. What else has to be known. Defaults to nothing.
    """
    means = comparison.means()
    sections = [comparison.examples()]
    if means:
        sections.insert(0, Section("Mean over the examples", means))
    made = [
        f"These are scores of {comparison.length}. {_WHOLE}",
        "An excerpt begins where the most sources of the song are loud enough to be judged. Models "
        "hear the song around it, as when they separate the song; oracles are given the true "
        "sources of the excerpt alone.",
        "Losses have their default hyper-parameters; a value is the mean of the sources.",
        *notes,
    ]
    return Page(
        f"{counted(len(comparison.competing), 'separator')} compared",
        [*sections, Section("How this was made", [made])],
        answer=answer(comparison),
        links={"all scores (CSV)": TABLE},
    )


def answer(comparison: Comparison) -> str:
    """What a comparison says, in a sentence or two."""
    board = comparison.mean
    means = dict(zip(board.methods, board.mean(SDR).tolist(), strict=True)) if board.values else {}
    known = {name: x for name, x in means.items() if name in comparison.competing and x == x}
    over = f"over {comparison.length}"
    if len(known) < 2:
        return f"Listen to {over.removeprefix('over ')}. {_WHOLE}"
    best = max(known, key=lambda name: known[name])
    return f"{best} has the highest mean SDR {over}: {known[best]:.2f} dB. {_WHOLE}"


def rows(comparison: Comparison) -> list[dict[str, Any]]:
    """The rows of the table: each excerpt, method and source, and the means over excerpts."""
    table = []
    for one, board in zip(comparison.heard, comparison.boards, strict=True):
        excerpt = one.chosen.excerpt
        where = {"track": excerpt.track.name, "start": excerpt.start, "seconds": excerpt.seconds}
        table += [{**where, **row} for row in board.rows()]
    if len(comparison.heard) > 1:
        table += [{"track": MEAN, **row} for row in comparison.mean.rows()]
    return table
