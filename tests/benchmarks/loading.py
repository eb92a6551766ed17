"""Times the pipeline of training examples beside a plain loop over soundfile.

    python tests/benchmarks/loading.py [--batches 12] [--rounds 5] [--in-memory] [--json]

Both read the same excerpts of 6 s of 16-bit stereo, change gain and channels as drawn, mix and
batch them, in turn in one process. What the loop draws is drawn beforehand and not timed. Every
round begins with a new iterator, so that nothing is read while the other side works.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from alternating import medians, tell
from made_up import music

from mss_keras import data
from mss_keras.config import AudioConfig, DataConfig
from mss_keras.data.draws import Drawn, draw
from mss_keras.data.tracks import Track

_SEED = 1


def example(tracks: list[Track], drawn: Drawn, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """A mixture and its sources, as a plain loop makes them."""
    gain, swap = (drawn.augmentations[name].numpy() for name in ("gain", "channelswap"))
    sources = []
    for source, (track, position) in enumerate(
        zip(drawn.track.numpy(), drawn.position.numpy(), strict=True)
    ):
        file = tracks[track].sources[source]
        offset = int(position * (file.samples - samples + 1))
        waveform, _ = soundfile.read(file.path, samples, offset, dtype="float32")
        waveform = waveform * gain[source]
        sources.append(waveform[:, ::-1] if swap[source] else waveform)
    stack = np.stack(sources)
    return stack.sum(axis=0), stack


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--in-memory", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        music(Path(folder), tracks=8, seconds=60)
        settings, audio = DataConfig(root=folder, in_memory=options.in_memory), AudioConfig()
        tracks = list(data.open_set(settings, audio, ["train"]).train)
        samples, sources = data.excerpt_samples(settings, audio), len(settings.sources)
        count = options.batches * settings.batch_size
        draws = [draw(_SEED, i, tracks=len(tracks), sources=sources) for i in range(count)]
        examples = data.training_examples(tracks, settings, audio, seed=_SEED)

        def ours() -> dict:
            iterator = iter(examples)
            for _ in range(options.batches):
                batch = next(iterator)
            return batch

        def peer() -> dict:
            for first in range(0, count, settings.batch_size):
                batch = [
                    example(tracks, drawn, samples)
                    for drawn in draws[first : first + settings.batch_size]
                ]
                mixtures, stacks = zip(*batch, strict=True)
                last = {"mixture": np.stack(mixtures), "sources": np.stack(stacks)}
            return last

        mine, theirs = ours(), peer()
        for name, value in theirs.items():
            np.testing.assert_allclose(mine[name], value, atol=1e-6)
        times = medians({"ours": ours, "peer": peer}, options.rounds)
    excerpts = count * sources
    if not options.json:
        rates = {name: excerpts / wall for name, (wall, _) in times.items()}
        print(", ".join(f"{name} {rate:.0f}" for name, rate in rates.items()), "excerpts a second")
    each = {name: 1000 / excerpts * value for name, value in times.items()}
    claim = "a thousand source excerpts of 6 s read, changed, mixed and batched, seconds"
    tell(claim, each, as_json=options.json)


if __name__ == "__main__":
    main()
