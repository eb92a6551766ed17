"""Times the statistics of a data set beside a plain loop over its tracks.

    python tests/benchmarks/data_statistics.py [--tracks 8] [--seconds 60] [--rounds 3] [--json]

Both read the mixtures and take the mean and the standard deviation of their magnitudes, in turn
in one process; the loop takes one track after the other, whole, as open-unmix does. Times are told
for 86 tracks of four minutes, as many as MUSDB18 has for training.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import scipy.fft
import soundfile
from alternating import medians, tell
from made_up import music

from mss_keras import data
from mss_keras.config import AudioConfig, DataConfig
from mss_keras.data.tracks import Track

_SECONDS = 86 * 240


def plain(tracks: list[Track], audio: AudioConfig) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation, by a plain loop."""
    window = np.hanning(audio.nfft + 1)[:-1].astype(np.float32)
    total, squares, count = np.zeros(audio.bins), np.zeros(audio.bins), 0
    for track in tracks:
        assert track.mixture
        waveform, _ = soundfile.read(track.mixture.path, dtype="float32")
        frames = np.lib.stride_tricks.sliding_window_view(waveform, audio.nfft, axis=0)
        spectra = scipy.fft.rfft(frames[:: audio.nhop] * window)  # [frames, channels, bins]
        magnitudes = np.abs(spectra).mean(axis=1)
        total += magnitudes.sum(axis=0, dtype=np.float64)
        squares += (magnitudes**2).sum(axis=0, dtype=np.float64)
        count += len(magnitudes)
    mean = total / count
    return mean, np.sqrt(squares / count - mean**2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        music(Path(folder), tracks=options.tracks, seconds=options.seconds)
        settings, audio = DataConfig(root=folder), AudioConfig()
        tracks = list(data.open_set(settings, audio, ["train"]).train)

        def ours() -> data.Statistics:
            return data.compute_statistics(tracks, audio, progress=False)

        def peer() -> tuple[np.ndarray, np.ndarray]:
            return plain(tracks, audio)

        found = ours()
        for mine, theirs in zip((found.mean, found.std), peer(), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-3)
        times = medians({"ours": ours, "peer": peer}, options.rounds)
        read = sum(track.samples for track in tracks) / audio.sample_rate
    whole = {name: _SECONDS / read * value for name, value in times.items()}
    tell("statistics of 86 tracks of four minutes, seconds", whole, as_json=options.json)


if __name__ == "__main__":
    main()
