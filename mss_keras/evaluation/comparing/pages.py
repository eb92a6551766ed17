"""The page and the table of a comparison."""

from collections.abc import Mapping, Sequence
from typing import Any

from mss_keras.evaluation.comparing.examples import Comparison
from mss_keras.evaluation.comparing.scores import MEAN, SDR
from mss_keras.evaluation.comparing.tables import rounded
from mss_keras.reports.pages import Page, Section
from mss_keras.reports.tables import counted

PAGE, TABLE = "compare.html", "compare.csv"
_WHOLE = "To judge them, evaluate scores whole songs."


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
        f"These are scores of {comparison.length}. SDR is the median of frames of a second; SI-SDR "
        "and losses are of all of an excerpt, and a loss is the mean of the sources. Losses have "
        "their default hyper-parameters.",
        "An excerpt begins where the most sources of the song are loud enough to be judged. Models "
        "hear the song around it, as when they separate the song; oracles are given the true "
        "sources of the excerpt alone.",
        "Oracles and the mixture are never called the best: they are no separators.",
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
    if len(known) < 2:
        return f"Listen to {comparison.length}. {_WHOLE}"
    return f"{best_of(known)} over {comparison.length_of_sdr}. {_WHOLE}"


def best_of(means: Mapping[str, float]) -> str:
    """A sentence about the best of some mean SDRs, dB, which may be several.

    Example:
        >>> best_of({"a": 1.0, "b": 2.0, "c": 2.001})
        'b and c have the highest mean SDR (2.00 dB)'
    """
    texts = {name: f"{rounded(x)} dB" for name, x in means.items()}
    best = texts[max(means, key=lambda name: means[name])]
    names = [name for name, text in texts.items() if text == best]
    verb = "has" if len(names) == 1 else "have"
    return f"{' and '.join(names)} {verb} the highest mean SDR ({best})"


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
