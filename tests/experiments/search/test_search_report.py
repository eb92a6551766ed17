"""What a search shows, of trials that were made up."""

import csv

import pytest
import tensorflow as tf
from keras_tuner.errors import FailedTrialError
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

from mss_keras.config import RunConfig, SearchConfig, TrainingConfig
from mss_keras.experiments.search.plan import Search
from mss_keras.experiments.search.report import Progress
from mss_keras.experiments.search.tuner import Tuner
from mss_keras.reports import trials
from mss_keras.reports.trials import Axis
from mss_keras.training import runs

CONFIG = RunConfig(training=TrainingConfig(loss=("deep_feature",)))


class MadeUp(Tuner):
    """The last of its trials is the best, the second fails."""

    def run_trial(self, trial, *args, **kwargs):
        number = int(trial.trial_id)
        if number == 1:
            raise FailedTrialError("loss is nan at epoch 1")
        return {"val_si_sdr": number - 3.0}


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """Folder, what was said, and what came of it."""
    folder = tmp_path_factory.mktemp("search")
    lines: list[str] = []
    ranges = ("feature-layers=conv1+conv2:conv4_2", "delta=0:2")
    settings = SearchConfig(tuner="random", trials=5, range=ranges)
    search = Search(CONFIG, settings, folder, demonstration=True)
    oracle = search.oracle()
    progress = Progress(search, oracle, say=lines.append)

    def after_trial():
        progress.update()
        there = {path.name for path in (folder / "tensorboard").iterdir()}
        assert there == {"search", *oracle.end_order}

    tuner = MadeUp(oracle, search.model(), folder, after_trial=after_trial)
    progress.begin()
    tuner.search()
    progress.finish()
    return folder, lines, progress


def test_a_line_a_trial(searched):
    _, lines, _ = searched
    assert lines[0].startswith("searching delta, lambda, feature_layers for val_si_sdr, in ")
    assert lines[1] == "5 trials"
    assert [line.split()[0] for line in lines[2:]] == [f"{n}/5" for n in range(1, 6)]
    assert "val_si_sdr -3.00 dB (best -3.00, 0), about " in lines[2]
    assert "failed: loss is nan at epoch 1, about " in lines[3]
    assert lines[6].endswith("val_si_sdr 1.00 dB (best 1.00, 4), about 0 min left")


@pytest.mark.parametrize(("tuner", "trials"), [("hyperband", 12), ("grid", 16)])
def test_how_many_trials_will_run(tmp_path, tuner, trials):
    """Where brackets or a grid have no use for all."""
    lines: list[str] = []
    search = Search(CONFIG, SearchConfig(tuner=tuner, trials=24, trial_epochs=27), tmp_path)
    Progress(search, search.oracle(), say=lines.append).begin()
    assert lines[1] == f"{trials} trials; {tuner} has no use for {24 - trials} more"


def test_the_table_has_the_best_first_and_what_failed_last(searched):
    folder, _, progress = searched
    with (folder / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == ["4", "3", "2", "0", "1"]
    assert rows[-1]["note"] == "failed: loss is nan at epoch 1"
    assert {row["note"] for row in rows[:-1]} == {"demonstration"}
    assert progress.table().startswith("Demonstration on seconds of one song")
    best = runs.read_config(folder / "best.yaml").training
    assert best.loss_args["lambda"] == float(rows[0]["lambda"])
    assert "+".join(best.feature_layers) == rows[0]["feature_layers"]


def test_tensorboard_has_the_values_and_the_score_of_every_trial(searched):
    folder, *_ = searched
    logs = {
        path.name: EventAccumulator(str(path)).Reload()
        for path in (folder / "tensorboard").iterdir()
    }
    held = {name: log.PluginTagToContent("hparams") for name, log in logs.items()}

    def read(name, kind):
        (content,) = (held[name][tag] for tag in held[name] if tag.endswith(kind))
        return getattr(plugin_data_pb2.HParamsPluginData.FromString(content), kind)

    experiment = read("search", "experiment")
    assert [info.name for info in experiment.hparam_infos] == ["delta", "lambda", "feature_layers"]
    assert [info.name.tag for info in experiment.metric_infos] == ["val_si_sdr"]
    with (folder / "trials.csv").open() as file:
        rows = {row["trial"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(logs) - {"search"}
    for name, row in rows.items():
        values = read(name, "session_start_info").hparams
        assert values["delta"].number_value == float(row["delta"])
        assert values["feature_layers"].string_value == row["feature_layers"]
        status = read(name, "session_end_info").status
        scores = logs[name].Tags()["tensors"]
        if row["note"].startswith("failed"):
            assert status == api_pb2.STATUS_FAILURE
            assert "val_si_sdr" not in scores
        else:
            assert status == api_pb2.STATUS_SUCCESS
            (score,) = logs[name].Tensors("val_si_sdr")
            assert tf.make_ndarray(score.tensor_proto) == float(row["val_si_sdr"])


def test_a_search_that_goes_on_leaves_the_log_of_ended_trials_alone(searched):
    folder, _, progress = searched
    files = sorted((folder / "tensorboard").rglob("*tfevents*"))
    assert len(files) == 6
    before = [(path, path.stat().st_mtime_ns) for path in files]
    progress.update()
    files = sorted((folder / "tensorboard").rglob("*tfevents*"))
    assert [(path, path.stat().st_mtime_ns) for path in files] == before


def test_figures_show_every_trial(searched, monkeypatch):
    """What they look like is in `tests/reports/test_trials.py`."""
    folder, _, progress = searched
    drawn = {}
    for name in ("weights", "coordinates", "progress"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        draw = getattr(trials, name)
        monkeypatch.setattr(
            trials,
            name,
            lambda *given, name=name, draw=draw, **options: (
                drawn.update({name: given}) or draw(*given, **options)
            ),
        )
    progress.finish()
    axes, scores, label = drawn["weights"]
    assert drawn["coordinates"] == drawn["weights"]
    assert (scores, label) == ([1, 0, -1, -3], "val_si_sdr, dB")
    assert [axis.name for axis in axes] == ["delta", "lambda", "feature_layers"]
    assert axes[0] == Axis("delta", axes[0].values, low=0, high=2)
    assert axes[2].choices == ("conv1+conv2", "conv4_2")
    with (folder / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))[:4]
    assert [str(value) for value in axes[1].values] == [row["lambda"] for row in rows]
    assert drawn["progress"] == ([-3, None, -1, 0, 1], "val_si_sdr, dB")


def test_one_setting_has_no_coordinates(tmp_path):
    """What they would show, `weights.png` shows."""
    settings = SearchConfig(tuner="random", trials=2)
    config = RunConfig(training=TrainingConfig(loss=("dissimilarity_freq",)))
    search = Search(config, settings, tmp_path)
    oracle = search.oracle()
    MadeUp(oracle, search.model(), tmp_path).search()
    Progress(search, oracle, say=lambda line: None).finish()
    assert {path.name for path in tmp_path.glob("*.png")} == {"weights.png", "progress.png"}
