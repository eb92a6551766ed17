"""Songs cut into requests and put together again, without a server."""

from typing import Any

import numpy as np
import pytest

from mss_keras.config import UserError
from serving import pieces

# As the default model has it, at a tenth of the rate: chunks of 14 s, 4 to a round.
RATE = 4410
INTERFACE: dict[str, Any] = {
    "sample_rate": RATE, "channels": 2, "stems": ["vocals", "rest"],
    "max_samples": 900 * RATE, "nfft": 408, "round": 2400 * 102,
    "chunk": 600 * 102, "context": 173 * 102, "fade": 43 * 102,
}  # fmt: skip


@pytest.mark.parametrize("minutes", [0, 2, 4, 7.5, 20])
def test_pieces_cover_a_song_and_join_to_it(minutes):
    samples = round(minutes * 60 * RATE)
    plan = pieces.plan(samples, INTERFACE, seconds=120)
    assert (plan[0].keep, plan[-1].stop) == (0, samples)
    for piece in plan:
        # The server's rounds are the song's, and it hears a round ahead and a context behind.
        assert piece.begin % INTERFACE["round"] == 0
        assert piece.begin <= max(0, piece.keep - INTERFACE["round"] // 2)
        assert piece.end == samples or piece.end >= piece.stop + INTERFACE["context"]
    song = np.arange(samples, dtype=np.float32)[:, np.newaxis] / RATE
    stems = (np.stack([song, -song])[:, piece.begin : piece.end] for piece in plan)
    joined = np.concatenate(list(pieces.join(plan, stems)), axis=1)
    np.testing.assert_allclose(joined[0], song, rtol=1e-6)
    np.testing.assert_allclose(joined[1], -song, rtol=1e-6)


def test_neighbours_fade():
    plan = pieces.plan(300 * RATE, INTERFACE, seconds=60)
    parts = [
        np.full([1, piece.end - piece.begin, 1], index % 2) for index, piece in enumerate(plan)
    ]
    joined = np.concatenate(list(pieces.join(plan, parts)), axis=1)[0, :, 0]
    assert joined.shape == (300 * RATE,)
    fade = plan[0].stop - plan[1].keep
    assert fade == INTERFACE["fade"]
    assert np.abs(np.diff(joined)).max() < 1.01 / fade


def test_a_model_of_short_requests():
    plan = pieces.plan(800 * RATE, {**INTERFACE, "max_samples": 150 * RATE}, seconds=600)
    assert max(piece.end - piece.begin for piece in plan) <= 150 * RATE
    assert len(pieces.plan(100 * RATE, {**INTERFACE, "max_samples": 100 * RATE}, 600)) == 1
    with pytest.raises(
        UserError, match=r"^waveform: found 800 s, wanted at most 100 s, .* `max_seconds` 1\d\d"
    ):
        pieces.plan(800 * RATE, {**INTERFACE, "max_samples": 100 * RATE}, seconds=600)


def test_an_answer_has_less_than_two_gigabytes():
    interface = {**INTERFACE, "max_samples": 10**9, "stems": ["one"] * 12}
    plan = pieces.plan(10**8, interface, seconds=1e9)
    assert len(plan) > 1
    assert max(piece.end - piece.begin for piece in plan) * 12 * 2 * 4 < 2**31
