"""Stage 1 of the pipeline: all that is random about an example.

What is drawn is a pure function of the run's seed and the example's index: the keys of TensorFlow's
stateless generators are made of these two. The order and the parallelism of the work do not matter,
and a resumed run sees the examples that it would have seen.
"""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from mss_keras.data.augmentations import AUGMENTATIONS, draw_augmentations

_uniform = tf.random.stateless_uniform

# Keep the keys of the mixture, of the recordings and of the division of tracks apart.
_SALTS = {"mixture": 1, "sources": 2, "division": 3}


@dataclass(frozen=True)
class Drawn:
    """What was drawn for each source of an example.

    Args:
        track: tf.Tensor. Index of the track, int64 `[sources]`.
        position: tf.Tensor. Where the excerpt begins, as a share of all possible places, from 0
            to below 1, float64 `[sources]`.
        augmentations: dict. What the augmentations drew, by name, `[sources, ...]` each.
    """

    track: tf.Tensor
    position: tf.Tensor
    augmentations: dict[str, tf.Tensor]


@dataclass(frozen=True)
class DrawnUnpaired(Drawn):
    """What was drawn for unpaired music. The track is that of the data set's own tracks.

    Args:
        choice: tf.Tensor. Which file is read where there are files from elsewhere, as a share of
            their number, from 0 to below 1, float64 `[sources]`.
        span: tf.Tensor. Beginning and end of what may be heard of a track, as shares of its
            length, float64 `[2]`.
    """

    choice: tf.Tensor
    span: tf.Tensor


def draw(seed: int, index: Any, *, tracks: int, sources: int) -> Drawn:
    """Draws an example.

    Args:
        seed: int. Seed of the run.
        index: tf.Tensor. Index of the example, int64 scalar.
        tracks: int. Number of tracks.
        sources: int. Number of sources.

    Example:
        >>> drawn = draw(7, 0, tracks=5, sources=3)
        >>> drawn.track.numpy().tolist()
        [2, 1, 2]
        >>> sorted(drawn.augmentations)
        ['channelswap', 'gain']
    """
    seed_and_index = tf.stack([tf.constant(seed, tf.int64), tf.cast(index, tf.int64)])
    track, position, *augmentations = _split(seed_and_index, 2 + len(AUGMENTATIONS))
    return Drawn(
        track=_uniform([sources], track, 0, tracks, tf.int64),
        position=_uniform([sources], position, dtype=tf.float64),
        augmentations=draw_augmentations(augmentations, sources),
    )


def draw_unpaired(
    seed: int, index: Any, *, tracks: int, sources: int, batch_size: int
) -> dict[str, DrawnUnpaired]:
    """Draws the unpaired half of an example.

    Args:
        seed: int. Seed of the run.
        index: tf.Tensor. Index of the example, int64 scalar.
        tracks: int. Number of tracks of the data set, which are divided between the mixture and
            the recordings.
        sources: int. Number of sources.
        batch_size: int. Number of examples that share a division.

    Returns:
        Of `mixture` (X̂) and of `sources` (Ŷ) what was drawn.
    """
    index = tf.cast(index, tf.int64)
    division = _divide(_salted(seed, index // batch_size, "division"), tracks)
    drawn = {}
    for kind, (side, span) in division.items():
        key = _salted(seed, index, kind)
        track, choice, position, *augmentations = _split(key, 3 + len(AUGMENTATIONS))
        drawn[kind] = DrawnUnpaired(
            track=tf.gather(side, _uniform([sources], track, 0, tf.size(side), tf.int32)),
            position=_uniform([sources], position, dtype=tf.float64),
            augmentations=draw_augmentations(augmentations, sources),
            choice=_uniform([sources], choice, dtype=tf.float64),
            span=tf.cast(span, tf.float64),
        )
    return drawn


def _divide(key: tf.Tensor, tracks: int) -> dict[str, tuple[tf.Tensor, Any]]:
    """Tracks that X̂ and Ŷ may come from, int64 `[tracks of the side]`, and the span of them."""
    order = tf.cast(tf.argsort(_uniform([tracks], key)), tf.int64)
    if tracks == 1:
        early, late = [0.0, 0.5], [0.5, 1.0]
        mixture_first = _uniform([], key) < 0.5
        return {
            "mixture": (order, tf.where(mixture_first, early, late)),
            "sources": (order, tf.where(mixture_first, late, early)),
        }
    half, whole = tracks // 2, [0.0, 1.0]
    return {"mixture": (order[:half], whole), "sources": (order[half:], whole)}


def _split(key: tf.Tensor, count: int) -> list[tf.Tensor]:
    # The first keys are the same whatever the count: a new augmentation leaves them as they were.
    return tf.unstack(tf.random.split(key, count), count)


def _salted(seed: int, index: tf.Tensor, kind: str) -> tf.Tensor:
    return tf.random.fold_in(tf.stack([tf.constant(seed, tf.int64), index]), _SALTS[kind])


def offsets_of(drawn: Drawn, lengths: tf.Tensor, samples: int) -> tf.Tensor:
    """First samples of the excerpts of all sources of an example, int64 `[sources]`.

    Args:
        drawn: Drawn. What was drawn for the example.
        lengths: tf.Tensor. Samples of each source of each track, int64 `[tracks, sources]`.
        samples: int. Samples of an excerpt.
    """
    sources = tf.range(tf.size(drawn.track, tf.int64), dtype=tf.int64)
    own = tf.gather_nd(lengths, tf.stack([drawn.track, sources], axis=1))
    return offset_of(drawn.position, own, samples)


def offset_of(position: tf.Tensor, length: tf.Tensor, samples: int) -> tf.Tensor:
    """First sample of an excerpt.

    Args:
        position: tf.Tensor. Share of all possible places, from 0 to below 1, float64.
        length: tf.Tensor. Samples that the excerpt is cut from, int64.
        samples: int. Samples of the excerpt; it begins at 0 where the length is smaller.
    """
    return pick(position, tf.maximum(length - samples, 0) + 1)


def pick(share: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """The number from 0 to `count - 1` that a share from 0 to below 1 stands for, int64."""
    return tf.cast(share * tf.cast(count, tf.float64), tf.int64)
