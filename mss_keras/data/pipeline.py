"""From tracks to batches of examples: a `tf.data` pipeline of named stages.

1. draw     example index → which tracks, where in them, and what the augmentations do
2. read     only the excerpts, from disk or memory
3. augment  each source by itself
4. mix      the mixture is the sum of the sources
5. batch, prefetch

For adversarial training an unpaired mixture and unpaired sources are made beside them by the same
stages, see unpaired_examples.py.
"""

from collections.abc import Callable, Sequence, Sized

import tensorflow as tf

from mss_keras.config import AudioConfig, DataConfig
from mss_keras.data.augmentations import augment
from mss_keras.data.draws import Drawn, draw, offsets_of
from mss_keras.data.padding import padded_batches
from mss_keras.data.readers import Reader, lengths_of, map_in_parallel, reader
from mss_keras.data.share import WHOLE, Share
from mss_keras.data.tracks import Track
from mss_keras.data.unpaired import Unpaired
from mss_keras.data.unpaired_examples import UnpairedExamples

Example = dict[str, tf.Tensor]


def excerpt_samples(data: DataConfig, audio: AudioConfig) -> int:
    """Length of an excerpt, samples.

    Example:
        >>> excerpt_samples(DataConfig(seq_dur=6.0), AudioConfig(sample_rate=44100))
        264600
    """
    return max(1, round(data.seq_dur * audio.sample_rate))


def steps_per_epoch(tracks: Sized, data: DataConfig) -> int:
    """Number of batches in an epoch, at least one.

    Args:
        tracks: training tracks; each counts `samples_per_track` examples.
        data: examples for each track, batch size.
    """
    return max(1, len(tracks) * data.samples_per_track // data.batch_size)


def training_examples(
    tracks: Sequence[Track],
    data: DataConfig,
    audio: AudioConfig,
    *,
    seed: int,
    start: int = 0,
    unpaired: Unpaired | None = None,
    mixed: bool = True,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """Endless batches of random mixtures.

    Every source comes from a random track and a random place in it. Tracks shorter than the
    excerpt are padded with silence.

    Args:
        tracks: tracks to draw from.
        data: length of excerpts, batch size, augmentations.
        audio: sample rate and channels.
        seed: seed of the draws. An example depends on the seed and its index alone.
        start: index of the first example. Defaults to `0`.
        unpaired: where unpaired music comes from. Defaults to none: no unpaired music is made.
        mixed: whether batches hold the mixture. Defaults to `True`; a `Separator` adds up the
            sources by itself, on the device, where batches do not hold it.
        share: part of each batch that is read here. Defaults to the whole.

    Returns:
        Batches `{"mixture": [batch, samples, channels], "sources": [batch, sources, samples,
        channels]}`, float32. Sources are in −1 to 1 before gains; mixtures may pass that. With
        unpaired music also `unpaired_mixture` and `unpaired_sources`, of the same shapes.
    """
    samples = excerpt_samples(data, audio)
    read = reader([track.sources for track in tracks], audio, samples, in_memory=data.in_memory)
    makers: list[Callable[[tf.Tensor], Example]] = [
        _PairedExamples(tracks, data, samples=samples, seed=seed, read=read)
    ]
    if unpaired is not None:
        makers.append(
            UnpairedExamples(
                tracks, unpaired, data=data, audio=audio, samples=samples, seed=seed, read=read
            )
        )

    def make(position: tf.Tensor) -> Example:
        index = start + share.index(position, data.batch_size)
        example = {name: tensor for maker in makers for name, tensor in maker(index).items()}
        return {name: example[name] for name in example if mixed or name != "mixture"}

    return (
        map_in_parallel(tf.data.Dataset.range(tf.int64.max), make)
        .batch(share.batch(data.batch_size), drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def validation_examples(
    tracks: Sequence[Track], data: DataConfig, audio: AudioConfig, *, share: Share = WHOLE
) -> tf.data.Dataset:
    """Batches of fixed excerpts that cover every track from its beginning to its end.

    The last excerpt of a track is moved back, so that the excerpt ends with the track. The mixture
    is read from its file where every track has one, and else is the sum of the sources. Nothing is
    augmented.

    Args:
        tracks: tracks to cover, in this order.
        data: length of excerpts, batch size.
        audio: sample rate and channels.
        share: part of each batch that is read here. Defaults to the whole.

    Returns:
        Batches as of `training_examples`, once through, and `weight`, `[batch]`: 0 for silence that
        fills up the last batch, 1 for an excerpt. See `padded_batches`.
    """
    samples = excerpt_samples(data, audio)
    places = [
        (index, max(0, min(offset, track.samples - samples)))
        for index, track in enumerate(tracks)
        for offset in range(0, track.samples, samples)
    ]
    steps = -(-len(places) // data.batch_size)
    each = share.batch(data.batch_size)
    count = steps * data.batch_size // share.workers
    indices = (share.index(position, data.batch_size) for position in range(count))
    own = [places[index] for index in indices if index < len(places)]
    items = tf.data.Dataset.from_tensor_slices(tf.reshape(tf.constant(own, tf.int64), [-1, 2]))
    make = _FixedExamples(tracks, data, audio, samples=samples)
    examples = padded_batches(map_in_parallel(items, make), each, batches=count // each)
    return examples.prefetch(tf.data.AUTOTUNE)


def mix(sources: tf.Tensor) -> Example:
    """Stage 4: the mixture `[samples, channels]` is the sum of `[sources, samples, channels]`."""
    return {"mixture": tf.reduce_sum(sources, axis=0), "sources": sources}


class _PairedExamples:
    """Makes of an example's index its mixture and sources, by stages 1 to 4."""

    def __init__(
        self, tracks: Sequence[Track], data: DataConfig, *, samples: int, seed: int, read: Reader
    ):
        self._data, self._samples, self._seed = data, samples, seed
        self._tracks = len(tracks)
        self._lengths = lengths_of([track.sources for track in tracks])
        self._read = read

    def __call__(self, index: tf.Tensor) -> Example:
        drawn = draw(self._seed, index, tracks=self._tracks, sources=len(self._data.sources))
        sources = self._excerpts(drawn)  # [sources, samples, channels]
        sources = augment(sources, drawn.augmentations, self._data.augmentations)
        return mix(sources)

    def _excerpts(self, drawn: Drawn) -> tf.Tensor:
        offsets = offsets_of(drawn, self._lengths, self._samples)
        sources = range(len(self._data.sources))
        return tf.stack([self._read(drawn.track[i], i, offsets[i]) for i in sources])


class _FixedExamples:
    """Makes of a track and a first sample, int64 `[2]`, the mixture and sources there."""

    def __init__(
        self, tracks: Sequence[Track], data: DataConfig, audio: AudioConfig, *, samples: int
    ):
        self._own_mixture = all(track.mixture for track in tracks)
        self._sources = range(len(data.sources))
        files = [track.files if self._own_mixture else track.sources for track in tracks]
        self._read = reader(files, audio, samples, in_memory=data.in_memory)

    def __call__(self, place: tf.Tensor) -> Example:
        track, offset = place[0], place[1]
        # [sources, samples, channels]
        sources = tf.stack([self._read(track, source, offset) for source in self._sources])
        if not self._own_mixture:
            return mix(sources)
        return {"mixture": self._read(track, len(self._sources), offset), "sources": sources}
