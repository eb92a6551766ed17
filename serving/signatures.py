"""The signatures of an exported model: they answer requests of any length in bounded memory.

The songs of a batch are separated one after the other, each by `Streaming.each_block`.
Therefore a request needs little more memory than its inputs and twice its outputs.
"""

from collections.abc import Callable

import tensorflow as tf

from mss_keras import config
from mss_keras.config import SeparationConfig, ServingConfig
from mss_keras.models.chunks import Span
from mss_keras.models.masking import MaskingModel
from mss_keras.models.streaming import Streaming
from mss_keras.signal.stft import pad_centre, zeros_behind
from serving import inputs, outputs, wav
from serving.inputs import Limits
from serving.interface import Interface
from serving.outputs import Outputs


class Signatures:
    """The functions of a separator that a server offers.

    Args:
        model: MaskingModel. The separator.
        options: SeparationConfig. What to separate and how; the graphs keep it as it is.
        limits: ServingConfig. The signatures that are wanted, and the longest song.

    Raises:
        UserError: if the options do not go with the model (see `Streaming`), or if the fixed
            length is above that of a chunk or above the longest one.
    """

    def __init__(self, model: MaskingModel, options: SeparationConfig, limits: ServingConfig):
        self.model, self.options, self.limits = model, options, limits
        self.audio = model.audio
        self._streaming: Streaming = model.streaming(options)
        self.rounds = self._streaming.rounds
        self.fixed_samples = int(limits.fixed_seconds * self.audio.sample_rate)
        if "fixed_length" in limits.signatures:
            # A last frame may be needed for what lies behind whole hops.
            more = zeros_behind(1, self.audio.nfft, self.audio.nhop)
            chunk = (self.rounds.plan.chunk * self.audio.nhop - more) / self.audio.sample_rate
            config.require(
                limits.fixed_seconds < chunk and limits.fixed_seconds <= limits.max_seconds,
                "fixed_seconds",
                found=limits.fixed_seconds,
                wanted=f"below a chunk of `chunk_dur`, {chunk:.2f}, and at most `max_seconds`",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the stems."""
        return self._streaming.names

    @property
    def mask_names(self) -> tuple[str, ...]:
        """Names of the sources that have masks: a residual has none."""
        return self.names[: len(self.rounds.chosen)]

    def interface(self) -> Interface:
        """What a client must know."""
        plan, audio, limits = self.rounds.plan, self.audio, self.limits
        return Interface(
            sample_rate=audio.sample_rate,
            channels=audio.nb_channels,
            stems=self.names,
            signatures=limits.signatures,
            max_samples=int(limits.max_seconds * audio.sample_rate),
            fixed_samples=self.fixed_samples,
            nfft=audio.nfft,
            round=plan.round * audio.nhop,
            chunk=plan.chunk * audio.nhop,
            context=plan.context * audio.nhop,
            fade=plan.fade * audio.nhop,
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
            "spectrogram": (self.masks, "magnitude", tf.float32, [-1, -1, channels, bins]),
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
        shape, half = tf.shape(waveform), audio.nfft // 2
        stems_of = self.rounds.at_once(pad_centre(waveform, audio.nfft, audio.nhop))

        def song(index, carried):
            return outputs.put(stems_of(index)[half : half + samples], carried)

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
        plan, shape = self.rounds.plan, tf.shape(magnitude)
        frames = shape[1]

        def step(song, begin, state):
            last, carried = state
            before = tf.minimum(begin, plan.context)
            now = tf.minimum(plan.round, frames - begin)
            heard = magnitude[song, begin - before : begin + now + plan.context]
            masks, last = self.rounds.masks(heard, Span(before, now), last)
            return song, begin + now, (last, outputs.put(masks, carried))

        def song(index, carried):
            start = (index, 0, (self.rounds.start().hidden, carried))
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
