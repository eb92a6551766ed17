"""What cannot be written whole is an error that says why."""

import random
import signal

import numpy as np
import pytest
from full_disk import files_up_to

from mss_keras.config import UserError
from mss_keras.data.encoding import stem_files
from mss_keras.data.musdb import stem_ids
from mss_keras.data.writing import sound_file

BLOCK = np.random.default_rng(0).uniform(-0.9, 0.9, [2000, 2]).astype(np.float32)


def write(folder, format, bits):
    names = [name for name in stem_ids() if name != "mixture" or format == "stem.mp4"]
    stems = [name for name in names if name != "mixture"]
    with stem_files(folder, stems, format=format, bits=bits, rate=8000, channels=2) as writer:
        for _ in range(6):
            writer.write(dict.fromkeys(names, BLOCK))


@pytest.mark.parametrize(
    ("format", "bits"),
    [
        *(("wav", "16"), ("wav", "24"), ("wav", "float"), ("flac", "16"), ("flac", "24")),
        *(("mp3", "16"), ("stem.mp4", "16")),
    ],
)
def test_stems_on_a_disk_that_fills_up(format, bits, tmp_path):
    write(tmp_path / "whole", format, bits)
    most = max(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    chance = random.Random(0)
    times = 20 if format in ("wav", "flac") else 5  # encoding takes longer
    for size in [*(chance.randrange(most) for _ in range(times)), most - 100, most - 1]:
        with files_up_to(size), pytest.raises(UserError, match="File too large"):
            write(tmp_path / "song", format, bits)
        names = {path.name for path in tmp_path.iterdir()} - {"song"}
        assert names == {"whole" if format != "stem.mp4" else "whole.stem.mp4"}
        assert not list((tmp_path / "song").rglob("*"))


@pytest.fixture
def pressed_after():
    """Presses Ctrl-C after so many seconds, in this thread; and again, since Python itself loses
    what comes in a destructor."""
    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds, 0.2)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_ctrl_c_while_samples_are_written(pressed_after, tmp_path):
    """It is neither lost nor a mistake of libsndfile's, whenever it comes."""
    chance = random.Random(0)

    def write_until_pressed(path):
        pressed_after(chance.uniform(0.001, 0.02))
        try:
            while True:
                with sound_file(path, 8000, 2, subtype="PCM_16") as file:
                    for _ in range(20):
                        file.write(BLOCK[:64])
        except KeyboardInterrupt:
            return
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    for number in range(20):
        write_until_pressed(tmp_path / f"{number}.wav")  # any other exception fails
