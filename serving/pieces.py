"""Cuts a long song into overlapping requests, and joins their stems to those of the whole song.

A server separates what a request holds in rounds of chunks (see `mss_keras.models.rounds`),
counted from the beginning of the request. Therefore a piece begins where a round of the song
begins, one round or more before the part that is kept of it, and ends a context behind that
part. The kept parts of neighbours overlap a little, where both are right, and fade.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mss_keras.config import UserError

_MESSAGE = 2**31 - 2**20  # bytes; no protocol buffer may have more than 2 GiB


class Piece(NamedTuple):
    """One request, as positions in the song, in samples.

    Attributes:
        begin: int. First sample that is sent.
        end: int. One behind the last sample that is sent.
        keep: int. First sample of the answer that is kept; the piece before fades into this
            one from here on.
        stop: int. One behind the last sample that is kept.
    """

    begin: int
    end: int
    keep: int
    stop: int


def plan(
    samples: int,
    interface: Mapping[str, Any],
    seconds: float,
    *,
    song: str | Path = "waveform",
) -> list[Piece]:
    """Chooses the requests for a song.

    Args:
        samples: int. Length of the song.
        interface: mapping. What the model says of itself; see `Signatures.interface`.
        seconds: float. Length of the song in each request, as nearly as whole rounds allow.
        song: str or Path. The argument or file that an error names. Defaults to `"waveform"`.

    Returns:
        Pieces in order; a single one for a song that is no longer than `seconds`.

    Raises:
        UserError: if the model takes no piece of that size.

    Example:
        >>> interface = {"sample_rate": 8000, "channels": 2, "stems": ["vocals", "rest"],
        ...              "max_samples": 480000, "round": 64000, "chunk": 16000, "context": 8000,
        ...              "fade": 4000, "nfft": 512}
        >>> for piece in plan(400000, interface, seconds=16):
        ...     print(piece)
        Piece(begin=0, end=137024, keep=0, stop=127488)
        Piece(begin=64000, end=265024, keep=123488, stop=255488)
        Piece(begin=192000, end=393024, keep=251488, stop=383488)
        Piece(begin=320000, end=400000, keep=379488, stop=400000)
    """
    rate = interface["sample_rate"]
    answer = 4 * interface["channels"] * len(interface["stems"])  # bytes for a sample
    longest = min(interface["max_samples"], _MESSAGE // answer)
    if samples <= min(longest, seconds * rate):
        return [Piece(0, samples, 0, samples)]
    round_, chunk, nfft = interface["round"], interface["chunk"], interface["nfft"]
    behind = interface["context"] + 2 * nfft
    # Two chunks have to have heard all: the last one kept, and the cut-off one it fades from.
    lead = round_ * -(-(2 * chunk + behind) // round_)
    fade = max(0, min(interface["fade"], chunk - 2 * nfft))
    step = round_ * max(1, round(seconds * rate / round_))
    if lead + step + behind > longest:
        step = round_ * ((longest - lead - behind) // round_)
    if step <= 0:
        needed = (lead + round_ + behind) / rate
        raise UserError(
            song,
            f"{samples / rate:.0f} s",
            f"at most {longest / rate:g} s, or a model exported with `max_seconds` "
            f"{needed:.0f} or more, which takes it in pieces",
        )
    pieces = []
    for start in range(0, samples, step):
        last = start + step >= samples
        pieces.append(
            Piece(
                begin=max(0, start - lead),
                end=samples if last else min(samples, start + step + behind),
                # The next round's masks reach back over the boundary by a window.
                keep=0 if start == 0 else start - nfft - fade,
                stop=samples if last else start + step - nfft,
            )
        )
    return pieces


def join(pieces: Sequence[Piece], stems: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Puts the kept parts end to end, and fades where they overlap.

    Args:
        pieces: sequence of Piece. In order.
        stems: iterable of np.ndarray. The answer for each piece, `[sources, samples, channels]`.

    Yields:
        Float32 `[sources, samples, channels]`.
    """
    held: np.ndarray | None = None  # what the next piece fades from
    for index, (piece, waveforms) in enumerate(zip(pieces, stems, strict=True)):
        kept = waveforms[:, piece.keep - piece.begin : piece.stop - piece.begin]
        if held is not None:
            fade = held.shape[1]
            ramp = ((np.arange(fade, dtype=np.float32) + 0.5) / fade)[:, np.newaxis]
            yield held + (kept[:, :fade] - held) * ramp
            kept = kept[:, fade:]
        shared = piece.stop - pieces[index + 1].keep if index + 1 < len(pieces) else 0
        whole = kept.shape[1] - shared
        yield kept[:, :whole]
        held = kept[:, whole:]
