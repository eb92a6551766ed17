"""Ranges and choices: where a search looks for one setting, and the grid in there."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mss_keras.config import FEATURE_LAYERS, UserError
from mss_keras.losses import Range


@dataclass(frozen=True)
class Choices:
    """Alternatives without an order.

    Args:
        values: the alternatives.
    """

    values: tuple[str, ...]


Span = Range | Choices

# Settings of a run that are searched on request, with their usual values.
SETTINGS: dict[str, Span] = {
    "lr": Range(1e-5, 1e-2),
    "hidden_size": Range(128, 1024),
    "seq_dur": Range(2, 8, log=False),
    "feature_layers": Choices((*FEATURE_LAYERS, "+".join(FEATURE_LAYERS))),
}
# Even numbers, half for each direction of the LSTMs.
EVEN = frozenset({"hidden_size"})


def parse(text: str, usual: Span | None) -> Span:
    """Reads what a user gave for one setting.

    Args:
        text: `NAME`, `NAME=LOW:HIGH`, `NAME=LOW:HIGH:log` or `NAME=LOW:HIGH:linear`; of
            `feature_layers`, `NAME=A+B:C` with the alternatives A and B together, or C.
        usual: stands for the name alone, and tells whether the scale is logarithmic where the
            text does not.

    Raises:
        UserError: for anything else, or an empty or reversed range.

    Example:
        >>> parse("gamma=1e-4:0.1", None)
        Range(low=0.0001, high=0.1, log=True)
        >>> parse("lr", Range(1e-5, 1e-2))
        Range(low=1e-05, high=0.01, log=True)
    """
    _, given, values = text.partition("=")
    if not given and usual is not None:
        return usual
    if isinstance(usual, Choices):
        return _parse_layers(text, values)
    try:
        low, high, *scale = values.split(":")
        ends = float(low), float(high)
        if scale not in ([], ["log"], ["linear"]):
            raise ValueError
    except ValueError:
        wanted = "NAME=LOW:HIGH or NAME=LOW:HIGH:log, say gamma=1e-4:1e-1:log"
        raise UserError("range", repr(text), wanted) from None
    usually_log = usual is None or usual.log
    log = scale == ["log"] if scale else ends[0] > 0 and usually_log
    if not (all(map(math.isfinite, ends)) and ends[0] < ends[1]):
        raise UserError("range", repr(text), "a smaller number before a larger one")
    if log and ends[0] <= 0:
        raise UserError("range", repr(text), "numbers above 0 for a log range")
    return Range(*ends, log)


def ends(name: str, span: Span) -> tuple[Any, Any]:
    """The first and the last value of a setting."""
    if isinstance(span, Choices):
        return span.values[0], span.values[-1]
    return (int(span.low), int(span.high)) if name in EVEN else (span.low, span.high)


def grid(name: str, span: Span, count: int) -> list[Any]:
    """All choices, or so many values of a range: both ends, and equal steps between them."""
    if isinstance(span, Choices):
        return list(span.values)
    steps = [i / (count - 1) for i in range(count)]
    if span.log:
        values = [span.low * (span.high / span.low) ** step for step in steps]
    else:
        values = [span.low + (span.high - span.low) * step for step in steps]
    if name in EVEN:
        return list(dict.fromkeys(2 * round(value / 2) for value in values))
    return values


def points(spans: Iterable[Span], trials: int) -> int:
    """How many values of each range a grid has that so many trials are enough for.

    Raises:
        UserError: if they are not enough for all choices with both ends of each range.

    Example:
        >>> points([Range(0, 1), Range(0, 1)], trials=30)
        5
    """
    spans = list(spans)
    choices = math.prod(len(span.values) for span in spans if isinstance(span, Choices))
    ranges = sum(isinstance(span, Range) for span in spans)
    least = choices * 2**ranges
    if trials < least:
        wanted = f"at least {least} for a grid with both ends of each range"
        raise UserError("trials", trials, wanted)
    count = 2
    while ranges and choices * (count + 1) ** ranges <= trials:
        count += 1
    return count


def _parse_layers(text: str, values: str) -> Choices:
    alternatives = values.split(":")
    layers = {layer for alternative in alternatives for layer in alternative.split("+")}
    if unknown := layers - set(FEATURE_LAYERS):
        raise UserError(
            "range",
            f"{sorted(unknown)} in {text!r}",
            f"alternatives as conv1+conv2:conv4_2 of {', '.join(FEATURE_LAYERS)}",
        )
    return Choices(tuple(dict.fromkeys(alternatives)))
