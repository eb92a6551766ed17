"""Numbers of any size are read at a glance."""

import pytest

from mss_keras.training.wording import duration, number


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("power", range(-6, 7))
def test_numbers_have_four_digits_and_few_letters(power, sign):
    value = sign * 1.23456 * 10.0**power
    shown = number(value)
    assert float(shown) == pytest.approx(value, rel=5e-3)
    assert len(shown) <= 10
    assert ("e" in shown) == (not -4 <= power < 6)
    assert "e-0" not in shown
    assert "+" not in shown


def test_what_is_not_finite_says_so():
    assert [number(float(x)) for x in ("nan", "inf", "-inf")] == ["nan", "inf", "-inf"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(9.96, "10 s"), (3599, "1 h 0 min"), (7199, "2 h 0 min"), (48 * 3600, "2 d 0 h")],
)
def test_times_at_the_edges_of_their_units(seconds, shown):
    assert duration(seconds) == shown
