"""Evaluations: complete, continued, and honest about what failed."""

import csv
import dataclasses
import json
import multiprocessing
import shutil
from concurrent.futures import ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from mss_keras import losses
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
from mss_keras.evaluation.estimates import Method, name_of_model, of_folder, of_oracle
from mss_keras.evaluation.reading import mixture_of
from mss_keras.evaluation.scoring import Scoring, Task
from mss_keras.jobs import pools
from mss_keras.jobs.memory import want_of_memory
from mss_keras.jobs.pools import PoolKilledError
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


@pytest.mark.long
def test_a_sum_of_sources_is_scored_as_a_file_of_it(tree, tmp_path):
    """By all that reads true sources: BSSEval, losses, oracles, and the page's examples."""
    written = shutil.copytree(tree, tmp_path / "written")
    for track in (written / "train").iterdir():
        parts = [soundfile.read(track / f"{part}.wav")[0] for part in SOURCES[1:]]
        soundfile.write(track / "accompaniment.wav", sum(parts), 44100, subtype="FLOAT")
    for path in [*tree.glob("train/*/mixture.wav"), *written.glob("train/*/mixture.wav")]:
        path.unlink()
    model = MaskingModel(("vocals", "accompaniment"), AUDIO, ModelConfig(hidden_size=8))
    model.build()
    chosen = EvaluationConfig(
        subset="train", tracks=1, metrics=("snr", "l1_freq"), oracle=("irm", "mixture"), examples=1
    )
    found = []
    for root in (tree, written):
        lines: list[str] = []
        dataset = DataConfig(root=str(root))
        evaluate(
            tmp_path / "scores", chosen, dataset=dataset, audio=AUDIO, model=model, say=lines.append
        )
        assert any("report.html: 1 excerpt" in line for line in lines), lines
        with (tmp_path / "scores/tracks.csv").open() as file:
            found.append(list(csv.DictReader(file)))
        shutil.rmtree(tmp_path / "scores")
    assert len(found[0]) == 6
    for one, other in zip(*found, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            assert value == other[name] or float(value) == pytest.approx(float(other[name]), 1e-4)


def test_the_mixture_has_parts_once(tree, tmp_path):
    """Where sources of several models are heard together, some are parts of others."""
    for path in tree.glob("train/*/mixture.wav"):
        path.unlink()
    names = (*SOURCES, "accompaniment")
    (track, *_) = open_set(DataConfig(root=str(tree), sources=names), AUDIO, ["train"]).train
    sources = [soundfile.read(tree / f"train/a/{name}.wav")[0] for name in SOURCES]
    with mixture_of(track, 2) as recording:
        np.testing.assert_allclose(recording.read(0, 44100), sum(sources), atol=1e-6)
    stems = of_oracle("mixture", names, AUDIO).stems(track, tmp_path)
    for name in names:
        heard, _ = soundfile.read(stems / f"{name}.wav")
        np.testing.assert_allclose(heard, sum(sources), atol=1e-6)
    with pytest.raises(UserError, match="oracle: found irm with sources of which others are the"):
        of_oracle("irm", names, AUDIO)


def test_methods_and_files(tree, tmp_path):
    model = MaskingModel(SOURCES, AUDIO, ModelConfig(hidden_size=8))
    model.build()
    stems = tmp_path / "stems"
    output = tmp_path / "scores"
    small = evaluation(
        tree,
        oracle=("irm", "mixture"),
        metrics=("snr", "l1_freq", "sdsdr_time"),
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
    named = [line.split()[0] for line in text.splitlines() if "_" in line]
    assert named == ["sdsdr_time", "l1_freq"]
    means = {row["method"]: row for row in tables.summary(scores) if row["source"] == "mean"}
    assert means["irm"]["sdr"] > means["mixture"]["sdr"] + 5
    assert means["irm"]["snr"] > means["mixture"]["snr"] + 5
    assert means["irm"]["l1_freq"] < means["mixture"]["l1_freq"]
    assert means["irm"]["sdsdr_time"] < means["mixture"]["sdsdr_time"]
    # A loss is each source's own, or of all together: it is never the mean in each row.
    of_irm = [row for row in tables.summary(scores) if row["method"] == "irm"][:4]
    assert len({row["l1_freq"] for row in of_irm}) == 4
    assert np.mean([row["l1_freq"] for row in of_irm]) == pytest.approx(means["irm"]["l1_freq"])
    assert all(row["sdsdr_time"] is None for row in of_irm)
    with (output / "tracks.csv").open() as file:
        found = list(csv.DictReader(file))
    assert len(found) == 3 * 2 * (4 + 1)
    assert [row["sdsdr_time"] == "" for row in found[:5]] == [True] * 4 + [False]
    assert float(found[0]["sdr"]) == pytest.approx(next(tables.rows(scores))["sdr"])
    assert (output / "scores.png").read_bytes().startswith(b"\x89PNG")
    model.network.output_affine.shift.assign_add(0.1 + 0 * model.network.output_affine.shift)
    with pytest.raises(UserError, match=r"another evaluation in .*: model small, weights"):
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
    assert "tracks without score" in summary
    assert yaml.safe_load((output / "evaluation.yaml").read_text())["audio"] == vars(AUDIO)
    assert {path.name for path in output.iterdir()} >= {"scores.png", "tracks.csv"}


def test_it_goes_on_where_it_was(tree, estimates, tmp_path):
    output = tmp_path / "scores"
    scores, _ = evaluation(tree, estimates=(str(estimates),), tracks=2).run(output)
    assert len(scores["estimates"]) == 2
    before = (output / "estimates/a.json").stat().st_mtime_ns
    lines: list[str] = []
    scores, failed = evaluation(tree, lines.append, estimates=(str(estimates),)).run(output)
    assert failed == 0
    assert len(scores["estimates"]) == 3
    assert "2 of 3 tracks are scored already" in lines
    assert (output / "estimates/a.json").stat().st_mtime_ns == before
    with pytest.raises(UserError, match=r"output: found another evaluation in .*: `metrics`"):
        evaluation(tree, estimates=(str(estimates),), metrics=("snr",)).run(output)


def test_what_is_wrong_with_estimates_is_named_and_the_rest_is_scored(tree, estimates, tmp_path):
    target, rate = soundfile.read(estimates / "a/bass.wav")
    soundfile.write(estimates / "a/bass.wav", target[:-1], rate)
    (estimates / "b/vocals.wav").unlink()
    lines: list[str] = []
    run = evaluation(tree, lines.append, estimates=(str(estimates),))
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
    assert np.isnan(table["mean"]["sdr"])  # three sources are not to be compared with four
    assert table["drums"]["NaN frames"] == 1
    assert np.isfinite(table["bass"]["sdr"])


def test_a_silent_estimate_is_its_own_source_s_missing_score(tree, estimates, tmp_path):
    """It is counted and named; the other sources and tracks are scored."""
    vocals, rate = soundfile.read(estimates / "b/vocals.wav")
    soundfile.write(estimates / "b/vocals.wav", 0 * vocals, rate, subtype="FLOAT")
    lines: list[str] = []
    run = evaluation(tree, lines.append, estimates=(str(estimates),), metrics=("snr",), tracks=2)
    scores, failed = run.run(tmp_path / "scores")
    assert failed == 0
    assert "no score: estimates: b: estimate vocals is silent throughout" in lines
    table = {row["source"]: row for row in tables.summary(scores)}
    assert table["vocals"]["tracks without score"] == table["mean"]["tracks without score"] == 1
    assert table["drums"]["tracks without score"] == 0
    first, second = scores["estimates"]
    assert table["vocals"]["sdr"] == first.medians()["sdr"][0]
    assert np.isnan(second.medians()["sdr"]).tolist() == [True, False, False, False]
    assert second.medians()["snr"][0] == -100
    assert tables.write_evaluation(scores, tmp_path / "scores")


def test_a_silent_target_costs_its_track_the_scores_of_frames_alone(tree, estimates, tmp_path):
    """Other metrics are those of the sounding sources, and other tracks keep all their scores."""
    path = next(tree.glob("*/b/vocals.wav"))
    vocals, rate = soundfile.read(path)
    soundfile.write(path, 0 * vocals, rate, subtype="FLOAT")
    lines: list[str] = []
    run = evaluation(tree, lines.append, estimates=(str(estimates),), metrics=("snr",), tracks=2)
    scores, failed = run.run(tmp_path / "scores")
    assert failed == 0
    assert "no score: estimates: b: target vocals is silent throughout" in lines
    first, second = scores["estimates"]
    assert np.isfinite(first.medians()["sdr"]).all()
    assert np.isnan(second.medians()["sdr"]).all()
    assert np.isnan(second.medians()["snr"]).tolist() == [True, False, False, False]
    table = {row["source"]: row for row in tables.summary(scores)}
    assert table["drums"]["sdr"] == first.medians()["sdr"][1]
    assert table["drums"]["tracks without score"] == table["mean"]["tracks without score"] == 1
    assert tables.write_evaluation(scores, tmp_path / "scores")


def test_names_of_methods_are_reserved(tree, tmp_path):
    """A model in a folder `irm` is not taken for the oracle, nor the oracle for it."""
    model = MaskingModel(SOURCES, AUDIO, ModelConfig(hidden_size=8))
    model.build()
    run = evaluation(tree, oracle=("irm", "irm"), metrics=(), tracks=1)
    scores, failed = run.run(tmp_path / "scores", model, "irm")
    assert failed == 0
    assert list(scores) == ["model-irm", "irm"]
    sdr = {name: tracks[0].medians()["sdr"].mean() for name, tracks in scores.items()}
    assert sdr["irm"] > sdr["model-irm"] + 3
    for name in ("mixture", "estimates", "mwf", "", ".", ".."):
        assert name_of_model(name).startswith("model")
    for name in losses.names():  # a benchmark's methods
        assert name_of_model(name) == name


def test_several_folders_of_estimates_are_methods_of_their_own(tree, estimates, tmp_path):
    soft = shutil.copytree(estimates, tmp_path / "a=b")  # a folder may have the sign in its name
    for path in soft.rglob("*.wav"):
        samples, rate = soundfile.read(path)
        soundfile.write(path, 0.5 * samples, rate, subtype="FLOAT")
    given = (f"full={estimates}", f"soft={soft}")
    output = tmp_path / "scores"
    one = evaluation(tree, estimates=given, tracks=1, metrics=("snr",), oracle=("mixture",))
    scores, failed = one.run(output)
    assert failed == 0
    assert list(scores) == ["full", "soft", "mixture"]
    snr = {name: tracks[0].medians()["snr"].mean() for name, tracks in scores.items()}
    assert snr["full"] > snr["soft"]
    assert of_folder(str(soft), "train").name == "estimates"
    again = evaluation(tree, estimates=given[::-1], metrics=("snr",), oracle=("mixture",))
    with pytest.raises(UserError, match="output: found another evaluation"):
        again.run(output)


def test_a_folder_of_estimates_claims_as_it_did_alone(tree, estimates, tmp_path):
    """An evaluation of an earlier version goes on: its file has the folder as a text."""
    evaluation(tree, estimates=(str(estimates),), tracks=1, metrics=("snr",)).run(tmp_path / "x")
    there = yaml.safe_load((tmp_path / "x/evaluation.yaml").read_text())
    assert there["estimates"] == str(estimates)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["{0}", "{0}"], "found two called estimates, wanted NAME=DIR with a name of its own"),
        (["a={0}", "a={0}"], "found two called a, wanted NAME=DIR"),
        (["irm={0}"], "found the name 'irm', wanted another: irm, ibm, mwf, mixture, estimates"),
        (["estimates={0}"], "found the name 'estimates', wanted another"),
        (["={0}"], "found '=.*, wanted a NAME that a folder can have"),
        (["../a={0}"], "found .*, wanted a NAME that a folder can have"),
        (["summary.md={0}"], r"found .*, wanted a NAME without \.csv, \.md, \.png, \.yaml"),
        (["a={0}/gone"], "found no folder .*gone, wanted a folder of stems"),
    ],
)
def test_names_of_estimates(tmp_path, given, message):
    folders = tuple(text.format(tmp_path) for text in given)
    with pytest.raises(UserError, match=f"estimates: {message}"):
        evaluation(tmp_path, estimates=folders).run(tmp_path / "scores")
    assert not (tmp_path / "scores").exists()


def test_estimates_are_several():
    folder: Any = "x"
    with pytest.raises(UserError, match=r"estimates: found 'x', wanted a tuple"):
        EvaluationConfig(estimates=folder)


def test_a_mono_model_is_scored_against_stereo_sources(tree, tmp_path):
    mono = AudioConfig(nfft=512, nhop=128, nb_channels=1)
    model = MaskingModel(SOURCES, mono, ModelConfig(hidden_size=8))
    model.build()
    settings = EvaluationConfig(subset="train", tracks=1, metrics=("snr", "l1_time"))
    music = DataConfig(root=str(tree))
    summary, failed = evaluate(tmp_path / "scores", settings, dataset=music, model=model)
    assert failed == 0
    assert "vocals" in summary


def test_a_scoring_process_that_is_killed(tree, tmp_path):
    def stems(track, work):
        for process in multiprocessing.active_children():
            process.kill()
        return tree / "train" / track.name

    tracks = open_set(DataConfig(root=str(tree)), AUDIO, splits=["train"]).train
    tasks = [Task(Method("x", stems), track, tmp_path / f"{track.name}.json") for track in tracks]
    one = Scoring(SOURCES, AUDIO, ["snr"], jobs=1, folder=tmp_path, say=print, progress=False)
    with pytest.raises(PoolKilledError, match=r"^a scoring process was killed.*goes on$") as killed:
        one.run(tasks)
    assert want_of_memory(killed.value)
    more = dataclasses.replace(one, jobs=2)
    with pytest.raises(PoolKilledError, match=r"goes on, better with fewer `jobs` than 2$"):
        more.run(tasks)


class Breaking(ThreadPoolExecutor):
    """Ends its first task, and is broken by a kill from the second on."""

    def submit(self, function, /, *arguments, **keywords):
        if self._threads:
            raise BrokenProcessPool("A process in the process pool was terminated abruptly")
        future = super().submit(function, *arguments, **keywords)
        wait([future])
        return future


def test_scores_that_ended_before_a_kill_are_kept(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(pools, "Pool", Breaking)
    tracks = open_set(DataConfig(root=str(tree)), AUDIO, splits=["train"]).train
    method = Method("x", lambda track, work: tree / "train" / track.name)
    tasks = [Task(method, track, tmp_path / f"{track.name}.json") for track in tracks]
    run = Scoring(SOURCES, AUDIO, ["snr"], jobs=1, folder=tmp_path, say=print, progress=False)
    with pytest.raises(PoolKilledError):
        run.run(tasks)
    assert [task.path.exists() for task in tasks] == [True, *[False] * (len(tasks) - 1)]


def test_nothing_to_score(tree, tmp_path):
    with pytest.raises(UserError, match="model: found nothing to score, wanted a model, `est"):
        evaluation(tree).run(tmp_path / "scores")
    with pytest.raises(UserError, match=r"estimates: found no folder .*gone, wanted"):
        evaluation(tree, estimates=(str(tmp_path / "gone"),)).run(tmp_path / "scores")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    with pytest.raises(UserError, match=r"output: found something else in .*full"):
        evaluation(tree, oracle=("irm",)).run(tmp_path / "full")
