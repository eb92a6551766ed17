"""Warnings at the end of a training: what has to be said, and what must not be."""

import dataclasses

import pytest

from mss_keras.config import DataConfig, RunConfig, TrainingConfig
from mss_keras.training.advice import advice, few_steps
from mss_keras.training.scores import Score

NAN = float("nan")
SOUND = [
    *(Score("train", name, 6.0, 1.0) for name in ("bass", "drums")),
    *(Score("valid", name, 4.0, 1.0) for name in ("bass", "drums")),
]
CONFIG = RunConfig(training=TrainingConfig(lr=0.001, epochs=30))


def history(rates=None, epochs=20):
    rates = rates or [0.001] * epochs
    return [{"epoch": i + 1, "learning_rate": rate} for i, rate in enumerate(rates)]


def said(scores=SOUND, *, best_epoch=10, tracks=86, config=CONFIG, **kwargs):
    rows = history(**kwargs)
    found = advice(config, scores, history=rows, best_epoch=best_epoch, tracks=tracks)
    return [remark.text for remark in found]


def test_a_run_without_faults_has_no_warnings():
    assert said() == []
    silent = [*SOUND, Score("valid", "choir", NAN, NAN)]
    assert said(silent) == []
    assert said([Score("valid", "choir", NAN, NAN)]) == []


@pytest.mark.parametrize(
    ("learned", "why"),
    [
        (0.5, "So it is on training music: the network has not learned to separate"),
        (8.0, "On training music the mean is 7.0 dB above the mixture's"),
    ],
)
def test_worse_than_the_mixture(learned, why):
    scores = [
        Score("train", "bass", learned, 1.0),
        Score("valid", "bass", -3.24, 1.0),
        Score("valid", "drums", 1.5, 1.0),
        Score("valid", "choir", NAN, NAN),
    ]
    (text,) = said(scores)
    names = (
        "bass (-3.2 dB, the mixture 1.0 dB) and the mean of the sources (-0.9 dB, the mixture 1.0 "
        "dB)."
    )
    assert (
        f"On the validation excerpt SI-SDR is below that of the mixture left as it is: {names}"
        in text
    )
    assert "drums" not in text
    assert why in text
    assert ("more `epochs` than 30, or another `lr` than 0.001" in text) == (learned < 1)


def test_one_source_worse_while_the_mean_is_better():
    (text,) = said([Score("valid", "bass", 0.9, 1.0), Score("valid", "drums", 9.0, 1.0)])
    assert "bass (0.9 dB" in text
    assert "mean" not in text


def test_training_that_is_worse_alone_is_not_told():
    """A warning is about music that was not trained on."""
    assert said([Score("train", "bass", 0.0, 1.0), Score("valid", "bass", 2.0, 1.0)]) == []


def test_the_first_epoch_was_the_best():
    (text,) = said(best_epoch=1)
    assert "lowest after the first of 20 epochs" in text
    assert "a smaller `lr` than 0.001" in text
    assert said(best_epoch=2) == []
    assert said(best_epoch=1, epochs=4) == []  # too early to say
    assert len(said(best_epoch=1, epochs=5)) == 1


def test_the_learning_rate_is_gone():
    rates = [0.001] * 10 + [1.1e-6] * 3 + [9e-7] * 7
    (text,) = said(rates=rates)
    assert "from 0.001 to 9e-07: the last 7 epochs of 20 changed next to nothing" in text
    assert "`lr_decay_patience` than 80" in text
    assert said(rates=rates[:13]) == []
    assert said(rates=[*rates, 0.001]) == []  # a later phase began anew
    (text,) = said(rates=[1e-9] * 3)
    assert "the last 3 epochs of 3" in text


def test_a_training_that_ended_while_it_improved():
    (text,) = said(best_epoch=30, epochs=30)
    assert "the same command with more `epochs` goes on" in text
    assert said(best_epoch=29, epochs=30) == []
    assert said(best_epoch=20, epochs=20) == []  # stopped or killed before its end


def test_a_handful_of_steps():
    data = DataConfig(samples_per_track=8, batch_size=16)
    (text,) = said(tracks=4, config=dataclasses.replace(CONFIG, data=data))
    assert "An epoch has 2 steps (4 tracks, `samples_per_track` 8, `batch_size` 16)" in text
    assert "`samples_per_track` 400, which makes 100 steps" in text
    assert "`samples_per_track` 534, which" in str(few_steps(3, data))  # 533 make 99
    assert few_steps(20, data) is None  # 10
    assert few_steps(19, data)
    assert "1 step " in str(few_steps(1, data))  # fewer examples than a batch has


def test_one_track():
    (text,) = said(tracks=1, config=dataclasses.replace(CONFIG, data=DataConfig(batch_size=1)))
    assert text.startswith("There is one training track")


def test_the_serious_come_first():
    scores = [Score("valid", "bass", 0.0, 1.0)]
    found = advice(CONFIG, scores, history=history(epochs=30), best_epoch=30, tracks=86)
    assert [remark.line.split(":")[0] for remark in found] == ["warning", "note"]
