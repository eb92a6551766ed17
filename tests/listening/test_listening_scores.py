"""Scores find the stimuli that they are of."""

import dataclasses

import pandas as pd
import pytest
from listening_tests import make_key, write_scores

from mss_keras.config import LOSSES, UserError
from mss_keras.listening.scores import read_scores, sign_of
from mss_keras.reports.tables import RATIOS

KEY = make_key(excerpts=2)


@pytest.fixture
def folder(tmp_path):
    return write_scores(KEY, tmp_path / "scores")


def change(folder, **columns):
    """The table of a folder, with columns made of the table."""
    path = folder / "tracks.csv"
    table = pd.read_csv(path, keep_default_na=False).assign(**columns)
    table.to_csv(path, index=False)
    return table


def test_scores_of_excerpts(folder):
    found = read_scores([str(folder)], KEY)
    assert found.metrics == ["sdr", "snr", "l1_time"]
    assert len(found.table) == 4 * 4  # trials, systems and mixture
    assert found.notes == []
    given = pd.read_csv(folder / "tracks.csv").iloc[5]
    row = found.table[(found.table["trial"] == "t01") & (found.table["system"] == "l2")].iloc[0]
    assert (given["method"], given["track"]) == ("l2", "song 1 @ 1.5 s")
    assert row["sdr"] == given["sdr"]


def test_scores_of_whole_songs_stand_in(folder):
    change(folder, track=lambda table: table["track"].str.replace(" @ 1.5 s", ""))
    found = read_scores([str(folder)], KEY)
    assert len(found.table) == 16
    assert found.notes == [
        "16 of 16 stimuli have scores of the whole song, not of the excerpt that was rated"
    ]


def test_metrics_of_all_sources_together_stand_for_each(folder):
    table = pd.read_csv(folder / "tracks.csv")
    together = table.assign(source="together", sdsdr_time=table["sdr"] / 2)
    both = pd.concat([table, together[["method", "track", "source", "sdsdr_time"]]])
    both.to_csv(folder / "tracks.csv", index=False)
    found = read_scores([str(folder)], KEY)
    assert found.together == ["sdsdr_time"]
    assert (found.table["sdsdr_time"] == found.table["sdr"] / 2).all()


def test_names_that_tables_take_for_nothing(tmp_path):
    key = make_key(excerpts=1, systems=("NA", "null", "007"))
    trials = [dataclasses.replace(x, track=f"None @ {n} s") for n, x in enumerate(key.trials)]
    key = dataclasses.replace(key, trials=tuple(trials))
    folder = write_scores(key, tmp_path)
    found = read_scores([str(folder)], key)
    assert list(found.table["system"]) == ["mixture", "NA", "null", "007"] * 2
    assert found.notes == []
    change(folder, sdr="")  # a metric without a value is none still
    assert read_scores([str(folder)], key).metrics == ["snr", "l1_time"]


def test_a_mixture_in_two_folders_has_the_metrics_of_both(folder, tmp_path):
    table, other = pd.read_csv(folder / "tracks.csv"), tmp_path / "other"
    other.mkdir()
    ours = table[table["method"] == "mixture"].drop(columns="snr")
    ours.to_csv(folder / "tracks.csv", index=False)
    table.drop(columns="l1_time").to_csv(other / "tracks.csv", index=False)
    found = read_scores([str(folder), str(other)], KEY).table
    mixture = found[found["system"] == "mixture"]
    assert mixture[["sdr", "snr", "l1_time"]].notna().all(axis=None)


def test_a_system_in_each_folder(folder, tmp_path):
    table = pd.read_csv(folder / "tracks.csv")
    given = []
    for system in KEY.systems:
        own = table[table["method"].isin([system, "mixture"])]
        own = own.assign(method=own["method"].replace(system, "estimates"))
        (tmp_path / system).mkdir()
        own.to_csv(tmp_path / system / "tracks.csv", index=False)
        given.append(f"{system}={tmp_path / system}")
    found, whole = read_scores(given, KEY), read_scores([str(folder)], KEY)
    pd.testing.assert_frame_equal(found.table, whole.table)


def test_what_does_not_count_is_said(folder):
    change(
        folder,
        method=lambda table: table["method"].replace("l2", "irm"),
        pesq=1.0,
        snr=float("nan"),
    )
    found = read_scores([str(folder)], KEY)
    assert found.metrics == ["sdr", "l1_time"]
    assert found.notes == [
        "scores of irm do not count: nobody rated them",
        "columns pesq are no metrics that are known here",
        "without scores, and without part in correlations: l2",
    ]


def test_what_is_wrong_with_scores(folder, tmp_path):
    for given, message in (
        ([], "scores: found nothing"),
        ([str(tmp_path)], "scores: found no tracks.csv in"),
        ([str(folder), f"{folder}/"], "scores: found l2 in"),
        ([f"l2={folder}"], "scores: found l2 for l2, sisdr, logl1, wanted NAME=DIR of a folder"),
    ):
        with pytest.raises(UserError, match=message):
            read_scores(given, KEY)
    path = folder / "tracks.csv"
    whole = path.read_text()
    for text, message in (
        (whole.replace("source", "stem"), "tracks.csv: found no column source"),
        (whole + whole.splitlines()[1], "tracks.csv: found two rows of mixture song 0 @ 1.5 s voc"),
        (whole + "l2,x,y,loud,1,1", "tracks.csv: found words in the column sdr"),
        ("", "tracks.csv: found No columns"),
        (
            whole.replace("song", "tune"),
            "found scores of other tracks, wanted scores of mixture, l",
        ),
        (whole + "a,b,c,d,e,f,g,h\n", "tracks.csv: found Error tokenizing"),
        (whole[: whole.rindex(",")], "tracks.csv: found 5 fields in line 17, wanted 6"),
        (whole.splitlines()[0], "tracks.csv: found no scores"),
        ("method,track,source\na,b,c\n", "tracks.csv: found no column of a metric"),
    ):
        path.write_text(text)
        with pytest.raises(UserError, match=message):
            read_scores([str(folder)], KEY)
    path.write_bytes(whole.encode("utf-16"))
    with pytest.raises(UserError, match=r"tracks.csv: found 'utf-8' codec"):
        read_scores([str(folder)], KEY)


def test_scores_without_a_value(folder):
    nothing = dict.fromkeys(["sdr", "snr", "l1_time"], float("nan"))
    change(folder, **nothing)
    with pytest.raises(UserError, match="scores: found no metric that has a value"):
        read_scores([str(folder)], KEY)


def test_a_name_that_no_system_has(folder):
    change(folder, method="estimates", track=lambda table: table["track"] + table["method"])
    with pytest.raises(
        UserError, match=r"scores: found 'sisd' \(did you mean sisdr\?\), wanted one of l2"
    ):
        read_scores([f"sisd={folder}"], KEY)


def test_every_metric_has_a_direction():
    assert {sign_of(name) for name in RATIOS} == {1}
    assert {sign_of(name) for name in LOSSES} == {-1}
