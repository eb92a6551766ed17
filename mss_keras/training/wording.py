"""Numbers and times in few letters, and lines that fit a terminal."""

import math
from collections.abc import Sequence


def number(value: float) -> str:
    """A number in four digits, without an exponent where it can be read without.

    Example:
        >>> [number(x) for x in (0.01234567, -123.4567, 98765.4321, 0.000012345, 0.0)]
        ['0.01235', '-123.5', '98765', '1.23e-5', '0']
    """
    size = abs(value)
    if not math.isfinite(value) or size == 0:
        return f"{value:g}"
    if 1e-4 <= size < 1e6:
        return f"{value:.{max(0, 3 - math.floor(math.log10(size)))}f}"
    digits, exponent = f"{value:.2e}".split("e")
    return f"{digits}e{int(exponent)}"


def decibels(value: float) -> str:
    """A level.

    Example:
        >>> decibels(-0.128), decibels(-0.001)
        ('-0.13 dB', '0.00 dB')
    """
    return f"{value:z.2f} dB"


def duration(seconds: float) -> str:
    """A time in its two largest units.

    Example:
        >>> [duration(x) for x in (0.3, 59.7, 400, 12000, 200000)]
        ['0.3 s', '1 min', '7 min', '3 h 20 min', '2 d 8 h']
    """
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours == 0:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes} min"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} d {hours} h"


def fitting(parts: Sequence[str], order: Sequence[str], width: int | None = None) -> str:
    """Parts of a line, two spaces apart; those that find no room are left out.

    Args:
        parts: the parts, in the order in which they are shown.
        order: the same parts, the most important ones first. The first always stays.
        width: letters that there is room for. Defaults to `None`, which is any number.

    Example:
        >>> fitting(["epoch 1/9", "loss 0.2", "12 s"], ["epoch 1/9", "12 s", "loss 0.2"], 18)
        'epoch 1/9  12 s'
    """
    kept = list(order)
    while len(kept) > 1 and width is not None and len("  ".join(kept)) > width:
        kept.pop()
    return "  ".join(part for part in parts if part in kept)
