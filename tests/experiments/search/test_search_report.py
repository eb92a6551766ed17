"""What a search shows, of trials that were made up."""

import csv

import numpy as np
import pytest
from keras_tuner.errors import FailedTrialError

from mss_keras.config import RunConfig, SearchConfig, TrainingConfig
from mss_keras.experiments.search import pictures as search_pictures
from mss_keras.experiments.search.oracles import make_oracle
from mss_keras.experiments.search.plan import RunModel
from mss_keras.experiments.search.report import Progress, completed
from mss_keras.experiments.search.space import Space
from mss_keras.experiments.search.tuner import Tuner
from mss_keras.training import runs

CONFIG = RunConfig(training=TrainingConfig(loss=("deep_feature",)))
SPACE = Space.of(CONFIG, ["feature-layers=conv1+conv2:conv4_2", "delta=0:2"])


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
    folder, lines = tmp_path_factory.mktemp("search"), []
    oracle = make_oracle(SearchConfig(tuner="random", trials=5), SPACE, epochs=1, seed=0)
    told = Progress(
        *(oracle, SPACE, folder, lines.append),
        best=lambda trial: SPACE.configuration(CONFIG, trial.hyperparameters.values),
        demonstration=True,
    )
    tuner = MadeUp(oracle, RunModel(CONFIG, SPACE, 1), folder, told.update)
    told.begin()
    tuner.search()
    told.finish()
    return folder, lines, told


def test_a_line_a_trial(searched):
    _, lines, _ = searched
    assert lines[0].startswith("searching delta, lambda, feature_layers for val_si_sdr, in ")
    assert [line.split()[0] for line in lines[1:]] == [f"{n}/5" for n in range(1, 6)]
    assert "val_si_sdr -3.00 dB (best -3.00, 0), about " in lines[1]
    assert "failed: loss is nan at epoch 1, about " in lines[2]
    assert lines[5].endswith("val_si_sdr 1.00 dB (best 1.00, 4), about 0 min left")


def test_the_table_has_the_best_first_and_what_failed_last(searched):
    folder, _, told = searched
    with (folder / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == ["4", "3", "2", "0", "1"]
    assert rows[-1]["note"] == "failed: loss is nan at epoch 1"
    assert {row["note"] for row in rows[:-1]} == {"demonstration"}
    assert told.table().startswith("Demonstration on seconds of one song")
    best = runs.read_config(folder / "best.yaml").training
    assert best.loss_args["lambda"] == float(rows[0]["lambda"])
    assert "+".join(best.feature_layers) == rows[0]["feature_layers"]


def test_pictures_show_every_trial(searched):
    _, _, told = searched
    trials = completed(told.oracle)
    panels = search_pictures.weights(trials, SPACE, "val_si_sdr").axes
    assert [panel.get_xscale() for panel in panels] == ["linear", "log", "linear"]
    drawn = panels[1].collections[0].get_offsets()
    values = [(t.hyperparameters.values["lambda"], t.score) for t in trials]
    np.testing.assert_allclose(drawn, values)
    lines = search_pictures.coordinates(trials, SPACE, "val_si_sdr").axes[0].lines
    heights = [line.get_ydata() for line in lines if len(line.get_xdata()) == 4]
    assert len(heights) == 4
    assert np.all((np.array(heights) >= 0) & (np.array(heights) <= 1))
    assert heights[-1][-1] == 1  # the best on top
    ended = [told.oracle.trials[name] for name in told.oracle.end_order]
    (panel,) = search_pictures.over_trials(ended, "val_si_sdr").axes
    np.testing.assert_array_equal(panel.lines[0].get_ydata(), [-3, -3, -1, 0, 1])
    assert panel.collections[1].get_offsets().tolist() == [[2, -3]]  # the one that failed
