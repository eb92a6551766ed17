"""Songs cut into requests and put together again, without a server."""

import dataclasses

import numpy as np
import pytest

from mss_keras.config import UserError
from serving.client import pieces
from serving.interface import Interface

# As the default model has it, at a tenth of the rate: chunks of 14 s, 4 to a round.
RATE = 4410
INTERFACE = Interface(
    sample_rate=RATE, channels=2, stems=("vocals", "rest"), signatures=("serving_default",),
    max_samples=900 * RATE, fixed_samples=6 * RATE, nfft=408, round=2400 * 102,
    chunk=600 * 102, context=173 * 102, fade=43 * 102,
)  # fmt: skip


def cut(samples, seconds, **changes):
    """The pieces of a song of a ramp, which comes in blocks of any lengths."""
    song = np.arange(samples, dtype=np.float32)[:, np.newaxis] / RATE
    ends = np.random.default_rng(0).integers(0, samples + 1, 20)
    blocks = np.split(song, np.sort(ends))
    made = list(pieces.cut(blocks, dataclasses.replace(INTERFACE, **changes), seconds))
    for piece, waveform in made:
        np.testing.assert_array_equal(waveform, song[piece.begin : piece.end])
    return song, made


@pytest.mark.parametrize("minutes", [0.001, 2, 4, 7.5, 20])
def test_pieces_cover_a_song_and_join_to_it(minutes):
    samples = round(minutes * 60 * RATE)
    song, made = cut(samples, seconds=120)
    plan = [piece for piece, _ in made]
    assert (plan[0].keep, plan[-1].stop) == (0, samples)
    for piece in plan:
        # The server's rounds are the song's, and it hears a round ahead and a context behind.
        assert piece.begin % INTERFACE.round == 0
        assert piece.begin <= max(0, piece.keep - INTERFACE.round // 2)
        assert piece.end == samples or piece.end >= piece.stop + INTERFACE.context
    stems = ((piece, np.stack([waveform, -waveform])) for piece, waveform in made)
    joined = np.concatenate(list(pieces.join(stems)), axis=1)
    np.testing.assert_allclose(joined[0], song, rtol=1e-6)
    np.testing.assert_allclose(joined[1], -song, rtol=1e-6)


def test_a_song_without_samples_has_no_piece():
    empty = np.zeros([0, 2], np.float32)
    assert not list(pieces.cut([empty], INTERFACE, 60))
    assert not list(pieces.cut_fixed([empty], INTERFACE))


def test_neighbours_fade():
    _, made = cut(300 * RATE, seconds=60)
    parts = [
        (piece, np.full([1, piece.end - piece.begin, 1], index % 2))
        for index, (piece, _) in enumerate(made)
    ]
    joined = np.concatenate(list(pieces.join(parts)), axis=1)[0, :, 0]
    assert joined.shape == (300 * RATE,)
    fade = made[0][0].stop - made[1][0].keep
    assert fade == INTERFACE.fade == made[0][0].shared
    assert np.abs(np.diff(joined)).max() < 1.01 / fade


@pytest.mark.parametrize("length", [1, 2, 7, 6 * RATE])
@pytest.mark.parametrize("samples", [1, 30, 3 * RATE, 61 * RATE])
def test_pieces_of_one_length(length, samples):
    interface = dataclasses.replace(INTERFACE, fixed_samples=length)
    song = np.arange(min(samples, 2000 * length), dtype=np.float32)[:, np.newaxis] / RATE
    made = list(pieces.cut_fixed([song], interface))
    assert all(len(waveform) <= length for _, waveform in made)
    stems = ((piece, waveform[np.newaxis]) for piece, waveform in made)
    joined = np.concatenate(list(pieces.join(stems)), axis=1)
    np.testing.assert_allclose(joined[0], song, rtol=1e-6)


def test_a_model_of_short_requests():
    _, made = cut(800 * RATE, seconds=600, max_samples=150 * RATE)
    assert max(piece.end - piece.begin for piece, _ in made) <= 150 * RATE
    assert len(cut(100 * RATE, seconds=600, max_samples=100 * RATE)[1]) == 1
    with pytest.raises(
        UserError,
        match=r"^waveform: found more than 100 s, wanted at most 100 s, .* `max_seconds` 1\d\d",
    ):
        cut(800 * RATE, seconds=600, max_samples=100 * RATE)


def test_an_answer_has_less_than_two_gigabytes():
    # The song itself would fill the memory: only its pieces are looked at.
    block = np.broadcast_to(np.float32(0), [10**7, 2])
    stems = tuple(map(str, range(200)))
    interface = dataclasses.replace(INTERFACE, max_samples=10**9, stems=stems)
    made = [piece for piece, _ in pieces.cut([block], interface, seconds=1e9)]
    assert len(made) > 1
    assert max(piece.end - piece.begin for piece in made) * 200 * 2 * 4 < 2**31
