"""A masking model on songs of any length, in bounded memory.

The network hears chunks with some context at both sides; a few chunks make a round. Masks fade
from one chunk to the next, the Wiener filter works on windows of frames that are counted from the
beginning of the song, and the overlap-add of the inverse STFT is carried over from round to round.
So the result is that of the whole song, except that the network does not hear beyond the context.
One song goes at a time: waveforms are `[samples, channels]`, stems `[samples, sources, channels]`
with time first, as they are written.

A song is padded as in `centred_stft`; frame n begins at sample n · hop of the padded song.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from mss_keras.config import AudioConfig, SeparationConfig, UserError
from mss_keras.models.chunks import FadedMasks, Plan, Span, trunk_of_chunks
from mss_keras.models.streaming import wanted
from mss_keras.models.wiener import wiener
from mss_keras.signal.stft import apply_mask, overlap_add, stft


class State(NamedTuple):
    """What a round leaves to the next."""

    hidden: tf.Tensor  # [trunks, fade, hidden], of the last chunk beyond its end
    tail: tf.Tensor  # [nfft - nhop, sources, channels], overlap-added so far
    weight: tf.Tensor  # [nfft - nhop], the overlap-added squared windows


class Rounds:
    """Separates songs by a model, a round at a time.

    Args:
        model: a `mss_keras.models.model.SeparationModel` whose network makes masks.
        options: what to separate and how.

    Attributes:
        names: names of the stems: the targets, and the residual if there is one.
        chosen: indices of the targets among the model's sources.
        plan: sizes of chunks and windows.

    Raises:
        UserError: as `mss_keras.models.streaming.wanted`, or if the Wiener filter would have a
            single stem.
    """

    def __init__(self, model, options: SeparationConfig):
        self.model, self.options = model, options
        self.audio: AudioConfig = model.audio
        self.plan = Plan.of(model.audio, options)
        self.names, self.chosen = wanted(model.source_names, options)
        if options.niter and len(self.names) == 1:
            found = f"{options.niter} for a single stem"
            raise UserError("niter", found, "0, more `targets` or a `residual`")

    def start(self) -> State:
        """The state before the first round."""
        audio, network = self.audio, self.model.network
        carried = audio.nfft - audio.nhop
        trunks = network.trunks(self.chosen)
        return State(
            tf.zeros([trunks, self.plan.fade, network.hidden_size]),
            tf.zeros([carried, len(self.names), audio.nb_channels]),
            tf.zeros([carried]),
        )

    def advance(self, padded: tf.Tensor, span: Span, state: State) -> tuple[tf.Tensor, State]:
        """One round.

        Args:
            padded: float32 `[samples, channels]`, the padded song from `span.before` frames
                ahead of the round, with up to `plan.context` frames behind it.
            span: the round.
            state: the state that the round before has left.

        Returns:
            Stems `[frames * nhop, sources, channels]` of the padded song, and the state.
        """
        spectrogram = stft(padded[tf.newaxis], self.audio.nfft, self.audio.nhop)[0]
        masks = self._masks(tf.abs(spectrogram), span, state.hidden)
        return self._stems(spectrogram[span.before : span.before + span.frames], masks, state)

    def at_once(self, padded: tf.Tensor) -> Callable[[tf.Tensor], tf.Tensor]:
        """Songs of one length, of a chunk at most, through the network as one batch.

        Args:
            padded: float32 `[batch, samples, channels]`, padded songs.

        Returns:
            A function from an index in the batch to the stems of that song, padded,
            `[samples, sources, channels]`.
        """
        spectrogram = stft(padded, self.audio.nfft, self.audio.nhop)
        network = self.model.network
        hidden = network.trunk(tf.abs(spectrogram), chosen=self.chosen)
        hidden = tf.cast(hidden, tf.float32)  # [batch, trunks, frames, hidden]

        def song(index):
            state = self.start()
            masks = self._faded(hidden[index][tf.newaxis], state.hidden, first=True)
            stems, state = self._stems(spectrogram[index], masks, state)
            return tf.concat([stems, self.flush(state)], axis=0)

        return song

    def masks(
        self, magnitude: tf.Tensor, span: Span, last: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The network's masks of one round, for an STFT that is computed elsewhere.

        Args:
            magnitude: float32 `[frames, channels, bins]`, from `span.before` frames ahead of
                the round, with up to `plan.context` frames behind it.
            span: the round.
            last: `State.hidden` that the round before has left.

        Returns:
            Float32 `[frames, targets, channels, bins]`, and `last` of the next round.
        """
        masks = self._masks(magnitude, span, last)

        def window(begin, frames, carried):
            return tf.transpose(masks.window(begin, frames), [1, 0, 2, 3]), carried

        shape = [None, len(self.chosen), self.audio.nb_channels, self.audio.bins]
        found, _ = self._each_window(window, span.frames, carried=(), shape=shape)
        return found, masks.beyond()

    def flush(self, state: State) -> tf.Tensor:
        """Stems `[nfft - nhop, sources, channels]` of the padded song behind the last round."""
        return self._normalised(state.tail, state.weight)

    def _masks(self, magnitude: tf.Tensor, span: Span, last: tf.Tensor) -> FadedMasks:
        network, plan = self.model.network, self.plan
        hidden = trunk_of_chunks(network, magnitude, span, plan=plan, chosen=self.chosen)
        return self._faded(hidden, last, first=tf.equal(span.before, 0))

    def _faded(self, hidden: tf.Tensor, last: tf.Tensor, *, first) -> FadedMasks:
        masker = self.model.network.masker(chosen=self.chosen)
        return FadedMasks(hidden, last, plan=self.plan, masker=masker, first=first)

    def _stems(
        self, spectrogram: tf.Tensor, masks: FadedMasks, state: State
    ) -> tuple[tf.Tensor, State]:
        def window(begin, frames, carried):
            mask = masks.window(begin, frames)
            stems = self._filtered(mask, spectrogram[begin : begin + frames])
            return self._overlap(stems, *carried)

        frames, carried = tf.shape(spectrogram)[0], (state.tail, state.weight)
        shape = [None, len(self.names), self.audio.nb_channels]
        stems, carried = self._each_window(window, frames, carried=carried, shape=shape)
        return stems, State(masks.beyond(), *carried)

    def _each_window(
        self, function: Callable, frames: tf.Tensor | int, *, carried: tuple, shape: list
    ) -> tuple[tf.Tensor, Any]:
        # Folds a function over the windows of a round: (begin, frames, carried) -> a block of
        # `shape`, and carried. Returns the blocks end to end, and the last carried.
        size = self.plan.window
        windows = -(-frames // size)

        def step(index, carried, blocks):
            begin = index * size
            block, carried = function(begin, tf.minimum(size, frames - begin), carried)
            return index + 1, carried, blocks.write(index, block)

        blocks = tf.TensorArray(tf.float32, windows, infer_shape=False, element_shape=shape)
        _, carried, blocks = tf.while_loop(
            lambda index, *_: index < windows, step, (0, carried, blocks), parallel_iterations=1
        )
        return tf.ensure_shape(blocks.concat(), shape), carried

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
            # What the filter leaves out as noise, which is all of a bin where every mask is 0,
            # is shared among the stems, so that they sum to the mixture.
            return stems + (spectrogram - tf.reduce_sum(stems, 0)) / len(self.names)
        if options.softmask:
            mask = tf.math.divide_no_nan(mask, tf.reduce_sum(mask, axis=0))
        stems = apply_mask(mask, spectrogram)
        if options.residual is None:
            return stems
        return tf.concat([stems, (spectrogram - tf.reduce_sum(stems, 0))[tf.newaxis]], axis=0)

    def _overlap(
        self, stems: tf.Tensor, tail: tf.Tensor, weight: tf.Tensor
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        # [sources, frames, channels, bins] -> the samples that are complete, tail and weight.
        nfft, hop = self.audio.nfft, self.audio.nhop
        taper = tf.signal.hann_window(nfft, periodic=True)
        frames = tf.signal.irfft(stems, [nfft]) * taper  # [sources, frames, channels, nfft]
        total = tf.transpose(overlap_add(frames, hop), [1, 0, 2])  # [samples, sources, channels]
        squares = overlap_add(tf.ones_like(frames[:1, :, :1]) * taper**2, hop)[0, :, 0]
        carried = nfft - hop
        total = tf.concat([total[:carried] + tail, total[carried:]], axis=0)
        squares = tf.concat([squares[:carried] + weight, squares[carried:]], axis=0)
        complete = self._normalised(total[:-carried], squares[:-carried])
        tail = tf.ensure_shape(total[-carried:], tail.shape)
        return complete, (tail, tf.ensure_shape(squares[-carried:], weight.shape))

    @staticmethod
    def _normalised(total: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
        # The window is 0 at its first sample, which is cut off with the padding.
        return tf.math.divide_no_nan(total, weight[:, tf.newaxis, tf.newaxis])
