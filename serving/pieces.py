"""A long song as overlapping requests whose stems, joined, are those of the whole song.

A server separates what it is sent in rounds of chunks (see `mss_keras.models.rounds`),
counted from the beginning of the request. So a piece begins where a round of the song
begins, one round or more ahead of what is kept of it, and ends a context behind. What is
kept of two neighbours overlaps a little, where both are right, and fades.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mss_keras.config import UserError

_MESSAGE = 2**31 - 2**20  # bytes; no protocol buffer may have more than 2 GiB


class Piece(NamedTuple):
    """Samples of the song: those sent, and those kept of the answer."""

    begin: int
    end: int
    keep: int  # the first kept; from here the piece before fades into this one
    stop: int  # behind the last kept


def plan(samples: int, interface: Mapping[str, Any], seconds: float) -> list[Piece]:
    """The requests for a song.

    Args:
        samples: of the song.
        interface: what the model says of itself; see `Signatures.interface`.
        seconds: of the song in each request, as nearly as whole rounds allow.

    Returns:
        Pieces in order; the song as one if it is no longer than `seconds`.

    Raises:
        UserError: if the model takes no piece of that size.
    """
    rate = interface["sample_rate"]
    answer = 4 * interface["channels"] * len(interface["stems"])  # bytes, for a sample
    longest = min(interface["max_samples"], _MESSAGE // answer)
    if samples <= min(longest, seconds * rate):
        return [Piece(0, samples, 0, samples)]
    round_, chunk, nfft = interface["round"], interface["chunk"], interface["nfft"]
    behind = interface["context"] + 2 * nfft
    # Two chunks have to have heard all: the last one kept is cut off the other fades into.
    lead = round_ * -(-(2 * chunk + behind) // round_)
    fade = max(0, min(interface["fade"], chunk - 2 * nfft))
    step = round_ * max(1, round(seconds * rate / round_))
    if lead + step + behind > longest:
        step = round_ * ((longest - lead - behind) // round_)
    if step <= 0:
        needed = (lead + round_ + behind) / rate
        raise UserError(
            f"the song: found {samples / rate:.0f} s, wanted at most {longest / rate:g} s, or a "
            f"model exported with --max-seconds {needed:.0f} or more, which takes it in pieces"
        )
    pieces = []
    for start in range(0, samples, step):
        last = start + step >= samples
        pieces.append(
            Piece(
                begin=max(0, start - lead),
                end=samples if last else min(samples, start + step + behind),
                # Behind, within a window of the boundary, the next round's masks are heard.
                keep=0 if start == 0 else start - nfft - fade,
                stop=samples if last else start + step - nfft,
            )
        )
    return pieces


def join(pieces: Sequence[Piece], stems: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The kept parts end to end, faded where they overlap.

    Args:
        pieces: in order.
        stems: `[sources, samples, channels]` of each.

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
