"""Rows as files and text."""

import csv

from mss_keras.reports.tables import as_text, write_csv, write_text


def test_a_row_may_lack_what_others_have(tmp_path):
    path = tmp_path / "made/table.csv"
    write_csv(path, [{"a": 1}, {"a": 2, "b": "x,y"}])
    with path.open() as file:
        assert list(csv.DictReader(file)) == [{"a": "1", "b": ""}, {"a": "2", "b": "x,y"}]


def test_decimals_are_those_of_the_metric():
    row = {"SDR bass": 1.23456, "val_snr": 1.23456, "l1_time": 1234.56, "note": None}
    assert as_text([row], "simple").splitlines()[-1].split() == ["1.23", "1.23", "1.23e+03"]


def test_text_ends_with_a_newline(tmp_path):
    write_text(tmp_path / "x.md", "a\nb")
    assert (tmp_path / "x.md").read_text() == "a\nb\n"
