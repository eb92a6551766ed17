"""Songs of any length by a network from waveforms to waveforms, a chunk at a time.

The network hears each chunk with some context at both sides, and a chunk's estimates, which reach
beyond its end, fade into those of the next. Chunks begin at multiples of a hop, and end where the
song does: so the stems are those of the whole song, except that the network does not hear beyond
the context, and as long as its own stride divides the hop.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from mss_keras.config import SeparationConfig, UserError
from mss_keras.models.chunks import Plan, Span
from mss_keras.models.streaming import Streaming, wanted
from mss_keras.models.waveforms import estimates_of


class WaveformStreaming(Streaming):
    """Separates songs of any length by a network that gives waveforms.

    Args:
        model: a `mss_keras.models.model.SeparationModel`.
        options: what to separate and how.

    Raises:
        UserError: as `wanted`, and for the Wiener filter, which is of masks.
    """

    def __init__(self, model, options: SeparationConfig):
        for name in ("niter", "softmask"):
            if value := getattr(options, name):
                found = f"{value} with a network of waveforms"
                raise UserError(name, found, "it with a network that makes masks")
        self.model, self.options, self.audio = model, options, model.audio
        self.names, self.chosen = wanted(model.source_names, options)
        plan, nhop = Plan.of(self.audio, options), self.audio.nhop
        # A chunk at a time: convolutions are as fast on one as on several.
        self.chunk = self.round = plan.chunk * nhop
        self.context, self.fade = plan.context * nhop, plan.fade * nhop
        wave = tf.TensorSpec([None, self.audio.nb_channels], tf.float32)
        number, last = tf.TensorSpec([], tf.int32), tf.TensorSpec.from_tensor(self._start())
        self._advance = tf.function(
            self.advance, input_signature=[wave, Span(number, number), last], autograph=False
        )

    def _start(self) -> tf.Tensor:
        return tf.zeros([self.fade, len(self.chosen), self.audio.nb_channels])

    def advance(self, heard: tf.Tensor, span: Span, last: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """One chunk.

        Args:
            heard: float32 `[samples, channels]`, the song from `span.before` samples ahead of the
                chunk, with up to `context` samples behind it.
            span: the chunk, in samples.
            last: `[fade, targets, channels]`, the estimates that the chunk before has beyond its
                end.

        Returns:
            Stems `[samples, sources, channels]` of the chunk, and `last` of the next.
        """
        before, samples = span
        estimates = self._estimates(heard[tf.newaxis])[0][before:]
        fade = tf.minimum(self.fade, samples)
        ramp = (tf.range(tf.cast(fade, tf.float32)) + 0.5) / tf.cast(fade, tf.float32)
        # Nothing is ahead of a song's first chunk.
        ramp = tf.where(tf.equal(before, 0), tf.ones_like(ramp), ramp)[:, tf.newaxis, tf.newaxis]
        head = last[:fade] + (estimates[:fade] - last[:fade]) * ramp
        found = tf.concat([head, estimates[fade:samples]], axis=0)
        beyond = estimates[samples : samples + self.fade]
        beyond = tf.pad(beyond, [[0, self.fade - tf.shape(beyond)[0]], [0, 0], [0, 0]])
        mixture = heard[before : before + samples]
        return self._with_residual(found, mixture), tf.ensure_shape(beyond, last.shape)

    def _estimates(self, waveform: tf.Tensor) -> tf.Tensor:
        # [batch, samples, channels] -> the targets', [batch, samples, targets, channels]
        found = estimates_of(self.model.network, waveform, self.audio)
        return tf.transpose(tf.gather(found, self.chosen, axis=1), [0, 2, 1, 3])

    def _with_residual(self, found: tf.Tensor, mixture: tf.Tensor) -> tf.Tensor:
        if self.options.residual is None:
            return found
        rest = mixture - tf.reduce_sum(found, axis=1)
        return tf.concat([found, rest[:, tf.newaxis]], axis=1)

    @property
    def longest_at_once(self) -> int:
        """A chunk."""
        return self.chunk

    def at_once(self, waveform: tf.Tensor) -> Callable[[tf.Tensor], tf.Tensor]:
        """See `Streaming.at_once`."""
        found = self._estimates(waveform)
        return lambda index: self._with_residual(found[index], waveform[index])

    def blocks(self, samples: tf.Tensor) -> tf.Tensor:
        """See `Streaming.blocks`."""
        return -(-samples // self.chunk)

    def each_block(self, waveform: tf.Tensor, function: Callable, carried: Any) -> Any:
        """See `Streaming.each_block`."""
        samples = tf.shape(waveform)[0]

        def step(begin, last, carried):
            before = tf.minimum(begin, self.context)
            now = tf.minimum(self.chunk, samples - begin)
            heard = waveform[begin - before : begin + now + self.context]
            stems, last = self.advance(heard, Span(before, now), last)
            return begin + now, last, function(stems, carried)

        _, _, carried = tf.while_loop(
            lambda begin, *_: begin < samples,
            step,
            (0, self._start(), carried),
            parallel_iterations=1,
        )
        return carried

    def origin(self, begin: int) -> int:
        """See `Streaming.origin`."""
        return max(0, self._first(begin) - self.context)

    def _first(self, begin: int) -> int:
        # The chunk with which the separation of a part begins: in the head of a chunk are
        # estimates that have faded in from those of the chunk before.
        chunk, inside = divmod(begin, self.chunk)
        return max(0, chunk - (inside < self.fade)) * self.chunk

    def stream(
        self, blocks: Iterable[np.ndarray], *, begin: int = 0, end: int | None = None
    ) -> Iterator[np.ndarray]:
        """See `Streaming.stream`."""
        now, last = self._first(begin), self._start()
        song = _Song(blocks, self.origin(begin), self.audio.nb_channels)
        while True:
            before = min(now, self.context)
            heard = song.heard(now - before, now + self.chunk + self.context)
            samples = min(self.chunk, len(heard) - before)
            stop = now + max(0, samples)
            if samples > 0:
                stems, last = self._advance(heard, Span(before, samples), last)
                length = stop if end is None else min(end, stop)
                block = stems.numpy()[max(0, begin - now) : max(0, length - now)]
            else:
                block = np.zeros([0, len(self.names), self.audio.nb_channels], np.float32)
            over = samples < self.chunk or (end is not None and stop >= end)
            if len(block) or over:
                yield block
            if over:
                return
            now = stop


class _Song:
    """A stretch of a song that comes in blocks, which moves forward."""

    def __init__(self, blocks: Iterable[np.ndarray], origin: int, channels: int):
        self._blocks = iter(blocks)
        self._begin = origin
        self._buffer = np.zeros([0, channels], np.float32)

    def heard(self, begin: int, end: int) -> np.ndarray:
        """The stretch from a sample to another, or as far as the song goes."""
        parts = [self._buffer[begin - self._begin :]]
        self._begin, have = begin, len(parts[0])
        while have < end - begin and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            have += len(block)
        self._buffer = np.concatenate(parts)
        return self._buffer[: end - begin]
