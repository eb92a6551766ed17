"""The unpaired half of an example: a mixture X̂, and recordings Ŷ of sources that are not in it.

Both come from files of their own or from the data set's own tracks. Of the tracks no Ŷ is a
source of an X̂ in the same batch: for every batch the tracks are divided at random, and X̂ is drawn
from one half and Ŷ from the other. A single track is divided in time.
"""

from collections.abc import Sequence

import tensorflow as tf

from mss_keras.config import AudioConfig, DataConfig
from mss_keras.data.augmentations import augment
from mss_keras.data.draws import DrawnUnpaired, draw_unpaired, offset_of, pick
from mss_keras.data.headers import AudioFile
from mss_keras.data.readers import Reader, lengths_of, reader
from mss_keras.data.tracks import Track
from mss_keras.data.unpaired import Unpaired


class UnpairedExamples:
    """Makes of an example's index its unpaired mixture and recordings, by stages 1 to 4.

    Args:
        tracks: tracks of the data set.
        unpaired: files from elsewhere.
        data: sources, batch size, augmentations, whether files are kept in memory.
        audio: channels.
        samples: length of an excerpt.
        seed: seed of the draws.
        read: reader of such excerpts of the tracks' sources.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        unpaired: Unpaired,
        *,
        data: DataConfig,
        audio: AudioConfig,
        samples: int,
        seed: int,
        read: Reader,
    ):
        self._data, self._seed, self._tracks = data, seed, len(tracks)
        self._excerpts = _Excerpts(
            tracks, unpaired, data=data, audio=audio, samples=samples, read=read
        )

    def __call__(self, index: tf.Tensor) -> dict[str, tf.Tensor]:
        """`unpaired_mixture` and `unpaired_sources` of an example."""
        drawn = draw_unpaired(
            self._seed,
            index,
            tracks=self._tracks,
            sources=len(self._data.sources),
            batch_size=self._data.batch_size,
        )
        heard, alone = drawn["mixture"], drawn["sources"]
        names = self._data.augmentations
        mixture = augment(self._excerpts.mixture(heard), heard.augmentations, names)
        sources = augment(self._excerpts.recordings(alone), alone.augmentations, names)
        return {"unpaired_mixture": tf.reduce_sum(mixture, axis=0), "unpaired_sources": sources}


class _Excerpts:
    """Stage 2: excerpts of unpaired music, as drawn."""

    def __init__(
        self,
        tracks: Sequence[Track],
        unpaired: Unpaired,
        *,
        data: DataConfig,
        audio: AudioConfig,
        samples: int,
        read: Reader,
    ):
        self._samples = samples
        self._sources = range(len(data.sources))
        self._read_track = read
        self._lengths = lengths_of([track.sources for track in tracks])

        def from_elsewhere(files: Sequence[AudioFile]) -> tuple[Reader, tf.Tensor]:
            each = [[file] for file in files]
            read_file = reader(each, audio, self._samples, in_memory=data.in_memory)
            return read_file, lengths_of(each)

        self._songs = from_elsewhere(unpaired.songs) if unpaired.songs else None
        self._recordings = unpaired.recordings and [from_elsewhere(x) for x in unpaired.recordings]

    def mixture(self, drawn: DrawnUnpaired) -> tf.Tensor:
        """Excerpts whose sum is X̂, `[1 or sources, samples, channels]`."""
        if self._songs:
            return self._of_file(self._songs, drawn, 0)[tf.newaxis]
        return tf.stack([self._of_track(drawn, source) for source in self._sources])

    def recordings(self, drawn: DrawnUnpaired) -> tf.Tensor:
        """Ŷ, `[sources, samples, channels]`."""
        if self._recordings:
            each = zip(self._recordings, self._sources, strict=True)
            return tf.stack([self._of_file(files, drawn, source) for files, source in each])
        return tf.stack([self._of_track(drawn, source) for source in self._sources])

    def _of_track(self, drawn: DrawnUnpaired, source: int) -> tf.Tensor:
        track, offset, end = place_in_track(drawn, source, self._lengths, samples=self._samples)
        excerpt = self._read_track(track, source, offset)
        # Behind the end of its span lies what the other side of the batch may hear.
        inside = tf.range(self._samples, dtype=tf.int64) < end - offset
        return tf.where(inside[:, tf.newaxis], excerpt, 0.0)

    def _of_file(
        self, files: tuple[Reader, tf.Tensor], drawn: DrawnUnpaired, source: int
    ) -> tf.Tensor:
        read, lengths = files
        number, offset = place_in_file(drawn, source, lengths, samples=self._samples)
        return read(number, 0, offset)


def place_in_track(
    drawn: DrawnUnpaired, source: int, lengths: tf.Tensor, *, samples: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The place of an unpaired excerpt in the data set's own tracks.

    Args:
        drawn: what was drawn.
        source: number of the source.
        lengths: samples of each source of each track, int64 `[tracks, sources]`.
        samples: length of the excerpt.

    Returns:
        The track, the first sample, and the one at which what may be heard ends; int64 each.
    """
    track = drawn.track[source]
    length = tf.cast(lengths[track, source], tf.float64)
    begin, end = tf.unstack(tf.cast(drawn.span * length, tf.int64))
    return track, begin + offset_of(drawn.position[source], end - begin, samples), end


def place_in_file(
    drawn: DrawnUnpaired, source: int, lengths: tf.Tensor, *, samples: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """The place of an unpaired excerpt in files from elsewhere.

    Args:
        drawn: what was drawn.
        source: number of the source, 0 for the mixture.
        lengths: samples of each file, int64 `[files, 1]`.
        samples: length of the excerpt.

    Returns:
        The number of the file, and the first sample; int64 each.
    """
    number = pick(drawn.choice[source], tf.shape(lengths, tf.int64)[0])
    return number, offset_of(drawn.position[source], lengths[number, 0], samples)
