"""Evaluations: complete, continued, and honest about what failed."""

import csv
import json
import multiprocessing
import shutil

import numpy as np
import pytest
import soundfile
import yaml

from mss_keras.config import (
    SOURCES,
    AudioConfig,
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    UserError,
)
from mss_keras.data import open_set
from mss_keras.evaluation import Evaluation, evaluate, tables
from mss_keras.evaluation.estimates import Method
from mss_keras.evaluation.scoring import Scoring, Task
from mss_keras.models.masking import MaskingModel

AUDIO = AudioConfig(nfft=512, nhop=128)


def evaluation(tree, say=lambda line: None, **settings):
    chosen = EvaluationConfig(**{"subset": "train", **settings})
    return Evaluation(DataConfig(root=str(tree)), AUDIO, chosen, say=say)


@pytest.fixture
def estimates(tree):
    """The mixture's quarter and the target's rest as estimates of the training tracks."""
    folder = tree.parent / "estimates"
    for track in (tree / "train").iterdir():
        shutil.copytree(track, folder / track.name)
        mixture, rate = soundfile.read(track / "mixture.wav")
        for source in SOURCES:
            target, _ = soundfile.read(track / f"{source}.wav")
            path = folder / track.name / f"{source}.wav"
            soundfile.write(path, 0.75 * target + 0.25 * mixture, rate, subtype="FLOAT")
    return folder


def test_methods_and_files(tree, tmp_path):
    model = MaskingModel(SOURCES, AUDIO, ModelConfig(hidden_size=8))
    model.build()
    stems = tmp_path / "stems"
    output = tmp_path / "scores"
    small = evaluation(
        tree,
        oracle=("irm", "mixture"),
        metrics=("snr", "l1_freq"),
        stems=str(stems),
        tracks=2,
    )
    scores, failed = small.run(output, model, "small")
    assert failed == 0
    assert list(scores) == ["small", "irm", "mixture"]
    assert [track.track for track in scores["irm"]] == ["a", "b"]
    assert sorted(path.name for path in (stems / "a").iterdir()) == sorted(
        f"{source}.wav" for source in SOURCES
    )
    text = tables.write_evaluation(scores, output)
    assert "l1_freq" not in text
    means = {row["method"]: row for row in tables.summary(scores) if row["source"] == "mean"}
    assert means["irm"]["sdr"] > means["mixture"]["sdr"] + 5
    assert means["irm"]["snr"] > means["mixture"]["snr"] + 5
    assert means["irm"]["l1_freq"] < means["mixture"]["l1_freq"]
    with (output / "tracks.csv").open() as file:
        found = list(csv.DictReader(file))
    assert len(found) == 3 * 2 * 4
    assert float(found[0]["sdr"]) == pytest.approx(next(tables.rows(scores))["sdr"])
    assert (output / "scores.png").read_bytes().startswith(b"\x89PNG")
    model.network.output_affine.shift.assign_add(0.1 + 0 * model.network.output_affine.shift)
    with pytest.raises(UserError, match=r"another evaluation in .*: `model` small, weights"):
        small.run(output, model, "small")
    # museval reads what its own files have.
    written = json.loads((output / "irm/a.json").read_text())
    assert set(written["targets"][0]["frames"][0]["metrics"]) == {"SDR", "ISR", "SIR", "SAR"}
    # The mixture as an estimate is by definition its own ratio to what is not the source.
    targets = np.stack([soundfile.read(tree / f"train/a/{s}.wav")[0] for s in SOURCES])
    summed = targets.sum(0)
    expected = 10 * np.log10(np.sum(targets[1] ** 2) / np.sum((summed - targets[1]) ** 2))
    assert scores["mixture"][0].whole_track["snr"][1] == pytest.approx(expected, abs=1e-3)


def test_stems_of_tracks_that_are_scored_already(tree, tmp_path):
    model = MaskingModel(SOURCES, AUDIO, ModelConfig(hidden_size=8))
    model.build()
    evaluation(tree, metrics=("snr",), tracks=1).run(tmp_path / "scores", model)
    lines: list[str] = []
    kept = {"metrics": ("snr",), "tracks": 1, "stems": str(tmp_path / "stems")}
    for _ in range(2):  # the second time nothing is left to do
        _, failed = evaluation(tree, lines.append, **kept).run(tmp_path / "scores", model)
        assert failed == 0
    mixture, _ = soundfile.read(tree / "train/a/mixture.wav", dtype="float32")
    for name, expected in model.separate(mixture).items():
        stem, _ = soundfile.read(tmp_path / f"stems/a/{name}.wav", dtype="float32")
        np.testing.assert_array_equal(stem, expected)
    assert sum("its stems are kept now" in line for line in lines) == 1


def test_evaluate_takes_audio_and_sources_from_the_model(tree, tmp_path):
    model = MaskingModel(("bass", "drums"), AUDIO, ModelConfig(hidden_size=8))
    model.build()
    settings = EvaluationConfig(subset="train", tracks=1, metrics=("snr",))
    music, output = DataConfig(root=str(tree)), tmp_path / "scores"
    summary, failed = evaluate(output, settings, dataset=music, model=model, name="duo")
    assert failed == 0
    lines = [line.split() for line in summary.splitlines()]
    assert lines[0][:3] == ["method", "source", "sdr"]
    assert [line[:2] for line in lines[2:5]] == [["duo", "bass"], ["duo", "drums"], ["duo", "mean"]]
    assert summary.endswith("means of sources, dB")
    assert yaml.safe_load((output / "evaluation.yaml").read_text())["audio"] == vars(AUDIO)
    assert {path.name for path in output.iterdir()} >= {"scores.png", "tracks.csv"}


def test_it_goes_on_where_it_was(tree, estimates, tmp_path):
    output = tmp_path / "scores"
    scores, _ = evaluation(tree, estimates=str(estimates), tracks=2).run(output)
    assert len(scores["estimates"]) == 2
    before = (output / "estimates/a.json").stat().st_mtime_ns
    lines: list[str] = []
    scores, failed = evaluation(tree, lines.append, estimates=str(estimates)).run(output)
    assert failed == 0
    assert len(scores["estimates"]) == 3
    assert "2 of 3 tracks are scored already" in lines
    assert (output / "estimates/a.json").stat().st_mtime_ns == before
    with pytest.raises(UserError, match=r"output: found another evaluation in .*: `metrics`"):
        evaluation(tree, estimates=str(estimates), metrics=("snr",)).run(output)


def test_what_is_wrong_with_estimates_is_named_and_the_rest_is_scored(tree, estimates, tmp_path):
    target, rate = soundfile.read(estimates / "a/bass.wav")
    soundfile.write(estimates / "a/bass.wav", target[:-1], rate)
    (estimates / "b/vocals.wav").unlink()
    lines: list[str] = []
    run = evaluation(tree, lines.append, estimates=str(estimates))
    scores, failed = run.run(tmp_path / "scores")
    assert failed == 2
    assert [track.track for track in scores["estimates"]] == ["c"]
    text = "\n".join(lines)
    assert "estimates: a: " in text
    assert "a/bass.wav: found 44099 samples, wanted 44100 as its target has" in text
    assert "b/vocals.wav: found no file, wanted an estimate" in text

    soundfile.write(estimates / "a/bass.wav", target[:, 0], rate)
    soundfile.write(estimates / "b/vocals.wav", target, 22050)
    drums, _ = soundfile.read(estimates / "c/drums.wav")
    drums[1000] = np.nan
    soundfile.write(estimates / "c/drums.wav", drums, rate, subtype="FLOAT")
    lines.clear()
    scores, failed = run.run(tmp_path / "again")
    assert failed == 2
    text = "\n".join(lines)
    assert "a/bass.wav: found 1 channels, wanted 2" in text
    assert "b/vocals.wav: found 22050 Hz, wanted 44100" in text
    assert "no score: estimates: c: estimate drums has samples that are not finite" in text
    table = {row["source"]: row for row in tables.summary(scores)}
    assert np.isnan(table["drums"]["sdr"])
    assert table["drums"]["NaN frames"] == 1
    assert np.isfinite(table["bass"]["sdr"])


def test_a_scoring_process_that_is_killed(tree, tmp_path):
    def stems(track, work):
        for process in multiprocessing.active_children():
            process.kill()
        return tree / "train" / track.name

    tracks = open_set(DataConfig(root=str(tree)), AUDIO, splits=["train"]).train
    tasks = [Task(Method("x", stems), track, tmp_path / f"{track.name}.json") for track in tracks]
    scoring = Scoring(SOURCES, AUDIO, ["snr"], jobs=1, say=print, progress=False)
    with pytest.raises(UserError, match=r"jobs: found a scoring process that was killed"):
        scoring.run(tasks)


def test_nothing_to_score(tree, tmp_path):
    with pytest.raises(UserError, match="model: found nothing to score, wanted a model, `est"):
        evaluation(tree).run(tmp_path / "scores")
    with pytest.raises(UserError, match=r"estimates: found no folder .*gone, wanted"):
        evaluation(tree, estimates=str(tmp_path / "gone")).run(tmp_path / "scores")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    with pytest.raises(UserError, match=r"output: found something else in .*full"):
        evaluation(tree, oracle=("irm",)).run(tmp_path / "full")
