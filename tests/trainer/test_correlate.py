"""`correlate` from the command line: quick, without TensorFlow, one line for an error."""

import subprocess
import sys

import pytest
from listening_tests import make_key, make_test

from trainer.__main__ import main

# What the command does, and whether TensorFlow was needed for it.
_WATCHED = (
    "import sys; from trainer.__main__ import main; code = main(sys.argv[1:])\n"
    "assert not {'tensorflow', 'keras'} & set(sys.modules); sys.exit(code)"
)


@pytest.fixture
def folder(tmp_path):
    make_test(tmp_path, make_key(excerpts=2))
    return tmp_path


def test_it_does_without_tensorflow(folder):
    output = folder / "found"
    given = ["--ratings", folder / "ratings", "--scores", folder / "scores", "--output", output]
    command = [sys.executable, "-c", _WATCHED, "correlate", *given, "--resamples", "100"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert "agree best with the ratings (Spearman's ρ" in result.stdout
    assert (
        "correlation.yaml, correlations.csv, correlations.png, excluded.csv, listeners.csv, "
        "mos.csv, mos.png, ratings.csv, report.html, scatter.png, stimuli.csv"
    ) in result.stdout


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--scores", "scores"], "--ratings: found nothing, wanted files of ratings"),
        (["--ratings", "ratings"], "--scores: found nothing, wanted folders that evaluate wrote"),
        (["--ratings", "gone"], "--ratings: found no file gone"),
        (["--ratings", "ratings", "--scores", "ratings"], "--scores: found no tracks.csv in rat"),
        (["--ratings", "ratings", "--test", "scores"], "scores/key.json: found No such file"),
        (["--ratings", "scores/tracks.csv"], "--ratings: found no listener (scores/tracks.csv: "),
        (["--rank-by", "kendal"], "--rank-by: found 'kendal' (did you mean kendall?)"),
        (["--allowed-share", "15"], "--allowed-share: found 15.0, wanted a share, 0 to 1"),
        (["--demo", "--ratings", "x"], "--ratings: found it with --demo, which has its own"),
        (["--keep-all", "--allowed-share", "0"], "--allowed-share: found it with --keep-all"),
        (
            ["--ratings", "ratings", "--scores", "scores", "--output", "scores"],
            "--output: found something else in scores",
        ),
    ],
)
def test_wrong_input_is_a_line(folder, monkeypatch, capsys, given, message):
    monkeypatch.chdir(folder)
    assert main(["correlate", *given]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"error: {message}"), line
