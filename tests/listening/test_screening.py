"""Listeners who miss the hidden reference or the anchor too often are left out."""

import pandas as pd
import pytest

from mss_keras.config import CorrelationConfig, UserError
from mss_keras.listening.screening import screen


def ratings_of(listener, *, references=(), anchors=(), others=(50,)):
    kinds = {"reference": references, "anchor": anchors, "l2": others}
    return [
        {"listener": listener, "kind": kind, "rating": rating}
        for kind, ratings in kinds.items()
        for rating in ratings
    ]


def excluded(*listeners, scale="mushra", **settings):
    table = pd.DataFrame([row for rows in listeners for row in rows])
    return screen(table, scale, CorrelationConfig(**settings))


def test_the_rules_of_bs_1534():
    """15 % of 20 trials are 3: as many may be missed, one more may not."""
    found = excluded(
        ratings_of("good", references=[100] * 20, anchors=[20] * 20),
        ratings_of("just", references=[89] * 3 + [90] * 17, anchors=[91] * 3 + [90] * 17),
        ratings_of("deaf", references=[89] * 4 + [100] * 16, anchors=[20] * 20),
        ratings_of("kind", references=[100] * 20, anchors=[91] * 4 + [20] * 16),
        ratings_of("few", references=[80], anchors=[]),
        ratings_of("none"),
    )
    assert found.excluded == {
        "deaf": "hidden reference below 90 in 4 of 20 trials",
        "kind": "anchor above 90 in 4 of 20 trials",
        "few": "hidden reference below 90 in 1 of 1 trials",
        "none": "rated no hidden reference",
    }
    assert found.table.loc["just"].to_list() == [20, 3, 20, 3]
    assert found.table.loc["none"].to_list() == [0, 0, 0, 0]
    assert "below 90 in more than 15%" in found.rules[0]


def test_mos_goes_by_good():
    found = excluded(
        ratings_of("good", references=[4] * 10, anchors=[4] * 10),
        ratings_of("deaf", references=[3] * 2 + [5] * 8, anchors=[1] * 10),
        ratings_of("kind", references=[5] * 10, anchors=[5] * 2 + [1] * 8),
        scale="mos",
    )
    assert list(found.excluded) == ["deaf", "kind"]
    assert "rated below 4" in found.rules[0]


def test_other_borders_and_none():
    deaf = ratings_of("deaf", references=[70] * 10, anchors=[60] * 10)
    assert not excluded(deaf, reference_below=70.0).excluded
    found = excluded(deaf, reference_below=0.0, anchor_above=50.0)
    assert list(found.excluded.values()) == ["anchor above 50 in 10 of 10 trials"]
    assert not excluded(deaf, allowed_share=1.0).excluded
    found = excluded(deaf, keep_all=True)
    assert not found.excluded
    assert not found.rules
    assert found.table.loc["deaf", "missed references"] == 10


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"allowed_share": 15.0}, "allowed_share: found 15.0, wanted a share"),
        (
            {"reference_below": float("nan")},
            "reference_below: found nan, wanted a rating, 0 to 100",
        ),
        ({"anchor_above": -5.0}, "anchor_above: found -5.0, wanted a rating, 0 to 100"),
        ({"confidence": 95.0}, "confidence: found 95.0, wanted a number between 0 and 1"),
        ({"resamples": 5}, "resamples: found 5, wanted 100 or more"),
        ({"seed": -1}, "seed: found -1"),
        ({"rank_by": "tau"}, "rank_by: found 'tau'"),
    ],
)
def test_wrong_settings(values, message):
    with pytest.raises(UserError, match=message):
        CorrelationConfig(**values)
