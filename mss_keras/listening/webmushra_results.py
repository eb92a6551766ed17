"""What webMUSHRA keeps of its `mushra` pages, a file mushra.csv, as ratings of the test."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from mss_keras.config import UserError
from mss_keras.listening.key import Key
from mss_keras.listening.webmushra import name_of

TEST = "session_test_id"  # a column that no other file of ratings has
COLUMNS = (TEST, "session_uuid", "trial_id", "rating_stimulus", "rating_score")


def translated(
    rows: Iterable[Mapping[str, str | None]], path: Path, key: Key
) -> list[dict[str, str]]:
    """Rows of webMUSHRA's results as rows of a download.

    A session is a listener, `reference` is the hidden one, and the training does not count.

    Args:
        rows: iterable of mapping. The rows of the file.
        path: Path. The file, for errors.
        key: Key. The key of the test.

    Raises:
        UserError: if a column is missing, as the session's is in results of old versions, or the
            test is another.
    """
    hidden = {
        trial.trial: stimulus
        for trial in key.trials
        for stimulus, kind in trial.stimuli.items()
        if kind == "reference"
    }
    found = []
    for number, row in enumerate(rows, start=1):
        if missing := [name for name in COLUMNS if name not in row]:
            raise UserError(path, f"no column {missing[0]}", f"the columns {', '.join(COLUMNS)}")
        test, session, trial, stimulus, score = (row[name] or "" for name in COLUMNS)
        if test != name_of(key.test):
            raise UserError(path, f"ratings of {test!r:.40}", name_of(key.test))
        if trial not in hidden:  # the training
            continue
        found.append(
            {
                "test": key.test,
                "listener": session.replace("-", "").lower(),
                "scale": "mushra",
                "simulated": "",
                "number": str(number),
                "trial": trial,
                "stimulus": hidden[trial] if stimulus == "reference" else stimulus,
                "rating": score,
                "at": "",
            }
        )
    if not found:
        raise UserError(path, "the training alone", "ratings of a trial")
    return found
