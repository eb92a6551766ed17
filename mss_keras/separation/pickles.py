"""Pickles that are followed and not run.

A pickle is a program, and Python's own `pickle` calls whatever it names, such as os.system. Those
of PyTorch's tensors need a few instructions, for containers, numbers and texts, and a few names.
These are followed here one by one, any other instruction or name is refused, and nothing is called
but what the caller has put in the place of those names.
"""

import pickletools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

# Instructions of a pickle, and values handed to calls; those of a network have some thousands.
_MOST = 2_000_000

_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
_VALUES = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"),
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class RefusedError(Exception):
    """Something that a pickle of tensors does not have."""


class Name:
    """A name in a pickle, such as `torch.FloatStorage`, and what stands for it.

    Args:
        name: str. The name, with its module.
        made: Callable. What is called in place of what the name names.
    """

    __slots__ = ("made", "name")

    def __init__(self, name: str, made: Callable[..., Any]):
        self.name, self.made = name, made


def follow(
    file: BinaryIO, known: Mapping[str, Callable[..., Any]], persistent: Callable[[Any], Any]
) -> Any:
    """The value of the next pickle in a file.

    Args:
        file: BinaryIO. Is read to the end of the pickle.
        known: mapping. What is called in place of what a name names, by the name with its module.
        persistent: Callable. Returns what a persistent identifier stands for.

    Returns:
        Of numbers, texts, tuples, lists, dictionaries, `Name` and what the functions return.

    Raises:
        RefusedError: for any other instruction or name.
        ValueError, IndexError: for what is no pickle, or a damaged one.
    """
    stack: list[Any] = []
    below: list[list[Any]] = []  # stacks under the marks
    memo: dict[int, Any] = {}
    argument: Any
    handed = 0  # values in arguments of calls, which may be the same ones again and again
    for number, (operation, argument, _) in enumerate(pickletools.genops(file)):
        if number + handed > _MOST:
            raise RefusedError("a pickle that is too long")
        name = operation.name
        if name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name in _TUPLES:
            stack[-_TUPLES[name] :] = [_last(stack, _TUPLES[name])]
        elif name == "MARK":
            below.append(stack)
            stack = []
        elif name in ("TUPLE", "APPENDS", "SETITEMS"):
            items, stack = stack, below.pop()
            if name == "TUPLE":
                stack.append(tuple(items))
            else:
                _fill(stack[-1], items, pairs=name == "SETITEMS")
        elif name in ("APPEND", "SETITEM"):
            count = 1 if name == "APPEND" else 2
            items = list(_last(stack, count))
            del stack[-count:]
            _fill(stack[-1], items, pairs=name == "SETITEM")
        elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memo[len(memo) if argument is None else argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            words = argument.split(" ") if name == "GLOBAL" else [stack.pop(-2), stack.pop()]
            stack.append(_named(words, known))
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            if not isinstance(function, Name) or type(arguments) is not tuple:
                raise RefusedError("a call of something that has no name")
            handed += sum(len(x) for x in arguments if isinstance(x, (tuple, list, dict, str)))
            stack.append(function.made(*arguments))
        elif name == "BINPERSID":
            stack.append(persistent(stack.pop()))
        elif name == "BUILD":  # attributes, which dictionaries have and nobody needs
            stack.pop()
            if type(stack[-1]) is not dict:
                raise RefusedError("attributes of something that is no dictionary")
        elif name == "STOP":
            return stack.pop()
        elif name not in ("PROTO", "FRAME"):
            raise RefusedError(f"the instruction {name} of a pickle")
    raise RefusedError("a pickle without an end")


def dictionary(pairs: Any = ()) -> dict[str | int, Any]:
    """In place of a class of dictionaries.

    Raises:
        RefusedError: for what is no list of pairs.
    """
    made: dict[str | int, Any] = {}
    for pair in pairs:
        if len(pair) != 2:
            raise RefusedError("a damaged pickle")
        _fill(made, pair, pairs=True)
    return made


def _last(stack: list[Any], count: int) -> tuple[Any, ...]:
    if len(stack) < count:
        raise RefusedError("a damaged pickle")
    return tuple(stack[-count:])


def _named(words: list[Any], known: Mapping[str, Callable[..., Any]]) -> Name:
    if not all(type(word) is str for word in words):
        raise RefusedError("a name that is no text")
    name = ".".join(words)
    if name not in known:
        raise RefusedError(f"the name {name[:80]}")
    return Name(name, known[name])


def _fill(target: Any, items: Any, *, pairs: bool) -> None:
    if type(target) is list and not pairs:
        target += items
        return
    if type(target) is not dict or not pairs or len(items) % 2:
        raise RefusedError("a damaged pickle")
    for key, value in zip(items[::2], items[1::2], strict=True):
        # Others could be nested so that to hash one takes for ever.
        if type(key) not in (str, int):
            raise RefusedError("a key that is neither text nor whole number")
        target[key] = value
