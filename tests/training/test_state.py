"""The state of a run: there and back, and with names of before."""

import json

import pytest

from mss_keras.training.state import RunState

STATE = RunState(
    epoch=2,
    best_epoch=1,
    phase=1,
    stopped=True,
    history=[{"epoch": 1, "val_snr": 1.0}, {"epoch": 2, "val_snr": 2.0}],
    plateau={"wait": 1},
    stopping={"best": 0.5},
)


def test_there_and_back():
    assert RunState.from_json(STATE.to_json(sha256="of the weights"), pytest.fail) == STATE


def test_old_names_are_read_with_a_line():
    lines: list[str] = []
    text = STATE.to_json().replace("val_snr", "val_sdr")
    assert RunState.from_json(text, lines.append) == STATE
    (line,) = lines
    assert "val_sdr is called val_snr" in line


@pytest.mark.parametrize(
    "wrong",
    [
        {"epoch": "2"},
        {"best_epoch": [1]},
        {"stopped": 1},
        {"history": {"epoch": 1}},
        {"history": [{"epoch": 1, "val_snr": "x"}]},
        {"plateau": None},
    ],
)
def test_values_of_other_types(wrong):
    with pytest.raises(TypeError, match=f"{next(iter(wrong))} is "):
        RunState.from_json(json.dumps({**json.loads(STATE.to_json()), **wrong}))


def test_figures_may_be_nan():
    history = [{"epoch": 1, "val_snr": float("nan")}]
    text = RunState(epoch=1, best_epoch=None, history=history).to_json()
    assert RunState.from_json(text).history[0]["epoch"] == 1


@pytest.mark.parametrize("text", ["[]", "{}", json.dumps({"epoch": 1}), "{"])
def test_other_texts(text):
    with pytest.raises((ValueError, KeyError, TypeError)):
        RunState.from_json(text)


@pytest.mark.parametrize(
    ("phase", "epochs", "over"),
    [
        (0, 9, True),  # a later phase has begun
        (1, 9, True),  # it was ended early
        (2, 9, False),
        (2, 2, True),  # no epochs are left
    ],
)
def test_which_phases_are_over(phase, epochs, over):
    assert STATE.ends(phase, epochs) is over
