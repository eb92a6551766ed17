"""The signatures of an exported model: they answer requests of any length in bounded memory.

The songs of a batch are separated one after the other, each by `Streaming.each_block`.
Therefore a request needs little more memory than its inputs and twice its outputs.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from mss_keras import config
from mss_keras.config import SeparationConfig, ServingConfig
from mss_keras.models.chunks import Span
from mss_keras.models.mask_streaming import MaskStreaming
from mss_keras.models.model import SeparationModel
from mss_keras.models.streaming import Streaming
from serving import inputs, outputs, wav
from serving.inputs import Limits
from serving.interface import Interface
from serving.outputs import Outputs

MASKS = "spectrogram"
_DEFAULT = ("serving_default", "separate_wav", MASKS)


class Signatures:
    """The functions of a separator that a server offers.

    Args:
        model: SeparationModel. The separator.
        options: SeparationConfig. What to separate and how; the graphs keep it as it is.
        limits: ServingConfig. The signatures that are wanted, and the longest song.

    Raises:
        UserError: if the options do not go with the model, if masks are wanted of a network that
            makes none, or if the fixed length is above that of a chunk or above the longest one.
    """

    def __init__(self, model: SeparationModel, options: SeparationConfig, limits: ServingConfig):
        self.model, self.options, self.audio = model, options, model.audio
        self._streaming: Streaming = model.streaming(options)
        limits = dataclasses.replace(limits, signatures=self._offered(limits))
        self.limits = limits
        self.fixed_samples = int(limits.fixed_seconds * self.audio.sample_rate)
        if "fixed_length" in limits.signatures:
            chunk = self._streaming.longest_at_once / self.audio.sample_rate
            config.require(
                limits.fixed_seconds < chunk and limits.fixed_seconds <= limits.max_seconds,
                "fixed_seconds",
                found=limits.fixed_seconds,
                wanted=f"below a chunk of `chunk_dur`, {chunk:.2f}, and at most `max_seconds`",
            )

    def _offered(self, limits: ServingConfig) -> tuple[Any, ...]:
        # What is wanted, or else what the model has; a network of waveforms has no masks.
        has_masks = isinstance(self._streaming, MaskStreaming)
        config.require(
            has_masks or MASKS not in limits.signatures,
            "signatures",
            found=MASKS,
            wanted="others: the model has no masks",
        )
        default = [name for name in _DEFAULT if has_masks or name != MASKS]
        return limits.signatures or tuple(default)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the stems."""
        return self._streaming.names

    @property
    def mask_names(self) -> tuple[str, ...]:
        """Names of the sources that have masks: a residual has none."""
        return self.names[: len(self._streaming.chosen)]

    def interface(self) -> Interface:
        """What a client must know."""
        streaming, audio, limits = self._streaming, self.audio, self.limits
        return Interface(
            sample_rate=audio.sample_rate,
            channels=audio.nb_channels,
            stems=self.names,
            signatures=limits.signatures,
            max_samples=int(limits.max_seconds * audio.sample_rate),
            fixed_samples=self.fixed_samples,
            nfft=audio.nfft,
            round=streaming.round,
            chunk=streaming.chunk,
            context=streaming.context,
            fade=streaming.fade,
            max_batch=limits.max_batch,
            max_peak=inputs.MAX_PEAK,
        )

    def endpoints(self) -> dict[str, tuple[Callable[..., Outputs], tf.TensorSpec, list[int]]]:
        """Gives each signature's function, its input, and the shape that the signature shows.

        The input itself has no shape (see `serving.inputs`). In the shape that is shown, −1
        stands for any size. `describe` is always offered.
        """
        channels, bins = self.audio.nb_channels, self.audio.bins
        known = {
            "serving_default": (self.separate, "waveform", tf.float32, [-1, -1, channels]),
            "separate_wav": (self.separate_wav, "wav_bytes", tf.string, [-1]),
            MASKS: (self.masks, "magnitude", tf.float32, [-1, -1, channels, bins]),
            "fixed_length": (
                *(self.separate_batch, "waveform", tf.float32),
                [-1, self.fixed_samples, channels],
            ),
            "describe": (self.describe, "question", tf.string, [-1]),
        }
        return {
            name: (function, tf.TensorSpec(None, dtype, name=argument), shape)
            for name, (function, argument, dtype, shape) in known.items()
            if name in (*self.limits.signatures, "describe")
        }

    def separate(self, waveform: tf.Tensor) -> Outputs:
        """Separates a batch of waveforms.

        Args:
            waveform: tf.Tensor. Float32 `[batch, samples, channels]`, −1 to 1.

        Returns:
            A tensor of the same shape for each stem, by name.
        """
        waveform = inputs.waveforms(waveform, self._limits(self.names))
        shape = tf.shape(waveform)

        def song(index, carried):
            return self._streaming.each_block(waveform[index], outputs.put, carried)

        # The stems of all songs stand end to end.
        start = outputs.zeros([shape[0] * shape[1], *waveform.shape[2:]], self.names)
        songs = tf.where(shape[1] > 0, shape[0], 0)  # empty ones are separated already
        _, stems = outputs.fold(songs, song, (0, start))
        return {name: tf.reshape(stem, shape) for name, stem in stems.items()}

    def separate_wav(self, wav_bytes: tf.Tensor) -> Outputs:
        """Separates a batch of WAV files.

        Args:
            wav_bytes: tf.Tensor. String `[batch]`: WAV files of 16-bit PCM.

        Returns:
            WAV files, string `[batch]`, for each stem, by its name and "_bytes": TensorFlow
            Serving's REST interface writes outputs of such names in base64.
        """
        wav_bytes = inputs.strings("wav_bytes", wav_bytes, self._limits(self.names))
        count = tf.shape(wav_bytes)[0]

        def add(block, carried):
            stems = tf.unstack(block, len(self.names), axis=1)
            return outputs.write([wav.encode(stem, self.audio) for stem in stems], carried)

        def song(index, files):
            limit = self.limits.max_seconds
            waveform = wav.decode(wav_bytes[index], self.audio, max_seconds=limit)
            samples = tf.shape(waveform)[0]
            size = tf.where(samples > 0, self._streaming.blocks(samples), 0)
            blocks = tf.cond(
                samples > 0,
                lambda: self._streaming.each_block(
                    waveform, add, (0, outputs.strings(self.names, size))
                )[1],
                lambda: outputs.strings(self.names, size),
            )
            header = wav.header(samples, self.audio)
            whole = [wav.join(header, encoded.stack()) for encoded in blocks.values()]
            return outputs.write(whole, (index, files))[1]

        files = outputs.fold(count, song, outputs.strings(self.names, count))
        return {f"{name}_bytes": file.stack() for name, file in files.items()}

    def separate_batch(self, waveform: tf.Tensor) -> Outputs:
        """Separates a batch of waveforms of the fixed length.

        The network hears the whole batch at once, where `separate` takes a song at a time.

        Args:
            waveform: tf.Tensor. Float32 `[batch, samples, channels]`, −1 to 1.

        Returns:
            A tensor of the same shape for each stem, by name.
        """
        samples, audio = self.fixed_samples, self.audio
        waveform = inputs.waveforms(waveform, self._limits(self.names), samples=samples)
        shape, stems_of = tf.shape(waveform), self._streaming.at_once(waveform)

        def song(index, carried):
            return outputs.put(stems_of(index), carried)

        start = outputs.zeros([shape[0] * samples, audio.nb_channels], self.names)
        _, stems = outputs.fold(shape[0], song, (0, start))
        return {name: tf.reshape(stem, shape) for name, stem in stems.items()}

    def masks(self, magnitude: tf.Tensor) -> Outputs:
        """Gives the network's masks, without the Wiener filter and without a residual.

        Args:
            magnitude: tf.Tensor. Float32 `[batch, frames, channels, bins]`, the magnitude of
                `mss_keras.signal.stft.STFT`.

        Returns:
            A tensor of the same shape for each source, by name.
        """
        magnitude = inputs.magnitudes(magnitude, self._limits(self.mask_names))
        assert isinstance(self._streaming, MaskStreaming)  # others do not offer masks
        rounds, shape = self._streaming.rounds, tf.shape(magnitude)
        plan, frames = rounds.plan, shape[1]

        def step(song, begin, state):
            last, carried = state
            before = tf.minimum(begin, plan.context)
            now = tf.minimum(plan.round, frames - begin)
            heard = magnitude[song, begin - before : begin + now + plan.context]
            masks, last = rounds.masks(heard, Span(before, now), last)
            return song, begin + now, (last, outputs.put(masks, carried))

        def song(index, carried):
            start = (index, 0, (rounds.start().hidden, carried))
            _, _, (_, carried) = tf.while_loop(
                lambda song, begin, _: begin < frames, step, start, parallel_iterations=1
            )
            return carried

        start = outputs.zeros([shape[0] * frames, *magnitude.shape[2:]], self.mask_names)
        _, masks = outputs.fold(shape[0], song, (0, start))
        return {name: tf.reshape(mask, shape) for name, mask in masks.items()}

    def describe(self, question: tf.Tensor) -> Outputs:
        """Gives `interface` as JSON.

        Each question has an answer, because a server that batches gathers several clients'
        questions and deals the answers out.

        Args:
            question: tf.Tensor. String `[batch]`; the values do not matter.

        Returns:
            String `[batch]`, by the name "answer".
        """
        question = inputs.strings("question", question, self._limits(("answer",)))
        return {"answer": tf.fill(tf.shape(question), self.interface().as_json())}

    def _limits(self, names: tuple[str, ...]) -> Limits:
        # Of a signature that has an output of each of those names.
        limits = self.limits
        return Limits(self.audio, limits.max_seconds, limits.max_batch, len(names))
