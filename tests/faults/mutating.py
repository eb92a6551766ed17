"""Files and messages as an accident or an enemy leaves them, the same for the same seed."""

import random
import re
from collections.abc import Callable

_NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1)
_HEADER = 256  # bytes, in which most formats say their sizes
_VALUES = (
    *(b"0", b"-1", b"1e999", b"-1e308", b"1e-320", b"99999999999999999999", b".nan", b"NaN"),
    *(
        b"null",
        b"[]",
        b"{}",
        b"true",
        b"''",
        b"[[[[[[[[1]]]]]]]]",
        b"!!python/name:os.system",
        b"&a",
    ),
    *(b"\xff\xfe", b"\0", b"*a", b"../../x", b"2026-11-25", b"x" * 5000, b"[" * 3000, b"0x10"),
)

Mutation = Callable[[bytearray, random.Random], None]


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice([1, 2, 8, 64])):
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def _leave_out(data: bytearray, rng: random.Random) -> None:
    begin = _place(data, rng)
    del data[begin : begin + _length(data, rng)]


def _duplicate(data: bytearray, rng: random.Random) -> None:
    begin = _place(data, rng)
    block = data[begin : begin + _length(data, rng)]
    place = _place(data, rng)
    data[place:place] = block


def _zero(data: bytearray, rng: random.Random) -> None:
    begin = _place(data, rng)
    end = min(len(data), begin + _length(data, rng))
    data[begin:end] = bytes(end - begin)


def _scramble(data: bytearray, rng: random.Random) -> None:
    begin = _place(data, rng)
    end = min(len(data), begin + _length(data, rng))
    data[begin:end] = rng.randbytes(end - begin)


def _number(data: bytearray, rng: random.Random) -> None:
    size, order = rng.choice([1, 2, 4, 8]), rng.choice(["little", "big"])
    number = (rng.choice(_NUMBERS) & (256**size - 1)).to_bytes(size, order)
    begin = _place(data, rng)
    data[begin : begin + size] = number


def _value(data: bytearray, rng: random.Random) -> None:
    found = list(re.finditer(rb"(?<=[:\[,] )[^\s,\]}]+|-?\d+(\.\d+)?(e-?\d+)?", data))
    if found:
        begin, end = rng.choice(found).span()
        data[begin:end] = rng.choice(_VALUES)


def _line(data: bytearray, rng: random.Random) -> None:
    lines = data.splitlines(keepends=True)
    number = rng.randrange(len(lines))
    line = lines[number]
    lines[number] = rng.choice([bytearray(), line + line, bytearray(b"  ") + line])
    data[:] = b"".join(lines)


OF_BYTES: tuple[Mutation, ...] = (
    *(_flip, _cut, _leave_out, _duplicate, _zero, _scramble, _number, _number),
)
OF_TEXT: tuple[Mutation, ...] = (*OF_BYTES, *(_value,) * 12, *(_line,) * 3)


def mutated(data: bytes, rng: random.Random, mutations: tuple[Mutation, ...] = OF_BYTES) -> bytes:
    """What one to three mutations make of it.

    Args:
        data: whole and right.
        rng: chooses.
        mutations: to choose from.
    """
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 3])):
        if changed:
            rng.choice(mutations)(changed, rng)
    return bytes(changed)


def _place(data: bytearray, rng: random.Random) -> int:
    return rng.randrange(rng.choice([len(data), min(len(data), _HEADER)]))


def _length(data: bytearray, rng: random.Random) -> int:
    return rng.randrange(1, rng.choice([8, 64, 4096, len(data) + 2]))
