"""A masking model on songs of any length, in bounded memory.

The network hears chunks with some context at both sides; a few chunks make a
round. Masks fade from one chunk to the next, the Wiener filter works on windows of
frames counted from the beginning of the song, and the overlap-add of the inverse
STFT is carried over, so that the result is that of the whole song but for what
the network would have heard beyond the context. One song at a time: waveforms are
`[samples, channels]`, stems `[samples, sources, channels]` with time first, as
they are written.

A song is padded as `centred_stft` does it; frame `n` begins at sample `n * nhop` of
the padded song.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from mss_keras.config import AudioConfig, SeparationConfig, UserError
from mss_keras.models.wiener import wiener
from mss_keras.signal.stft import apply_mask, overlap_add, stft

# Chunks that go through the network as one batch: the steps of an LSTM are in
# sequence, and cost little more for four chunks than for one. More would be a little
# faster still and take more than 2 GiB at hidden 512.
_CHUNKS = 4
_FADE_SECONDS = 1.0


class Plan(NamedTuple):
    """Sizes in frames: a chunk, its context, the fade, a window of the Wiener filter."""

    chunk: int
    context: int
    fade: int
    window: int

    @classmethod
    def of(cls, audio: AudioConfig, options: SeparationConfig) -> "Plan":
        """Chunks are whole numbers of windows, so that both lie on the same grid."""
        rate = audio.sample_rate / audio.nhop
        window = options.wiener_win_len
        chunk = window * max(1, round(options.chunk_dur * rate / window))
        context = int(np.ceil(options.context_dur * rate))
        return cls(chunk, context, min(int(_FADE_SECONDS * rate), context, window), window)

    @property
    def round(self) -> int:
        """Frames of a round."""
        return _CHUNKS * self.chunk


class State(NamedTuple):
    """What a round leaves to the next."""

    hidden: tf.Tensor  # [trunks, fade, hidden], of the last chunk beyond its end
    tail: tf.Tensor  # [nfft - nhop, sources, channels], overlap-added so far
    weight: tf.Tensor  # [nfft - nhop], the squared windows, likewise


class Rounds:
    """Separates songs by a model, a round at a time.

    Args:
        model: a `MaskingModel`.
        options: what to separate and how.

    Raises:
        UserError: for a target that the model has not, a residual named as a source,
            or a Wiener filter for a single stem.
    """

    def __init__(self, model, options: SeparationConfig):
        self.model, self.options = model, options
        self.audio: AudioConfig = model.audio
        self.plan = Plan.of(model.audio, options)
        targets = options.targets or model.source_names
        unknown = [name for name in targets if name not in model.source_names]
        if unknown:
            raise UserError(f"--targets: found {unknown}, wanted some of {model.source_names}")
        if options.residual in targets:
            raise UserError(f"--residual: {options.residual} is a target, wanted another name")
        self.chosen = [model.source_names.index(name) for name in targets]
        self.names = (*targets, *([options.residual] if options.residual else []))
        if options.niter and len(self.names) == 1:
            raise UserError(
                f"--niter: found {options.niter} for a single stem, wanted 0, more targets or "
                "--residual"
            )

    def start(self) -> State:
        """The state before the first round."""
        audio, network = self.audio, self.model.network
        carried = audio.nfft - audio.nhop
        trunks = min(len(self.chosen), network.nb_trunks)
        return State(
            tf.zeros([trunks, self.plan.fade, network.hidden_size]),
            tf.zeros([carried, len(self.names), audio.nb_channels]),
            tf.zeros([carried]),
        )

    def advance(
        self, padded: tf.Tensor, before: tf.Tensor, frames: tf.Tensor, state: State
    ) -> tuple[tf.Tensor, State]:
        """One round.

        Args:
            padded: float32 `[samples, channels]`, the padded song from `before` frames
                ahead of the round, with up to `context` frames behind it.
            before: frames of context ahead; 0 in the first round alone.
            frames: frames of the round, at most `Plan.round`.
            state: of the round before.

        Returns:
            Stems `[frames * nhop, sources, channels]` of the padded song, and the state.
        """
        spectrogram = stft(padded[tf.newaxis], self.audio.nfft, self.audio.nhop)[0]
        hidden = self._hidden(tf.abs(spectrogram), before, frames)
        return self._decode(spectrogram[before : before + frames], hidden, before, state)

    def at_once(self, padded: tf.Tensor) -> Callable[[tf.Tensor], tf.Tensor]:
        """Songs of one length, of a chunk at most, through the network as one batch.

        Args:
            padded: float32 `[batch, samples, channels]`, padded songs.

        Returns:
            A function of an index in the batch to that song's stems `[samples, sources,
            channels]`, padded.
        """
        spectrogram = stft(padded, self.audio.nfft, self.audio.nhop)
        network = self.model.network
        hidden = network.trunk(tf.abs(spectrogram), chosen=self.chosen, fused=True)
        hidden = tf.cast(hidden, tf.float32)

        def song(index):
            chunk = hidden[index][tf.newaxis]
            stems, state = self._decode(spectrogram[index], chunk, 0, self.start())
            return tf.concat([stems, self.flush(state)], axis=0)

        return song

    def masks(
        self, magnitude: tf.Tensor, before: tf.Tensor, frames: tf.Tensor, last: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The network's masks of one round, for an STFT that is not made here.

        Args:
            magnitude: float32 `[frames, channels, bins]`, from `before` frames ahead of
                the round, with up to `context` frames behind it.
            before: as in `advance`.
            frames: as in `advance`.
            last: `State.hidden` of the round before.

        Returns:
            Float32 `[frames, targets, channels, bins]`, and what the next round needs as `last`.
        """
        hidden = self._hidden(magnitude, before, frames)
        mask_of = self._mask_of(hidden, before, last)

        def window(begin, count, carried):
            return tf.transpose(mask_of(begin, count), [1, 0, 2, 3]), carried

        shape = [None, len(self.chosen), self.audio.nb_channels, self.audio.bins]
        masks, _ = self._windows(frames, window, (), shape)
        return masks, self._rest(hidden, last)

    def _hidden(self, magnitude: tf.Tensor, before, frames) -> tf.Tensor:
        # [chunks, trunks, chunk + fade, hidden]: each goes on into the next. All chunks
        # hear equally much; at the ends of what there is they are moved inward.
        plan, there = self.plan, tf.shape(magnitude)[0]
        length = tf.minimum(there, plan.chunk + 2 * plan.context)
        begins = before + tf.range(0, frames, plan.chunk)
        starts = tf.clip_by_value(begins - plan.context, 0, there - length)
        heard = tf.gather(magnitude, starts[:, tf.newaxis] + tf.range(length))
        wanted = tf.range(tf.minimum(plan.chunk + plan.fade, there - before))
        keep = (begins - starts)[:, tf.newaxis] + wanted
        # Behind the end of the song nothing is asked for.
        keep = tf.minimum(keep, length - 1)
        hidden = self.model.network.trunk(heard, chosen=self.chosen, keep=keep, fused=True)
        return tf.cast(hidden, tf.float32)  # from mixed precision

    def _decode(self, spectrogram, hidden, before, state) -> tuple[tf.Tensor, State]:
        mask_of = self._mask_of(hidden, before, state.hidden)

        def window(begin, count, carried):
            stems = self._filtered(mask_of(begin, count), spectrogram[begin : begin + count])
            block, *carried = self._overlap(stems, *carried)
            return block, tuple(carried)

        shape = [None, len(self.names), self.audio.nb_channels]
        carried = (state.tail, state.weight)
        stems, carried = self._windows(tf.shape(spectrogram)[0], window, carried, shape)
        return stems, State(self._rest(hidden, state.hidden), *carried)

    def _windows(self, frames, function, carried, shape) -> tuple[tf.Tensor, tuple]:
        # What the function gives for each window of a round, `shape` each, end to end.
        plan = self.plan
        windows = -(-frames // plan.window)

        def window(index, carried, blocks):
            begin = index * plan.window
            block, carried = function(begin, tf.minimum(plan.window, frames - begin), carried)
            return index + 1, carried, blocks.write(index, block)

        blocks = tf.TensorArray(tf.float32, windows, infer_shape=False, element_shape=shape)
        _, carried, blocks = tf.while_loop(
            lambda index, *_: index < windows, window, (0, carried, blocks), parallel_iterations=1
        )
        return tf.ensure_shape(blocks.concat(), shape), carried

    def _mask_of(self, hidden, before, last) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        # A function of where in the round a window begins and how many frames it has, to
        # its masks `[targets, frames, channels, bins]`, faded from those of the chunk before.
        plan, masker = self.plan, self.model.network.masker(chosen=self.chosen)

        def masks(of):  # [trunks, frames, hidden] -> [targets, frames, channels, bins]
            return masker(of[tf.newaxis])[0]

        def mask_of(begin, count):
            chunk = begin // plan.chunk
            inside = begin - chunk * plan.chunk
            mask = masks(hidden[chunk, :, inside : inside + count])

            def faded():
                fade = tf.minimum(plan.fade, count)
                beyond = tf.cond(chunk > 0, lambda: self._beyond(hidden, chunk - 1), lambda: last)
                beyond = masks(beyond[:, :fade])
                ramp = (tf.range(tf.cast(fade, tf.float32)) + 0.5) / tf.cast(fade, tf.float32)
                head = beyond + (mask[:, :fade] - beyond) * ramp[:, tf.newaxis, tf.newaxis]
                return tf.concat([head, mask[:, fade:]], axis=1)

            fades = tf.logical_and(inside == 0, before + begin > 0)
            return tf.cond(fades, faded, lambda: mask)

        return mask_of

    def _beyond(self, hidden, chunk) -> tf.Tensor:  # of a chunk, behind its end
        return hidden[chunk, :, self.plan.chunk : self.plan.chunk + self.plan.fade]

    def _rest(self, hidden, last) -> tf.Tensor:
        # Of the last round nothing lies beyond, and nothing is asked of it.
        rest = self._beyond(hidden, tf.shape(hidden)[0] - 1)
        rest = tf.pad(rest, [[0, 0], [0, self.plan.fade - tf.shape(rest)[1]], [0, 0]])
        return tf.ensure_shape(rest, last.shape)

    def _filtered(self, mask: tf.Tensor, spectrogram: tf.Tensor) -> tf.Tensor:
        # [targets, frames, channels, bins] -> complex64 [sources, frames, channels, bins]
        options = self.options
        if options.niter:
            stems = wiener(
                mask * tf.abs(spectrogram),
                spectrogram,
                options.niter,
                softmask=options.softmask,
                residual=options.residual is not None,
            )
            # What the filter leaves out as noise, all of a bin where every mask is 0, is
            # shared out: the stems sum to the mixture.
            return stems + (spectrogram - tf.reduce_sum(stems, 0)) / len(self.names)
        if options.softmask:
            mask = tf.math.divide_no_nan(mask, tf.reduce_sum(mask, axis=0))
        stems = apply_mask(mask, spectrogram)
        if options.residual is None:
            return stems
        return tf.concat([stems, (spectrogram - tf.reduce_sum(stems, 0))[tf.newaxis]], axis=0)

    def _overlap(self, stems, tail, weight) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        # [sources, frames, channels, bins] -> the samples that are done, tail and weight.
        nfft, hop = self.audio.nfft, self.audio.nhop
        taper = tf.signal.hann_window(nfft, periodic=True)
        frames = tf.signal.irfft(stems, [nfft]) * taper  # [sources, frames, channels, nfft]
        total = tf.transpose(overlap_add(frames, hop), [1, 0, 2])  # [samples, sources, channels]
        squares = overlap_add(tf.ones_like(frames[:1, :, :1]) * taper**2, hop)[0, :, 0]
        carried = nfft - hop
        total = tf.concat([total[:carried] + tail, total[carried:]], axis=0)
        squares = tf.concat([squares[:carried] + weight, squares[carried:]], axis=0)
        done = self._normalised(total[:-carried], squares[:-carried])
        tail = tf.ensure_shape(total[-carried:], tail.shape)
        return done, tail, tf.ensure_shape(squares[-carried:], weight.shape)

    @staticmethod
    def _normalised(total: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
        # The window is 0 at its first sample, which is cut off with the padding.
        return tf.math.divide_no_nan(total, weight[:, tf.newaxis, tf.newaxis])

    def flush(self, state: State) -> tf.Tensor:
        """Stems `[nfft - nhop, sources, channels]` of the padded song behind the last round."""
        return self._normalised(state.tail, state.weight)
