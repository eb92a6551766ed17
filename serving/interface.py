"""What a served model says of itself, in JSON: the answer of the signature `describe`.

The server writes it and the client reads it, without TensorFlow.
"""

import dataclasses
import json
from typing import Any

_LARGE = 2**40
# The integers of an interface: the least and the greatest value.
_RANGES = {
    "sample_rate": (1, 10**6),
    "channels": (1, 2),
    "max_samples": (1, _LARGE),
    "fixed_samples": (1, _LARGE),
    "nfft": (2, 2**24),
    "round": (1, _LARGE),
    "chunk": (1, _LARGE),
    "context": (0, _LARGE),
    "fade": (0, _LARGE),
    "max_batch": (1, _LARGE),
}


@dataclasses.dataclass(frozen=True)
class Interface:
    """What a client must know of a model; lengths are in samples.

    Args:
        sample_rate: int. Sample rate in Hz.
        channels: int. Channels of the mixture and of every stem.
        stems: tuple of str. Names of the stems.
        signatures: tuple of str. The signatures that the model offers, without `describe`.
        max_samples: int. The longest song of a request.
        fixed_samples: int. The only length that `fixed_length` takes.
        nfft: int. Length of the window of the STFT.
        round: int. How many samples go through the network at a time; see `serving.client.pieces`.
        chunk: int. Length of the chunks that a round has.
        context: int. What the network hears on both sides of a chunk.
        fade: int. How long the masks of neighbouring chunks fade into each other.
        max_batch: int. The most songs of a request. Defaults to `1`: exports of before do not
            say.
        max_peak: float. The greatest absolute value of a sample. Defaults to none: exports of
            before do not say.

    Example:
        >>> Interface.parse('{"sample_rate": "high"}')
        Traceback (most recent call last):
        ValueError: sample_rate: found 'high', wanted an integer from 1 to 1000000
    """

    sample_rate: int
    channels: int
    stems: tuple[str, ...]
    signatures: tuple[str, ...]
    max_samples: int
    fixed_samples: int
    nfft: int
    round: int
    chunk: int
    context: int
    fade: int
    max_batch: int = 1
    max_peak: float | None = None

    def as_json(self) -> str:
        """The interface as JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def parse(cls, text: str | bytes) -> "Interface":
        """Reads an interface that came over a network.

        Args:
            text: str or bytes. JSON; what it says besides is passed over.

        Raises:
            ValueError: if a value is missing or would do harm, for example the name of a stem
                that leads to another folder.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"found {error}, wanted JSON") from None
        if not isinstance(values, dict):
            raise ValueError(f"found {_short(values)}, wanted an object of JSON")
        given = {
            field.name: values.get(field.name, field.default) for field in dataclasses.fields(cls)
        }
        for name, (least, most) in _RANGES.items():
            value = given[name]
            if type(value) is not int or not least <= value <= most:
                wanted = f"an integer from {least} to {most}"
                raise ValueError(f"{name}: found {_short(value)}, wanted {wanted}")
        peak = given["max_peak"]
        if peak is not None and (type(peak) not in (int, float) or not peak > 0):
            raise ValueError(f"max_peak: found {_short(peak)}, wanted a number above 0")
        for name in ("stems", "signatures"):
            given[name] = _names(name, given[name])
        return cls(**given)


def _names(field: str, values: Any) -> tuple[str, ...]:
    wanted = "different names, which can be those of files"
    if not isinstance(values, list) or not 1 <= len(values) <= 100:
        raise ValueError(f"{field}: found {_short(values)}, wanted {wanted}")
    for value in values:
        if not isinstance(value, str) or not _is_file_name(value):
            raise ValueError(f"{field}: found {_short(value)}, wanted {wanted}")
    if len({value.casefold() for value in values}) < len(values):
        raise ValueError(f"{field}: found {_short(values)}, wanted {wanted}")
    return tuple(values)


def _is_file_name(name: str) -> bool:
    # Also where folders are written as on Windows; no hidden files, and no `..`.
    allowed = name.isprintable() and not set(name) & set('/\\:*?"<>|')
    return allowed and not name.startswith((".", " ")) and 1 <= len(name.encode()) <= 100


def _short(value: Any) -> str:
    if value is dataclasses.MISSING:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
