"""Where a run goes on, on a separator that is made up."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from mss_keras import data
from mss_keras.config import AdversarialConfig, AudioConfig, DataConfig, RunConfig, TrainingConfig
from mss_keras.training import fitting
from mss_keras.training.callbacks import SaveState, ShowProgress
from mss_keras.training.companions import Phase
from mss_keras.training.devices import choose
from mss_keras.training.fitting import Fitting
from mss_keras.training.state import RunState

AUDIO = AudioConfig(nfft=512, nhop=256)


@pytest.fixture
def fit(tree, tmp_path):
    """A fitting in batches of 4, 8 examples of each of 3 tracks; its separator does nothing."""
    music = DataConfig(root=str(tree), seq_dur=0.3, batch_size=4, samples_per_track=8)
    training = TrainingConfig(lr=0.5, epochs=9, seed=3)
    separator: Any = SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.125))
    opened = data.open_set(music, AUDIO)
    config = RunConfig(audio=AUDIO, data=music, training=training)
    lines: list[str] = []
    return Fitting(separator, config, opened, tmp_path, choose("cpu"), None, lines.append)


def test_the_tracks_of_steps_are_those_of_their_batches(fit):
    """From the first to the last, both included."""

    def drawn(indices):
        told = data.origins_of(indices, fit.music.train, fit.config.data, audio=AUDIO, seed=3)
        return sorted({origin.name for each in told for origin in each["sources"]})

    assert fit._tracks_of_steps(1, 2) == drawn(range(4, 12))
    assert fit._tracks_of_steps(5, 5) == drawn(range(20, 24))


@pytest.mark.parametrize(("phase", "rate"), [(0, 0.125), (1, 0.5)])
def test_a_later_phase_begins_at_the_first_learning_rate(fit, phase, rate):
    fit._announce(phase, Phase(9, 9), RunState(2, 1, phase=0))
    assert fit.separator.optimizer.learning_rate == rate


@pytest.mark.parametrize("done", [0, 2])
def test_examples_go_on_after_those_of_the_epochs_that_are_done(fit, monkeypatch, done):
    real, asked = fitting.data.training_examples, {}

    def training_examples(*args, **kwargs):
        asked.update(kwargs)
        return real(*args, **kwargs)

    def train(examples, callbacks, **kwargs):
        asked.update(kwargs)
        (save,) = (each for each in callbacks if isinstance(each, SaveState))
        save.state = RunState(9, 1)

    monkeypatch.setattr(fitting.data, "training_examples", training_examples)
    fit.separator.fit = train
    state = RunState(done, 1) if done else None
    fit._fit(0, Phase(9, 9), state, checkpoints=None, interrupt=None, progress=False)
    assert asked["steps_per_epoch"] == 6
    assert asked["start"] == done * 6 * 4  # batches of 4
    assert asked["initial_epoch"] == done
    assert asked["unpaired"] is None
    assert fit.separator.sparse_logs


def test_whatever_ends_an_epoch_takes_the_bar_away(fit, monkeypatch):
    shown = []

    def train(examples, callbacks, **kwargs):
        (show,) = (each for each in callbacks if isinstance(each, ShowProgress))
        show.set_params({"steps": 6})
        show.on_epoch_begin(0)
        shown.extend([show, show.bar])
        raise KeyboardInterrupt

    fit.separator.fit = train
    with pytest.raises(KeyboardInterrupt):
        fit._fit(0, Phase(9, 9), None, checkpoints=None, interrupt=None, progress=True)
    show, bar = shown
    assert bar.disable  # closed
    assert show.bar is None


@pytest.mark.parametrize("state", [None, RunState(2, 1, history=[{"epoch": 1}, {"epoch": 2}])])
def test_pretrained_weights_are_those_of_the_first_epoch_alone(fit, monkeypatch, state):
    """A run that is resumed has its own; it writes the rows that it may lack."""
    adversarial = AdversarialConfig(pretrained="runs/a")
    config = dataclasses.replace(fit.config, adversarial=adversarial)
    fit = dataclasses.replace(fit, config=config)
    monkeypatch.setattr(fitting, "pretrained_weights", lambda path, separator: [path])
    taken: list[list] = []
    fit.separator.set_weights = taken.append
    checkpoints: Any = SimpleNamespace(restore=lambda separator: state)
    assert fit._begin(checkpoints) is state
    assert taken == ([] if state else [["runs/a"]])
    assert (fit.folder / "history.csv").exists() == bool(state)
