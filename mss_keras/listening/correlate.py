"""From files of ratings and scores to tables, pictures and a report.

OUTPUT/
    correlation.yaml                     what was asked for
    ratings.csv  mos.csv                 each rating; mean ratings with intervals
    correlations.csv  excluded.csv       each metric, source, coefficient; what is left out
    stimuli.csv  listeners.csv           mean ratings beside scores; each listener
    mos.png  correlations.png  scatter.png
    report.html                          all of it on one page
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from mss_keras.config import CorrelationConfig
from mss_keras.jobs.claims import Claim
from mss_keras.listening import pictures, report, wording
from mss_keras.listening.analysis import Analysis, analyse
from mss_keras.listening.correlations import records
from mss_keras.listening.key import read_key
from mss_keras.listening.ratings import find_files, find_test, read_ratings
from mss_keras.listening.scores import read_scores
from mss_keras.reports.pages import write_page
from mss_keras.reports.tables import as_text, write_csv


def correlate(
    ratings: Sequence[str | Path],
    scores: Sequence[str],
    output: Path,
    *,
    test: Path | None = None,
    settings: CorrelationConfig = CorrelationConfig(),
    say: Callable[[str], None] = lambda line: None,
) -> Analysis:
    """Finds out which metrics agree with listeners, and writes what was found.

    Args:
        ratings: sequence of str or Path. Files of ratings, or folders of them.
        scores: sequence of str. Folders that `evaluate` wrote, each as `[NAME=]DIR`.
        output: Path. Folder of what is written; what an earlier call wrote there is replaced.
        test: Path or None. Folder of the test. Defaults to `None`: it is found above the ratings.
        settings: CorrelationConfig. Rules, intervals and ranking.
        say: Callable. Called with a line for each thing that a user would want to know.

    Raises:
        UserError: if something cannot be read, no listener is left, nothing has scores, or the
            folder holds something else.
    """
    files = find_files(ratings)
    key = read_key(test or find_test(files))
    read = read_ratings(files, key)
    found = analyse(read, read_scores(scores, key), key, settings=settings)
    with claim(ratings, scores, settings).alone(output):
        write(found, output)
    tell(found, say)
    return found


def claim(
    ratings: Sequence[str | Path], scores: Sequence[str], settings: CorrelationConfig
) -> Claim:
    """What a folder is wanted for; another correlation may replace one.

    Args:
        ratings: sequence of str or Path. As given.
        scores: sequence of str. As given.
        settings: CorrelationConfig. Rules, intervals and ranking.
    """
    given = {"ratings": list(map(str, ratings)), "scores": list(scores), **vars(settings)}
    return Claim("correlation", "correlation.yaml", given, may_change=list(given))


def write(analysis: Analysis, output: Path) -> None:
    """Writes tables, pictures and the report; each file appears when it is whole.

    Args:
        analysis: Analysis. What was found.
        output: Path. The folder.
    """
    tables = {
        "ratings": analysis.ratings,
        "mos": analysis.means,
        "correlations": analysis.correlations.table,
        "stimuli": analysis.items,
        "listeners": analysis.listeners,
        "excluded": pd.DataFrame(wording.excluded(analysis), columns=["what", "why"]),
    }
    for name, table in tables.items():
        write_csv(output / f"{name}.csv", records(table), list(table.columns))
    drawn = pictures.draw(analysis, output)
    write_page(report.page(analysis, drawn), output / "report.html")


def tell(analysis: Analysis, say: Callable[[str], None]) -> None:
    """Says what was found.

    Args:
        analysis: Analysis. What was found.
        say: Callable. Called with each line.
    """
    for line in (*wording.warnings(analysis), *wording.facts(analysis), *analysis.notes):
        say(line)
    say(wording.screening(analysis))
    for rule in analysis.screening.rules:
        say(f"  {rule}")
    for what, why in wording.excluded(analysis):
        say(f"left out: {what}: {why}")
    for line in wording.agreement(analysis):
        say(line)
    if analysis.correlations.known:
        ranking = analysis.correlations.ranking()
        columns = ["metric", "value", "low", "high", "first", "stimuli", "missing"]
        say(f"\n{as_text(records(ranking[columns].round(3)), 'simple')}\n")
    say(wording.answer(analysis))
