"""From tracks to batches of examples: a `tf.data` pipeline of named stages.

1. `draw`      example index → which tracks, where, how loud, which way round
2. `read`      only the excerpts, from disk or memory
3. `augment`   gain and channel swap, a source
4. `mix`       mixture = sum of the sources
5. batch, prefetch

For adversarial training an unpaired mixture and unpaired sources stand beside them, by
the same stages: see unpaired.py.

An example is a pure function of the seed and its index, so the order and the
parallelism of the work do not matter and training can go on at any index.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf

from mss_keras.config import AudioConfig, DataConfig
from mss_keras.data.readers import map_in_parallel, reader
from mss_keras.data.tracks import Track
from mss_keras.data.unpaired import Unpaired, UnpairedReader, draw_unpaired

_GAINS = (0.25, 1.25)
_SWAP_PROBABILITY = 0.5

Example = dict[str, tf.Tensor]


def excerpt_samples(data: DataConfig, audio: AudioConfig) -> int:
    """Samples of an excerpt."""
    return max(1, round(data.seq_dur * audio.sample_rate))


def steps_per_epoch(tracks: Sequence[Track], data: DataConfig) -> int:
    """Batches an epoch: `samples_per_track` examples a track, at least one batch."""
    return max(1, len(tracks) * data.samples_per_track // data.batch_size)


def training_examples(
    tracks: Sequence[Track],
    data: DataConfig,
    audio: AudioConfig,
    *,
    seed: int,
    start: int = 0,
    unpaired: Unpaired | None = None,
) -> tf.data.Dataset:
    """Endless batches of random mixtures.

    Every source comes from a random track and offset; tracks shorter than the
    excerpt are padded with silence.

    Args:
        tracks: to draw from.
        data: length of excerpts, batch size, augmentations.
        audio: sample rate and channels.
        seed: of the draws.
        start: index of the first example.
        unpaired: where unpaired music comes from. Defaults to none being wanted.

    Returns:
        Batches `{"mixture": [batch, samples, channels], "sources": [batch, sources,
        samples, channels]}`, float32 in −1 to 1 (mixtures may pass that); with unpaired
        music also `unpaired_mixture` and `unpaired_sources`.
    """
    samples = excerpt_samples(data, audio)
    read = reader([track.sources for track in tracks], audio, samples, in_memory=data.in_memory)
    lengths = tf.constant([[file.frames for file in track.sources] for track in tracks], tf.int64)

    others = None
    if unpaired is not None:
        others = UnpairedReader(tracks, unpaired, data, audio, samples=samples, read=read)

    def make_unpaired(index: tf.Tensor, others: UnpairedReader) -> Example:
        drawn = draw_unpaired(seed, index, len(tracks), len(data.sources), data.batch_size)
        parts = {
            "mixture": others.mixture(drawn["mixture"]),
            "sources": others.recordings(drawn["sources"]),
        }
        for kind, waveforms in parts.items():
            own = {key: drawn[kind][key][: waveforms.shape[0]] for key in ("gain", "swap")}
            parts[kind] = augment(waveforms, own, data.augmentations)
        return {
            "unpaired_mixture": mix(parts["mixture"])["mixture"],
            "unpaired_sources": parts["sources"],
        }

    def make(index: tf.Tensor) -> Example:
        drawn = draw(seed, index, len(tracks), len(data.sources))
        excerpts = []
        for source in range(len(data.sources)):
            track = drawn["track"][source]
            offset = _offset(drawn["position"][source], lengths[track, source], samples)
            excerpts.append(read(track, source, offset))
        example = mix(augment(tf.stack(excerpts), drawn, data.augmentations))
        return {**example, **(make_unpaired(index, others) if others else {})}

    return (
        map_in_parallel(tf.data.Dataset.range(start, tf.int64.max), make)
        .batch(data.batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def validation_examples(
    tracks: Sequence[Track], data: DataConfig, audio: AudioConfig
) -> tf.data.Dataset:
    """Batches of fixed excerpts that cover every track from its beginning to its end.

    The last excerpt of a track is moved back to end with it. The mixture is the
    track's own where every track has a file of it, else the sum. Nothing is augmented.

    Returns:
        As `training_examples`, once through; the last batch may be smaller.
    """
    samples = excerpt_samples(data, audio)
    own = all(track.mixture for track in tracks)
    files = [track.files if own else track.sources for track in tracks]
    read = reader(files, audio, samples, in_memory=data.in_memory)
    places = [
        (index, max(0, min(offset, track.frames - samples)))
        for index, track in enumerate(tracks)
        for offset in range(0, track.frames, samples)
    ]
    count = len(data.sources)

    def make(place: tf.Tensor) -> Example:
        read_at = [read(place[0], i, place[1]) for i in range(count + own)]
        sources = tf.stack(read_at[:count])
        return {"mixture": read_at[count], "sources": sources} if own else mix(sources)

    items = tf.data.Dataset.from_tensor_slices(tf.constant(places, tf.int64))
    batches = tf.data.experimental.assert_cardinality(-(-len(places) // data.batch_size))
    examples = map_in_parallel(items, make).batch(data.batch_size)
    return examples.apply(batches).prefetch(tf.data.AUTOTUNE)


def draw(seed: int, index: Any, tracks: int, sources: int) -> Example:
    """Stage 1: all that is random about an example.

    Args:
        seed: of the run.
        index: of the example, int64 scalar.
        tracks: number of tracks.
        sources: number of sources.

    Returns:
        For each source: `track` int64, `position` (0 to 1, where in the track), `gain`,
        `swap`; each `[sources]`.
    """
    key = tf.stack([tf.constant(seed, tf.int64), tf.cast(index, tf.int64)])
    keys = tf.unstack(tf.random.split(key, 4), 4)
    shape = [sources]
    return {
        "track": tf.random.stateless_uniform(shape, keys[0], 0, tracks, tf.int64),
        "position": tf.random.stateless_uniform(shape, keys[1], dtype=tf.float64),
        "gain": tf.random.stateless_uniform(shape, keys[2], *_GAINS),
        "swap": tf.random.stateless_uniform(shape, keys[3]) < _SWAP_PROBABILITY,
    }


def augment(sources: tf.Tensor, drawn: Example, augmentations: Sequence[str]) -> tf.Tensor:
    """Stage 3: gain and channel swap of each source, `[sources, samples, channels]`."""
    if "gain" in augmentations:
        sources *= drawn["gain"][:, tf.newaxis, tf.newaxis]
    if "channelswap" in augmentations:
        swapped = tf.reverse(sources, axis=[2])
        sources = tf.where(drawn["swap"][:, tf.newaxis, tf.newaxis], swapped, sources)
    return sources


def mix(sources: tf.Tensor) -> Example:
    """Stage 4: the mixture is the sum."""
    return {"mixture": tf.reduce_sum(sources, axis=0), "sources": sources}


def tracks_of(
    indices: Iterable[int], tracks: Sequence[Track], data: DataConfig, seed: int
) -> list[list[str]]:
    """Names of the tracks that each source of an example was taken from.

    Args:
        indices: of examples.
        tracks: as given to `training_examples`.
        data: sources.
        seed: as given to `training_examples`.
    """
    count = len(data.sources)
    drawn = [draw(seed, index, len(tracks), count)["track"].numpy() for index in indices]
    return [[tracks[i].name for i in choice] for choice in drawn]


def _offset(position: tf.Tensor, length: tf.Tensor, samples: int) -> tf.Tensor:
    places = tf.maximum(length - samples, 0) + 1
    return tf.cast(position * tf.cast(places, tf.float64), tf.int64)
