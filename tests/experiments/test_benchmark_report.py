"""The benchmark's table: grouped, labelled, with failures as rows."""

import csv
import dataclasses

import numpy as np
import pytest

from mss_keras.experiments import benchmark_report
from mss_keras.experiments.benchmark_report import Outcome
from mss_keras.metrics import BSSEval, TrackScores


def outcome(sdr):
    ratio = np.array([[sdr, sdr], [sdr + 2, sdr + 2]])
    silent = np.zeros((2, 2, 2), bool)
    frames = BSSEval(ratio, ratio, ratio, ratio, silent, np.ones(2, bool))
    readings = {name: np.full(2, -sdr) for name in ("l1_time", "l2_mask")}
    return Outcome((TrackScores("x", ("vocals", "rest"), frames, whole_track=readings),))


OUTCOMES = {
    "l1_mask": outcome(1.0),
    "sisdr_freq": outcome(3.0),
    "l1_time": Outcome(failure="the loss became NaN"),
}


def test_rows():
    rows = benchmark_report.rows(OUTCOMES, "demonstration")
    assert [row["loss"] for row in rows] == ["l1_time", "sisdr_freq", "l1_mask"]
    assert rows[0]["note"] == "demonstration; failed: the loss became NaN"
    assert rows[0]["SDR mean"] is None
    assert rows[1]["SDR vocals"] == 3
    assert rows[1]["SDR mean"] == 4
    assert rows[1]["SDR published"] == 5.61
    assert rows[2]["l2_mask"] == -1


def test_a_loss_is_the_mean_of_its_sources_or_of_all_together():
    (track,) = OUTCOMES["l1_mask"].tracks
    readings = {"l1_time": np.array([1.0, 2.0])}
    track = dataclasses.replace(track, whole_track=readings, together={"sdsdr_time": -4.0})
    (row,) = benchmark_report.rows({"l1_mask": Outcome((track,))}, "")
    assert (row["l1_time"], row["sdsdr_time"]) == (1.5, -4)


def test_missing_scores_are_counted_and_named_and_the_row_stands(tmp_path):
    (track,) = OUTCOMES["sisdr_freq"].tracks
    gone = np.array([[np.nan] * 2, [5.0, 5.0]])
    frames = dataclasses.replace(track.bsseval, sdr=gone)
    silent = [dataclasses.replace(track, track=name, bsseval=frames) for name in "abcd"]
    outcomes = {
        "l1_time": Outcome((track, silent[0])),
        "l2_time": Outcome(tuple(silent)),
        "sisdr_freq": OUTCOMES["sisdr_freq"],
    }
    rows = benchmark_report.rows(outcomes, "")
    assert rows[0]["note"] == "no score of vocals in 1 of 2 tracks: a"
    assert rows[1]["note"] == "no score of vocals in 4 of 4 tracks: a, b, c, ..."
    assert rows[2]["note"] == ""
    assert rows[0]["SDR vocals"] == 3
    nowhere = dataclasses.replace(frames, sdr=gone * np.nan)
    (row,) = benchmark_report.rows(
        {"l1_time": Outcome((track, dataclasses.replace(track, track="e", bsseval=nowhere)))}, ""
    )
    assert row["note"] == "no score of vocals, rest in 1 of 2 tracks: e"
    assert rows[1]["SDR rest"] == 5
    assert np.isnan(rows[1]["SDR mean"])
    benchmark_report.write(outcomes, tmp_path, demonstration=False)
    assert "no score of vocals in 4 of 4" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "heatmap.png").exists()


@pytest.mark.parametrize("demonstration", [True, False])
def test_files(tmp_path, demonstration):
    benchmark_report.write(OUTCOMES, tmp_path, demonstration=demonstration)
    with (tmp_path / "table.csv").open() as file:
        assert [row["domain"] for row in csv.DictReader(file)] == ["waveform", "magnitude", "mask"]
    for name in ("table.md", "table.csv", "table.tex"):
        text = (tmp_path / name).read_text().lower()
        assert ("demonstration" in text) == demonstration
        assert "failed: the loss became nan" in text
    assert "\\toprule" in (tmp_path / "table.tex").read_text()
    for name in ("heatmap.png", "boxes.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_the_heat_map_has_ratios_apart_and_says_what_is_better():
    table = benchmark_report.rows(OUTCOMES, "")
    figure = benchmark_report.draw(table, "a demonstration")
    assert figure.get_suptitle().splitlines()[0] == "a demonstration"
    assert "loss of their training" in figure.get_suptitle()
    labels = [tick.get_text().replace("_\n", "_") for tick in figure.axes[0].get_xticklabels()]
    assert labels == ["SDR\nmean ↑", "l1_time ↓", "l2_mask ↓"]
    assert [x.get_text() for x in figure.axes[0].get_yticklabels()] == ["sisdr_freq", "l1_mask"]


def test_when_all_failed(tmp_path):
    benchmark_report.write({"l1_time": Outcome(failure="x")}, tmp_path, demonstration=False)
    assert "failed: x" in (tmp_path / "table.md").read_text()
