"""Times the statistics of a data set beside a plain loop over its tracks.

    python tests/benchmarks/data_statistics.py [--tracks 8] [--seconds 60] [--rounds 5]

Both read the mixtures and take the mean and the standard deviation of their magnitudes; the loop
takes one track after the other, whole, as open-unmix does. Times are told for 86 tracks of four
minutes, as many as MUSDB18 has for training.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from floor import Work
from rows import row, tell
from sides import alternate, parser, serve

_SECONDS = 86 * 240


def plain(paths: list[str], nfft: int, nhop: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation, by a plain loop."""
    import scipy.fft
    import soundfile

    window, bins = np.hanning(nfft + 1)[:-1].astype(np.float32), nfft // 2 + 1
    total, squares, count = np.zeros(bins), np.zeros(bins), 0
    for path in paths:
        waveform, _ = soundfile.read(path, dtype="float32")
        frames = np.lib.stride_tricks.sliding_window_view(waveform, nfft, axis=0)
        spectra = scipy.fft.rfft(frames[::nhop] * window)  # [frames, channels, bins]
        magnitudes = np.abs(spectra).mean(axis=1)
        total += magnitudes.sum(axis=0, dtype=np.float64)
        squares += (magnitudes**2).sum(axis=0, dtype=np.float64)
        count += len(magnitudes)
    mean = total / count
    return mean, np.sqrt(squares / count - mean**2)


def make(options: argparse.Namespace) -> Callable[[], object]:
    """The work of a side, after both have given the same."""
    from mss_keras import data
    from mss_keras.config import AudioConfig, DataConfig

    audio = AudioConfig()
    tracks = list(data.open_set(DataConfig(root=options.root), audio, ["train"]).train)
    paths = [track.mixture.path for track in tracks if track.mixture]

    def loop() -> tuple[np.ndarray, np.ndarray]:
        return plain(paths, audio.nfft, audio.nhop)

    def ours() -> data.Statistics:
        return data.compute_statistics(tracks, audio, progress=False)

    if options.side == "loop":
        return loop
    found = ours()
    for mine, theirs in zip((found.mean, found.std), loop(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3)
    return ours


def main() -> None:
    made = parser(__doc__, rounds=5)
    made.add_argument("--tracks", type=int, default=8)
    made.add_argument("--seconds", type=int, default=60)
    made.add_argument("--root", help=argparse.SUPPRESS)
    options = made.parse_args()
    if options.side:
        return serve(make, options)
    from made_up import music

    with tempfile.TemporaryDirectory() as folder:
        music(Path(folder), tracks=options.tracks, seconds=options.seconds)
        pythons = dict.fromkeys(("ours", "loop"), sys.executable)
        measured = alternate(__file__, pythons, ["--root", folder], rounds=options.rounds)
    read = options.tracks * options.seconds
    samples = 2 * read * 44100
    counted = Work(frames=samples / 1024, gib=samples * 6 / 2 / 2**30)
    found = row("statistics: 86 tracks of four minutes", measured, peer="loop", memory="",
                counted=counted, scale=_SECONDS / read, rounds=options.rounds)  # fmt: skip
    tell([found], as_json=options.json)


if __name__ == "__main__":
    main()
