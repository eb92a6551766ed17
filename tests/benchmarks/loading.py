"""Times the pipeline of training examples beside a plain loop over soundfile.

    python tests/benchmarks/loading.py [--batches 12] [--rounds 5] [--in-memory]

Both read the same excerpts of 6 s of 16-bit stereo, change gain and channels as drawn, mix and
batch them. What the loop draws is drawn beforehand and not timed. Every round begins with a new
iterator, so that nothing is read while the other side works. Times are told for a thousand
excerpts of a source.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from floor import Work
from rows import row, tell
from sides import alternate, parser, serve

_SEED, _SOURCES, _BATCH, _SAMPLES = 1, 4, 16, 264600


class Loading:
    """Both sides.

    Args:
        options: of the command line, with the folder of the music.
    """

    def __init__(self, options: argparse.Namespace):
        from mss_keras import data
        from mss_keras.config import AudioConfig, DataConfig
        from mss_keras.data.draws import draw

        settings = DataConfig(
            root=options.root, in_memory=options.in_memory, batch_size=_BATCH, seq_dur=6.0
        )
        audio = AudioConfig()
        self.batches, count = options.batches, options.batches * _BATCH
        self.tracks = list(data.open_set(settings, audio, ["train"]).train)
        tracks = len(self.tracks)
        self.draws = [draw(_SEED, i, tracks=tracks, sources=_SOURCES) for i in range(count)]
        self.examples = data.training_examples(self.tracks, settings, audio, seed=_SEED)

    def ours(self) -> dict[str, Any]:
        """Works a round of the pipeline and gives its last batch."""
        iterator = iter(self.examples)
        for _ in range(self.batches):
            batch = next(iterator)
        return batch

    def loop(self) -> dict[str, Any]:
        """Works a round of the plain loop and gives its last batch."""
        for first in range(0, len(self.draws), _BATCH):
            pairs = [self._example(drawn) for drawn in self.draws[first : first + _BATCH]]
            mixtures, stacks = zip(*pairs, strict=True)
            batch = {"mixture": np.stack(mixtures), "sources": np.stack(stacks)}
        return batch

    def _example(self, drawn) -> tuple[np.ndarray, np.ndarray]:
        import soundfile

        gain, swap = (drawn.augmentations[name].numpy() for name in ("gain", "channelswap"))
        sources = []
        for source, (track, position) in enumerate(
            zip(drawn.track.numpy(), drawn.position.numpy(), strict=True)
        ):
            file = self.tracks[track].sources[source]
            offset = int(position * (file.samples - _SAMPLES + 1))
            waveform, _ = soundfile.read(file.path, _SAMPLES, offset, dtype="float32")
            waveform = waveform * gain[source]
            sources.append(waveform[:, ::-1] if swap[source] else waveform)
        stack = np.stack(sources)
        return stack.sum(axis=0), stack


def make(options: argparse.Namespace) -> Callable[[], dict[str, Any]]:
    """The work of a side, after both have given the same."""
    loading = Loading(options)
    if options.side == "loop":
        return loading.loop
    mine = loading.ours()
    for name, value in loading.loop().items():
        np.testing.assert_allclose(mine[name], value, atol=1e-6)
    return loading.ours


def main() -> None:
    made = parser(__doc__, rounds=5)
    made.add_argument("--batches", type=int, default=12)
    made.add_argument("--in-memory", action="store_true")
    made.add_argument("--root", help=argparse.SUPPRESS)
    options = made.parse_args()
    if options.side:
        return serve(make, options)
    from made_up import music

    with tempfile.TemporaryDirectory() as folder:
        music(Path(folder), tracks=8, seconds=60)
        arguments = ["--root", folder, "--batches", options.batches]
        arguments += ["--in-memory"] if options.in_memory else []
        pythons = dict.fromkeys(("ours", "loop"), sys.executable)
        measured = alternate(__file__, pythons, arguments, rounds=options.rounds)
    count = options.batches * _BATCH * _SOURCES
    # A copy for each: 16 bits are read and 32 are written; gain and channels; the batch.
    gib = count * _SAMPLES * 2 * (6 + 8 + 8) / 2 / 2**30
    work = "loading: a thousand source excerpts of 6 s, 16-bit stereo"
    work += ", from memory" if options.in_memory else ""
    found = row(work, measured, peer="loop", counted=Work(gib=gib), memory="",
                scale=1000 / count, rounds=options.rounds)  # fmt: skip
    tell([found], as_json=options.json)


if __name__ == "__main__":
    main()
