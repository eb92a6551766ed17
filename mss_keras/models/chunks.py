"""The network on chunks of a song, and masks that fade from one chunk to the next.

All chunks of a round go through the trunk as one batch, each with context at both sides. The
masker is applied later, to a window of frames at a time, which bounds the memory that masks take.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from mss_keras.config import AudioConfig, SeparationConfig
from mss_keras.models.network import MaskNetwork

# The steps of an LSTM are in sequence, and BlockLSTMV2 takes less time for one of eight examples
# than for one of four. More chunks would take more memory than they save time.
_CHUNKS = 8
_FADE_SECONDS = 1.0


class Plan(NamedTuple):
    """Sizes in frames: a chunk, its context, the fade, a window of the Wiener filter."""

    chunk: int
    context: int
    fade: int
    window: int

    @classmethod
    def of(cls, audio: AudioConfig, options: SeparationConfig) -> "Plan":
        """The plan of a specification, in which a chunk is a whole number of windows.

        Example:
            >>> Plan.of(AudioConfig(), SeparationConfig())
            Plan(chunk=300, context=130, fade=43, window=300)
        """
        rate = audio.sample_rate / audio.nhop
        window = options.wiener_win_len
        chunk = window * max(1, round(options.chunk_dur * rate / window))
        context = int(np.ceil(options.context_dur * rate))
        return cls(chunk, context, min(int(_FADE_SECONDS * rate), context, window), window)

    @property
    def round(self) -> int:
        """Frames of a round, which is a few chunks."""
        return _CHUNKS * self.chunk


class Span(NamedTuple):
    """Where a round lies in the frames that the network hears for it."""

    before: tf.Tensor | int  # frames of context ahead of the round; 0 in the first round alone
    frames: tf.Tensor | int  # frames of the round, at most `Plan.round`


def trunk_of_chunks(
    network: MaskNetwork,
    magnitude: tf.Tensor,
    span: Span,
    *,
    plan: Plan,
    chosen: Sequence[int],
) -> tf.Tensor:
    """The network's trunk on all chunks of a round.

    All chunks hear equally many frames; at both ends of the song their context is moved inward.

    Args:
        network: the network.
        magnitude: float32 `[frames, channels, bins]`, from `span.before` frames ahead of the
            round, with up to `plan.context` frames behind it.
        span: the round.
        plan: the sizes.
        chosen: indices of the sources that are wanted.

    Returns:
        Float32 `[chunks, trunks, chunk + fade, hidden]`: each chunk and the frames behind it,
        over which it fades into the next.
    """
    before, frames = span
    # What is gathered for each chunk is the largest tensor of a round.
    magnitude = magnitude[..., : getattr(network, "heard_bins", None)]
    available = tf.shape(magnitude)[0]
    length = tf.minimum(available, plan.chunk + 2 * plan.context)
    begins = before + tf.range(0, frames, plan.chunk)
    starts = tf.clip_by_value(begins - plan.context, 0, available - length)
    # [chunks, length, channels, bins]
    heard = tf.gather(magnitude, starts[:, tf.newaxis] + tf.range(length))
    wanted = tf.range(tf.minimum(plan.chunk + plan.fade, available - before))
    keep = (begins - starts)[:, tf.newaxis] + wanted
    # Nothing is read of the frames behind the end of the song.
    keep = tf.minimum(keep, length - 1)
    hidden = network.trunk(heard, chosen=chosen, keep=keep)
    return tf.cast(hidden, tf.float32)  # from mixed precision


class FadedMasks:
    """The masks of a round, a window at a time, faded from those of the chunk before.

    Args:
        hidden: as `trunk_of_chunks` returns it.
        last: `[trunks, fade, hidden]`, what the last chunk of the round before has beyond its
            end.
        plan: the sizes.
        masker: as `MaskNetwork.masker` returns it.
        first: whether nothing is ahead of this round; its first chunk then does not fade.
    """

    def __init__(
        self,
        hidden: tf.Tensor,
        last: tf.Tensor,
        *,
        plan: Plan,
        masker: Callable[[tf.Tensor], tf.Tensor],
        first: tf.Tensor | bool,
    ):
        self._hidden, self._last = hidden, last
        self._plan, self._masker, self._first = plan, masker, first

    def window(self, begin: tf.Tensor, frames: tf.Tensor) -> tf.Tensor:
        """Masks `[sources, frames, channels, bins]` of a window that lies within a chunk.

        Args:
            begin: the window's first frame, counted from the beginning of the round.
            frames: frames of the window.
        """
        chunk = begin // self._plan.chunk
        inside = begin - chunk * self._plan.chunk
        mask = self._masks(self._hidden[chunk, :, inside : inside + frames])
        fades = tf.logical_and(inside == 0, tf.logical_or(chunk > 0, tf.logical_not(self._first)))
        return tf.cond(fades, lambda: self._faded(mask, chunk, frames), lambda: mask)

    def _faded(self, mask: tf.Tensor, chunk: tf.Tensor, frames: tf.Tensor) -> tf.Tensor:
        fade = tf.minimum(self._plan.fade, frames)
        beyond = tf.cond(chunk > 0, lambda: self._beyond(chunk - 1), lambda: self._last)
        before = self._masks(beyond[:, :fade])
        ramp = (tf.range(tf.cast(fade, tf.float32)) + 0.5) / tf.cast(fade, tf.float32)
        head = before + (mask[:, :fade] - before) * ramp[:, tf.newaxis, tf.newaxis]
        return tf.concat([head, mask[:, fade:]], axis=1)

    def beyond(self) -> tf.Tensor:
        """What the last chunk has beyond its end, `[trunks, fade, hidden]`: the next `last`."""
        rest = self._beyond(tf.shape(self._hidden)[0] - 1)
        # Behind the last round of a song are fewer frames, and none of them is read.
        rest = tf.pad(rest, [[0, 0], [0, self._plan.fade - tf.shape(rest)[1]], [0, 0]])
        return tf.ensure_shape(rest, self._last.shape)

    def _beyond(self, chunk: tf.Tensor) -> tf.Tensor:
        return self._hidden[chunk, :, self._plan.chunk : self._plan.chunk + self._plan.fade]

    def _masks(self, hidden: tf.Tensor) -> tf.Tensor:
        # [trunks, frames, hidden] -> [sources, frames, channels, bins]
        return self._masker(hidden[tf.newaxis])[0]
