"""Files of scores: museval reads them, and they come back as they were."""

import json

import numpy as np
import pytest
from museval_peer import aggregate

from mss_keras.config import UserError
from mss_keras.metrics import BSSEval, TrackScores, read_scores
from mss_keras.metrics.bsseval import RATIOS


def scores(track="A - B", seed=0, frames=4):
    """Vocals silent in frame 1, the estimate of drums in frame 2; drums' SIR infinite in 0."""
    ratios = np.random.default_rng(seed).normal(5, 3, (4, 2, frames))
    silent = np.zeros((2, 2, frames), bool)
    silent[0, 0, 1] = silent[1, 1, 2] = True
    ratios[:, :, 1:3] = np.nan
    ratios[2, 1, 0] = np.inf
    named = dict(zip(RATIOS, ratios, strict=True))
    return TrackScores(
        track=track,
        sources=("vocals", "drums"),
        bsseval=BSSEval(**named, silent=silent, finite=np.ones(2, bool)),
        whole_track={"si_sdr": np.array([1.5, np.nan]), "l2": np.array([2e-9, np.inf])},
        together={"sdsdr_time": -3.25},
    )


def test_museval_reads_them(tmp_path):
    for seed in range(3):
        scores(f"song {seed}", seed).save(tmp_path / f"method/test/song {seed}.json")
    store = aggregate.EvalStore()
    store.add_eval_dir(tmp_path / "method")
    frames = store.agg_frames_scores()
    for seed in range(3):
        medians = scores(seed=seed).medians()
        for row, source in enumerate(("vocals", "drums")):
            for name in RATIOS:
                found = frames[f"song {seed}", source, name.upper()]
                assert found == pytest.approx(medians[name][row], abs=1e-5)
    methods = aggregate.MethodStore()
    methods.add_eval_dir(tmp_path / "method")
    assert set(methods.df["method"]) == {"method"}
    assert len(methods.df) == 3 * 2 * 4 * 4


def test_are_those_that_museval_writes(tmp_path):
    """The same numbers through museval's own store: the same targets in the file."""
    ours = scores()
    store = aggregate.TrackStore("A - B", win=1.0, hop=1.0)
    for row, source in enumerate(ours.sources):
        values = {name.upper(): getattr(ours.bsseval, name)[row].tolist() for name in RATIOS}
        store.add_target(source, values)
    store.validate()
    store.save(tmp_path / "theirs.json")
    ours.save(tmp_path / "ours.json")
    theirs, written = (
        json.loads((tmp_path / f"{name}.json").read_text(), parse_constant=str)
        for name in ("theirs", "ours")
    )
    assert written["targets"] == theirs["targets"]
    assert written["museval_version"] == theirs["museval_version"]
    assert read_scores(tmp_path / "theirs.json").track == "theirs"


def test_come_back(tmp_path):
    ours = scores()
    ours.save(tmp_path / "folder/a.json")
    back = read_scores(tmp_path / "folder/a.json")
    assert (back.track, back.sources, back.window, back.hop) == ("A - B", ours.sources, 1.0, 1.0)
    assert back.why_nan() == ours.why_nan()
    np.testing.assert_array_equal(back.bsseval.silent, ours.bsseval.silent)
    for name in RATIOS:
        wanted = getattr(ours.bsseval, name)
        wanted = np.where(np.isfinite(wanted), wanted, np.nan)
        np.testing.assert_allclose(getattr(back.bsseval, name), wanted, atol=1e-5)
    np.testing.assert_array_equal(back.whole_track["si_sdr"], [1.5, np.nan])
    np.testing.assert_array_equal(back.whole_track["l2"], [2e-9, np.inf])
    assert back.together == ours.together
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["a.json"]


def test_nan_frames_are_explained(tmp_path):
    ours = scores()
    assert ours.why_nan() == [
        "target vocals silent in frames 1",
        "estimate drums silent in frames 2",
    ]
    ours.save(tmp_path / "a.json")
    extra = json.loads((tmp_path / "a.json").read_text())["mss_keras"]
    assert extra["nan_frames"] == {"vocals": 2, "drums": 2}
    assert extra["silent_targets"] == {"vocals": [1]}
    assert extra["silent_estimates"] == {"drums": [2]}


@pytest.mark.parametrize("value", ["null", "[]", '"x"'])
def test_a_figure_that_is_no_number_is_damage(tmp_path, value):
    frame = {
        "time": 0.0,
        "duration": 1.0,
        "metrics": dict.fromkeys(("SDR", "ISR", "SIR", "SAR"), 1.0),
    }
    content = {
        "targets": [{"name": "a", "frames": [frame]}],
        "mss_keras": {"whole_track": {"a": {"snr": 3.0}}},
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert read_scores(tmp_path / "a.json").whole_track["snr"] == [3.0]
    for right in ('"snr": 3.0', '"duration": 1.0'):
        text = json.dumps(content).replace(right, f"{right.split(':')[0]}: {value}")
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(UserError, match=r"a\.json: found damaged content"):
            read_scores(tmp_path / "a.json")


def test_frames_in_a_row_are_told_as_a_range():
    silent = np.zeros((2, 1, 9), bool)
    silent[0, 0, [0, 1, 2, 4, 7, 8]] = True
    ratios = {name: np.zeros((1, 9)) for name in RATIOS}
    bsseval = BSSEval(**ratios, silent=silent, finite=np.ones(1, bool))
    lines = TrackScores("x", ("vocals",), bsseval).why_nan()
    assert lines == ["target vocals silent in frames 0-2, 4, 7-8"]


@pytest.mark.parametrize("text", ["", "{}", '{"targets": []}', '{"targets": [{"name": "a"}]}'])
def test_damaged_files_are_named(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match=r"a\.json: found damaged content"):
        read_scores(tmp_path / "a.json")
    with pytest.raises(UserError, match=r"b\.json: found No such file .*, wanted a file of scores"):
        read_scores(tmp_path / "b.json")


@pytest.mark.parametrize(("frames", "hop"), [(4, 0.5), (1, 2.0)])
def test_windows_and_hops_come_back(tmp_path, frames, hop):
    """A single frame does not tell its hop, which then is the window."""
    ratios = {name: np.zeros((1, frames)) for name in RATIOS}
    bsseval = BSSEval(**ratios, silent=np.zeros((2, 1, frames), bool), finite=np.ones(1, bool))
    TrackScores("x", ("vocals",), bsseval, window=2.0, hop=0.5).save(tmp_path / "a.json")
    back = read_scores(tmp_path / "a.json")
    assert (back.window, back.hop) == (2.0, hop)
