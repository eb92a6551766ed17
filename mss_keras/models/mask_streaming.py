"""Songs of any length by masks, through `Rounds`: from memory within a graph, or in blocks."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from mss_keras.config import AudioConfig, SeparationConfig
from mss_keras.models.chunks import Span
from mss_keras.models.rounds import Rounds, State
from mss_keras.models.streaming import Streaming
from mss_keras.signal.stft import pad_centre, zeros_behind


class MaskStreaming(Streaming):
    """Separates songs of any length by a network that makes masks.

    Args:
        model: a `mss_keras.models.model.SeparationModel`.
        options: what to separate and how.

    Attributes:
        rounds: what separates a round.

    Raises:
        UserError: as `Rounds`.
    """

    def __init__(self, model, options: SeparationConfig):
        self.rounds = Rounds(model, options)
        self.audio = model.audio
        self.names, self.chosen = self.rounds.names, self.rounds.chosen
        plan, nhop = self.rounds.plan, self.audio.nhop
        self.chunk, self.round = plan.chunk * nhop, plan.round * nhop
        self.context, self.fade = plan.context * nhop, plan.fade * nhop
        wave = tf.TensorSpec([None, self.audio.nb_channels], tf.float32)
        number = tf.TensorSpec([], tf.int32)
        state = State(*map(tf.TensorSpec.from_tensor, self.rounds.start()))
        self._advance = tf.function(
            self.rounds.advance,
            input_signature=[wave, Span(number, number), state],
            autograph=False,
        )

    @property
    def longest_at_once(self) -> int:
        """A chunk, less what a last frame may need behind whole hops."""
        return self.chunk - zeros_behind(1, self.audio.nfft, self.audio.nhop)

    def at_once(self, waveform: tf.Tensor) -> Callable[[tf.Tensor], tf.Tensor]:
        """See `Streaming.at_once`."""
        half, samples = self.audio.nfft // 2, tf.shape(waveform)[1]
        stems_of = self.rounds.at_once(pad_centre(waveform, self.audio.nfft, self.audio.nhop))
        return lambda index: stems_of(index)[half : half + samples]

    def blocks(self, samples: tf.Tensor) -> tf.Tensor:
        """See `Streaming.blocks`."""
        frames = self._frames_of(tf.maximum(samples, self.audio.nfft // 2 + 1))
        return 1 + -(-frames // self.rounds.plan.round)

    def each_block(self, waveform: tf.Tensor, function: Callable, carried: Any) -> Any:
        """See `Streaming.each_block`."""
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
        """See `Streaming.origin`."""
        heard = self._heard_from(self._first(begin))
        return max(0, heard * self.audio.nhop - self.audio.nfft // 2)

    def stream(
        self, blocks: Iterable[np.ndarray], *, begin: int = 0, end: int | None = None
    ) -> Iterator[np.ndarray]:
        """See `Streaming.stream`."""
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
            del stems, block  # a round's worth of memory, for the next
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
