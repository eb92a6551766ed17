"""Cuts long songs into overlapping requests, and joins their stems to those of the whole song.

A server separates what a request holds in rounds of chunks (see `mss_keras.models.rounds`),
counted from the beginning of the request. Therefore a piece begins where a round of the song
begins, one round or more before the part that is kept of it, and ends a context behind that
part. The kept parts of neighbours overlap a little, where both are right, and fade.

A song comes in blocks, and its length shows when it ends: what files say of it may be wrong.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mss_keras.config import UserError
from serving.interface import Interface

_MESSAGE = 2**31 - 2**20  # bytes; no protocol buffer may have more than 2 GiB


class Piece(NamedTuple):
    """One request, as positions in the song, in samples.

    Attributes:
        begin: int. First sample that is sent.
        end: int. One behind the last sample that is sent.
        keep: int. First sample of the answer that is kept; the piece before fades into this
            one from here on.
        stop: int. One behind the last sample that is kept.
        shared: int. How many of the samples before `stop` the next piece has, too.
    """

    begin: int
    end: int
    keep: int
    stop: int
    shared: int


def cut(
    blocks: Iterable[np.ndarray],
    interface: Interface,
    seconds: float,
    *,
    song: str | Path = "waveform",
) -> Iterator[tuple[Piece, np.ndarray]]:
    """Cuts a song into requests.

    Args:
        blocks: iterable of np.ndarray. The song, float32 `[samples, channels]` each.
        interface: Interface. What the model says of itself.
        seconds: float. Length of the song in each request, as nearly as whole rounds allow.
        song: str or Path. The argument or file that an error names. Defaults to `"waveform"`.

    Yields:
        Pieces in order, with what they send; a single one for a song that is no longer than
        `seconds`, and none for a song without samples.

    Raises:
        UserError: if the model takes no piece of that size.

    Example:
        >>> interface = Interface(8000, 2, ("vocals", "rest"), ("serving_default",), 480000,
        ...     fixed_samples=1, round=64000, chunk=16000, context=8000, fade=4000, nfft=512)
        >>> for piece, _ in cut([np.zeros([400000, 2], np.float32)], interface, 16):
        ...     print(piece)
        Piece(begin=0, end=137024, keep=0, stop=127488, shared=4000)
        Piece(begin=64000, end=265024, keep=123488, stop=255488, shared=4000)
        Piece(begin=192000, end=393024, keep=251488, stop=383488, shared=4000)
        Piece(begin=320000, end=400000, keep=379488, stop=400000, shared=0)
    """
    window = _Window(blocks)
    rate = interface.sample_rate
    answer = 4 * interface.channels * len(interface.stems)  # bytes for a sample
    longest = min(interface.max_samples, _MESSAGE // answer)
    whole = int(min(longest, seconds * rate))
    samples = window.reach(whole + 1)
    if samples <= whole:
        if samples:
            yield Piece(0, samples, 0, samples, 0), window.take(0, samples)
        return
    round_, chunk, nfft = interface.round, interface.chunk, interface.nfft
    behind = interface.context + 2 * nfft
    # Two chunks have to have heard all: the last one kept, and the cut-off one it fades from.
    lead = round_ * -(-(2 * chunk + behind) // round_)
    fade = max(0, min(interface.fade, chunk - 2 * nfft))
    step = round_ * max(1, int(min(seconds * rate / round_ + 0.5, longest)))
    if lead + step + behind > longest:
        step = round_ * ((longest - lead - behind) // round_)
    if step <= 0:
        needed = (lead + round_ + behind) / rate
        raise UserError(
            song,
            f"more than {whole / rate:.0f} s",
            f"at most {longest / rate:g} s, or a model exported with `max_seconds` "
            f"{needed:.0f} or more, which takes it in pieces",
        )
    start, last = 0, False
    while not last:
        samples = window.reach(start + step + behind)
        last = samples <= start + step
        begin = max(0, start - lead)
        end = samples if last else min(samples, start + step + behind)
        piece = Piece(
            begin,
            end,
            # The next round's masks reach back over the boundary by a window.
            keep=0 if start == 0 else start - nfft - fade,
            stop=samples if last else start + step - nfft,
            shared=0 if last else fade,
        )
        yield piece, window.take(begin, end)
        start += step


def cut_fixed(
    blocks: Iterable[np.ndarray], interface: Interface
) -> Iterator[tuple[Piece, np.ndarray]]:
    """Cuts a song into requests of one length, for models that offer nothing but `fixed_length`.

    Such a model hears nothing before and behind a request. Therefore a quarter of each piece
    is heard, and not kept, on both of its sides.

    Args:
        blocks: iterable of np.ndarray. The song, float32 `[samples, channels]` each.
        interface: Interface. What the model says of itself.

    Yields:
        Pieces in order, with what they send; the last one may be shorter, and none comes for a
        song without samples.

    Example:
        >>> interface = Interface(8000, 2, ("vocals", "rest"), ("fixed_length",), 480000,
        ...     fixed_samples=8000, round=64000, chunk=16000, context=8000, fade=400, nfft=512)
        >>> for piece, _ in cut_fixed([np.zeros([14000, 2], np.float32)], interface):
        ...     print(piece)
        Piece(begin=0, end=8000, keep=0, stop=6000, shared=400)
        Piece(begin=3600, end=11600, keep=5600, stop=9600, shared=400)
        Piece(begin=7200, end=14000, keep=9200, stop=14000, shared=0)
    """
    window = _Window(blocks)
    length = interface.fixed_samples
    side, fade = length // 4, min(interface.fade, length // 8)
    start, last = 0, False
    while not last:
        samples = window.reach(start + length + 1)
        last = samples <= start + length
        if samples == 0:
            return
        piece = Piece(
            start,
            min(samples, start + length),
            keep=0 if start == 0 else start + side,
            stop=samples if last else start + length - side,
            shared=0 if last else fade,
        )
        yield piece, window.take(piece.begin, piece.end)
        start += length - 2 * side - fade


def join(answers: Iterable[tuple[Piece, np.ndarray]]) -> Iterator[np.ndarray]:
    """Puts the kept parts end to end, and fades where they overlap.

    Args:
        answers: iterable. Pieces in order, with the answer for each,
            `[sources, samples, channels]`.

    Yields:
        Float32 `[sources, samples, channels]`.
    """
    held: np.ndarray | None = None  # what the next piece fades from
    for piece, waveforms in answers:
        kept = waveforms[:, piece.keep - piece.begin : piece.stop - piece.begin]
        if held is not None:
            fade = held.shape[1]
            ramp = ((np.arange(fade, dtype=np.float32) + 0.5) / fade)[:, np.newaxis]
            yield held + (kept[:, :fade] - held) * ramp
            kept = kept[:, fade:]
        whole = kept.shape[1] - piece.shared
        yield kept[:, :whole]
        held = kept[:, whole:]


class _Window:
    """The stretch of a song that is in memory; it moves forward."""

    def __init__(self, blocks: Iterable[np.ndarray]):
        self._blocks = iter(blocks)
        self._held: list[np.ndarray] = []
        self._begin = 0  # of what is held
        self._samples = 0  # of the song, so far

    def reach(self, end: int) -> int:
        """Reads up to a sample, or to the end of the song; returns how many there are."""
        while self._samples < end and (block := next(self._blocks, None)) is not None:
            self._held.append(block)
            self._samples += len(block)
        return self._samples

    def take(self, begin: int, end: int) -> np.ndarray:
        """Gives a stretch, and forgets what lies before it."""
        while self._held and self._begin + len(self._held[0]) <= begin:
            self._begin += len(self._held.pop(0))
        taken, position = [], self._begin
        for block in self._held:
            taken.append(block[max(0, begin - position) : max(0, end - position)])
            position += len(block)
        return np.concatenate(taken)
