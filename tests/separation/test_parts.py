"""Parts of songs, a sample at a time."""

import numpy as np
import pytest
import soundfile
from encoded import encode

from mss_keras.config import AudioConfig, SongConfig, UserError
from mss_keras.separation.parts import Mixture, Part, Source

RATE = 1000
AUDIO = AudioConfig(sample_rate=RATE, nb_channels=1)


@pytest.fixture
def song(tmp_path):
    """Its path, and its 100 samples."""
    waveform = np.arange(1, 101, dtype=np.float32)[:, np.newaxis] / 128
    soundfile.write(tmp_path / "x.wav", waveform, RATE, subtype="FLOAT")
    return tmp_path / "x.wav", waveform


@pytest.mark.parametrize(("start", "duration"), [(0, 30), (25, 30), (25, None), (90, 30), (0, 7)])
def test_blocks_are_cut_wherever_they_begin_and_end(song, start, duration):
    """Those beyond the part's end, too."""
    _, waveform = song
    files = SongConfig(start=start / RATE, duration=duration and duration / RATE)
    part = Part(files, separated=RATE, written=RATE)
    blocks = (waveform[i : i + 7] for i in range(part.begin, 100, 7))
    found = list(part.cut(blocks, length=lambda: 100))
    assert all(len(block) for block in found)
    end = None if duration is None else start + duration
    np.testing.assert_array_equal(np.concatenate(found), waveform[start:end])


def test_a_source_counts_from_the_song_s_beginning(song):
    path, waveform = song
    source = Source(path, AUDIO, downmix=False)
    np.testing.assert_array_equal(np.concatenate(list(source.blocks(40))), waveform[40:])
    assert source.samples == 100


def test_behind_the_end_of_a_mixture_is_silence(song):
    path, waveform = song
    mixture = Mixture(Source(path, AUDIO, downmix=False), RATE, 80)
    np.testing.assert_array_equal(mixture.next(15), waveform[80:95])
    np.testing.assert_array_equal(mixture.next(8)[:, 0], [*waveform[95:, 0], 0, 0, 0])
    np.testing.assert_array_equal(mixture.next(2), np.zeros([2, 1]))


def test_the_same_song_at_another_rate_is_mixed_down_as_well(tmp_path):
    soundfile.write(tmp_path / "six.wav", np.ones([200, 6]), RATE)
    source = Source(tmp_path / "six.wav", AUDIO, downmix=True).at(RATE // 2)
    assert sum(len(block) for block in source.blocks(0)) == 100
    with pytest.raises(UserError, match="6 channels"):
        Source(tmp_path / "six.wav", AUDIO, downmix=False)


def test_packets_that_were_left_out_are_counted(tmp_path, stems):
    encode(tmp_path / "x.mp3", stems["mixture"], "libmp3lame")
    content = bytearray((tmp_path / "x.mp3").read_bytes())
    content[50_000:51_500] = np.random.default_rng(0).bytes(1500)
    (tmp_path / "x.mp3").write_bytes(content)
    source = Source(tmp_path / "x.mp3", AudioConfig(), downmix=False)
    list(source.blocks(0))
    assert source.damaged > 0
