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

    def origin(self, begin: int) -> int:
        """The first sample of a song that `stream` has to be given for a part of it.

        Args:
            begin: first sample of the part.
        """
        heard = self._heard_from(self._first(begin))
        return max(0, heard * self.audio.nhop - self.audio.nfft // 2)

    def stream(
        self, blocks: Iterable[np.ndarray], *, begin: int = 0, end: int | None = None
    ) -> Iterator[np.ndarray]:
        """Separates a song that comes in blocks, or a part of it.

        A part's stems are those of the whole song: chunks lie where they lie in the song, and the
        network hears what is around them.

        Args:
            blocks: float32 `[samples, channels]` each, of any lengths; the song from sample
                `origin(begin)` on.
            begin: first sample of the part. Defaults to the song's.
            end: sample behind the part. Defaults to the song's end.

        Yields:
            Float32 `[samples, sources, channels]`; together as many samples as the part has
            within the song.
        """
        plan, nhop, half = self.rounds.plan, self.audio.nhop, self.audio.nfft // 2
        song = _PaddedSong(blocks, self.audio, self.origin(begin))
        state, now = self.rounds.start(), self._first(begin)
        last = None if end is None else self._chunks_of(end) * plan.chunk
        while True:
            heard_from = self._heard_from(now)
            stop = plan.round * (now // plan.round + 1)
            stop = stop if last is None else min(stop, last)
            # A song's first chunk hears all of its context behind it; nor does a whole song
            # hear more than the context behind a round.
            heard_to = max(stop + plan.context, heard_from + plan.chunk + 2 * plan.context)
            heard_to = min(heard_to, plan.round * (now // plan.round + 1) + plan.context)
            song.advance(self._samples(heard_from, heard_to))
            if song.ended:
                heard_to = min(heard_to, self._frames(song.begin + len(song.buffer)))
                stop = min(stop, heard_to)
                if stop <= now:  # the part lies behind the song's end
                    return
            heard = song.buffer[self._samples(0, heard_to - heard_from)]
            stems, state = self._advance(heard, Span(now - heard_from, stop - now), state)
            block, position = stems.numpy(), now * nhop - half
            now = stop
            over = now == last or (song.ended and now == heard_to)
            if song.ended and now == heard_to:
                block = np.concatenate([block, self.rounds.flush(state).numpy()])
            length = song.samples if end is None else min(end, song.samples)
            block = block[max(0, begin - position) : max(0, length - position)]
            if len(block) or over:
                yield block
            if over:
                return

    def _first(self, begin: int) -> int:
        # The frame with which the separation of a part begins, the first of a chunk. In the first
        # window of a chunk are masks that have faded in from those of the chunk before.
        plan, audio = self.rounds.plan, self.audio
        frame = max(0, (begin + audio.nfft // 2 - audio.nfft) // audio.nhop + 1)
        chunk, inside = divmod(frame, plan.chunk)
        if inside < plan.window:
            chunk = max(0, chunk - 1)
        return chunk * plan.chunk

    def _heard_from(self, frame: int) -> int:
        # The first frame that the network hears for the round of a frame.
        plan = self.rounds.plan
        return max(0, frame // plan.round * plan.round - plan.context)

    def _chunks_of(self, end: int) -> int:
        # Number of chunks that the samples before `end` need.
        frames = max(0, end - 1 + self.audio.nfft // 2) // self.audio.nhop + 1
        return -(-frames // self.rounds.plan.chunk)

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

    def __init__(self, blocks: Iterable[np.ndarray], audio: AudioConfig, origin: int):
        self.audio = audio
        self.half = half = audio.nfft // 2
        self.samples = origin  # of the song, so far
        self.ended = False
        self.begin = origin + half if origin else 0  # of the buffer, in the padded song
        self._blocks = iter(blocks)
        head = self._read(half + 1, np.zeros([0, audio.nb_channels], np.float32))
        if len(head) <= half:
            head = np.pad(head, [(0, half + 1 - len(head)), (0, 0)])
        self._last = head  # half + 1 samples at least, whose mirror image ends the song
        self.buffer = head if origin else np.concatenate([head[half:0:-1], head])
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
