"""Songs of any length through `Rounds`: from memory within a graph, or in blocks."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from mss_keras.config import AudioConfig, SeparationConfig
from mss_keras.models.chunks import Span
from mss_keras.models.rounds import Rounds, State
from mss_keras.signal.stft import zeros_behind


class Streaming:
    """Separates songs of any length.

    Args:
        model: a `MaskingModel`.
        options: what to separate and how.

    Attributes:
        names: names of the stems.

    Raises:
        UserError: as `Rounds`.
    """

    def __init__(self, model, options: SeparationConfig):
        self.rounds = Rounds(model, options)
        self.audio = model.audio
        self.names = self.rounds.names
        wave = tf.TensorSpec([None, self.audio.nb_channels], tf.float32)
        number = tf.TensorSpec([], tf.int32)
        state = State(*map(tf.TensorSpec.from_tensor, self.rounds.start()))
        self._advance = tf.function(
            self.rounds.advance,
            input_signature=[wave, Span(number, number), state],
            autograph=False,
        )

    def blocks(self, samples: tf.Tensor) -> tf.Tensor:
        """Number of blocks that `each_block` makes of a song of that many samples."""
        frames = self._frames_of(tf.maximum(samples, self.audio.nfft // 2 + 1))
        return 1 + -(-frames // self.rounds.plan.round)

    def each_block(self, waveform: tf.Tensor, function: Callable, carried: Any) -> Any:
        """Folds a function over the stems of a song that is in memory, within a graph.

        Args:
            waveform: float32 `[samples, channels]`.
            function: called with a block of stems `[samples, sources, channels]` and `carried`;
                returns the next `carried`. The blocks together have as many samples as the song.
            carried: tensors and arrays, as `tf.while_loop` takes them.

        Returns:
            The last `carried`.
        """
        rounds, half, nhop = self.rounds, self.audio.nfft // 2, self.audio.nhop
        samples = tf.shape(waveform)[0]
        # One zero more than is reflected stands for all zeros behind the padded song.
        song = tf.pad(waveform, [[0, 1 + tf.maximum(0, half + 1 - samples)], [0, 0]])
        last = tf.shape(song)[0] - 2
        frames = self._frames_of(last + 1)

        def padded(stretch):  # as `pad_centre` does, without a copy of the whole song
            places = tf.abs(tf.range(stretch.start, stretch.stop) - half)
            reflected = last - tf.abs(last - places)
            return tf.gather(song, tf.where(places > last + half, last + 1, reflected))

        def use(block, position, carried):  # without the padding
            length = tf.shape(block)[0]
            begin = tf.clip_by_value(half - position, 0, length)
            end = tf.clip_by_value(half + samples - position, 0, length)
            return function(block[begin:end], carried)

        def step(begin, state, carried):
            before = tf.minimum(begin, rounds.plan.context)
            now = tf.minimum(rounds.plan.round, frames - begin)
            behind = tf.minimum(rounds.plan.context, frames - begin - now)
            heard = padded(self._samples(begin - before, begin + now + behind))
            stems, state = rounds.advance(heard, Span(before, now), state)
            return begin + now, state, use(stems, begin * nhop, carried)

        _, state, carried = tf.while_loop(
            lambda begin, *_: begin < frames,
            step,
            (0, rounds.start(), carried),
            parallel_iterations=1,
        )
        return use(rounds.flush(state), frames * nhop, carried)

    def stream(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Separates a song that comes in blocks.

        Args:
            blocks: float32 `[samples, channels]` each, of any lengths.

        Yields:
            Float32 `[samples, sources, channels]`; together as many samples as came in.
        """
        plan = self.rounds.plan
        song = _PaddedSong(blocks, self.audio)
        state, begin, given = self.rounds.start(), 0, 0
        padding = song.half
        while True:
            before = min(begin, plan.context)
            end = begin + plan.round + plan.context
            song.advance(self._samples(begin - before, end))
            if song.ended:
                end = min(end, self._frames(song.begin + len(song.buffer)))
            frames = min(plan.round, end - begin)
            heard = song.buffer[self._samples(0, end - begin + before)]
            stems, state = self._advance(heard, Span(before, frames), state)
            begin += frames
            block = stems.numpy()
            if last := song.ended and end == begin:
                block = np.concatenate([block, self.rounds.flush(state).numpy()])
            block = block[padding:]
            padding = 0
            if last:
                yield block[: song.samples - given]
                return
            given += len(block)
            yield block

    def _frames_of(self, samples):
        # Number of frames of a song that is long enough to be reflected.
        nfft, nhop = self.audio.nfft, self.audio.nhop
        return self._frames(samples + nfft // 2 * 2 + zeros_behind(samples, nfft, nhop))

    def _frames(self, samples):
        # Number of frames of a padded song of that many samples.
        return 1 + (samples - self.audio.nfft) // self.audio.nhop

    def _samples(self, begin, end) -> slice:
        # The samples of a padded song that frames begin to end cover.
        return slice(begin * self.audio.nhop, (end - 1) * self.audio.nhop + self.audio.nfft)


class _PaddedSong:
    """A stretch of the padded song (see `pad_centre`), which moves forward."""

    def __init__(self, blocks: Iterable[np.ndarray], audio: AudioConfig):
        self.audio = audio
        self.half = half = audio.nfft // 2
        self.samples = 0  # of the song, so far
        self.ended = False
        self.begin = 0  # of the buffer, in the padded song
        self._blocks = iter(blocks)
        head = self._read(half + 1, np.zeros([0, audio.nb_channels], np.float32))
        if len(head) <= half:
            head = np.pad(head, [(0, half + 1 - len(head)), (0, 0)])
        self._last = head  # half + 1 samples at least, whose mirror image ends the song
        self.buffer = np.concatenate([head[half:0:-1], head])
        if self.ended:
            self._end()

    def advance(self, stretch: slice) -> None:
        """Moves the buffer forward to a stretch, or as far as the song goes."""
        self.buffer = self.buffer[stretch.start - self.begin :]
        self.begin = stretch.start
        if not self.ended:
            have = len(self.buffer)
            self.buffer = self._read(stretch.stop - stretch.start, self.buffer)
            self._last = np.concatenate([self._last, self.buffer[have:]])[-self.half - 1 :]
            if self.ended:
                self._end()

    def _end(self) -> None:
        samples = self.begin + len(self.buffer) - self.half
        zeros = zeros_behind(samples, self.audio.nfft, self.audio.nhop)
        mirrored = self._last[-2 : -self.half - 2 : -1]
        self.buffer = np.concatenate([self.buffer, mirrored, np.zeros_like(mirrored[:zeros])])

    def _read(self, wanted: int, have: np.ndarray) -> np.ndarray:
        blocks, length = [have], len(have)
        while length < wanted:
            block = next(self._blocks, None)
            if block is None:
                self.ended = True
                break
            blocks.append(block)
            length += len(block)
            self.samples += len(block)
        return np.concatenate(blocks)
