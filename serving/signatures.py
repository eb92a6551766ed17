"""The signatures of an exported model: they answer requests of any length in bounded memory.

The songs of a batch are separated one after the other, each by `Streaming.each_block`.
Therefore a request needs little more memory than its inputs and twice its outputs.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from mss_keras import config
from mss_keras.config import SeparationConfig, ServingConfig
from mss_keras.models.chunks import Span
from mss_keras.models.masking import MaskingModel
from mss_keras.models.streaming import Streaming
from mss_keras.signal.stft import pad_centre, zeros_behind
from serving import inputs, wav

Outputs = dict[str, tf.Tensor]


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

    def interface(self) -> dict[str, Any]:
        """What a client must know, in types that JSON has; lengths are in samples."""
        plan, audio = self.rounds.plan, self.audio
        return {
            "sample_rate": audio.sample_rate,
            "channels": audio.nb_channels,
            "stems": list(self.names),
            "signatures": list(self.limits.signatures),
            "max_samples": int(self.limits.max_seconds * audio.sample_rate),
            "fixed_samples": self.fixed_samples,
            "nfft": audio.nfft,
            "round": plan.round * audio.nhop,
            "chunk": plan.chunk * audio.nhop,
            "context": plan.context * audio.nhop,
            "fade": plan.fade * audio.nhop,
        }

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
        limit = self.limits.max_seconds
        waveform = inputs.waveforms(waveform, self.audio, max_seconds=limit)
        shape = tf.shape(waveform)

        def song(index, carried):
            return self._streaming.each_block(waveform[index], self._put, carried)

        # The stems of all songs stand end to end.
        start = self._zeros([shape[0] * shape[1], *waveform.shape[2:]], self.names)
        _, stems = _fold(shape[0], song, (0, start))
        return {name: tf.reshape(stem, shape) for name, stem in stems.items()}

    def separate_wav(self, wav_bytes: tf.Tensor) -> Outputs:
        """Separates a batch of WAV files.

        Args:
            wav_bytes: tf.Tensor. String `[batch]`: WAV files of 16-bit PCM.

        Returns:
            WAV files, string `[batch]`, for each stem, by its name and "_bytes": TensorFlow
            Serving's REST interface writes outputs of such names in base64.
        """
        wav_bytes = inputs.strings("wav_bytes", wav_bytes)
        count = tf.shape(wav_bytes)[0]

        def add(block, carried):
            stems = tf.unstack(block, len(self.names), axis=1)
            return _write([wav.encode(stem, self.audio) for stem in stems], carried)

        def song(index, files):
            limit = self.limits.max_seconds
            waveform = wav.decode(wav_bytes[index], self.audio, max_seconds=limit)
            samples = tf.shape(waveform)[0]
            blocks = _strings(self.names, self._streaming.blocks(samples))
            _, blocks = self._streaming.each_block(waveform, add, (0, blocks))
            header = wav.header(samples, self.audio)
            whole = [wav.join(header, encoded.stack()) for encoded in blocks.values()]
            return _write(whole, (index, files))[1]

        files = _fold(count, song, _strings(self.names, count))
        return {f"{name}_bytes": file.stack() for name, file in files.items()}

    def separate_batch(self, waveform: tf.Tensor) -> Outputs:
        """Separates a batch of waveforms of the fixed length.

        The network hears the whole batch at once, where `separate` takes a song at a time.

        Args:
            waveform: tf.Tensor. Float32 `[batch, samples, channels]`, −1 to 1.

        Returns:
            A tensor of the same shape for each stem, by name.
        """
        samples, audio, limit = self.fixed_samples, self.audio, self.limits.max_seconds
        waveform = inputs.waveforms(waveform, audio, max_seconds=limit, samples=samples)
        shape, half = tf.shape(waveform), audio.nfft // 2
        stems_of = self.rounds.at_once(pad_centre(waveform, audio.nfft, audio.nhop))

        def song(index, carried):
            return self._put(stems_of(index)[half : half + samples], carried)

        start = self._zeros([shape[0] * samples, audio.nb_channels], self.names)
        _, stems = _fold(shape[0], song, (0, start))
        return {name: tf.reshape(stem, shape) for name, stem in stems.items()}

    def masks(self, magnitude: tf.Tensor) -> Outputs:
        """Gives the network's masks, without the Wiener filter and without a residual.

        Args:
            magnitude: tf.Tensor. Float32 `[batch, frames, channels, bins]`, the magnitude of
                `mss_keras.signal.stft.STFT`.

        Returns:
            A tensor of the same shape for each source, by name.
        """
        limit = self.limits.max_seconds
        magnitude = inputs.magnitudes(magnitude, self.audio, max_seconds=limit)
        plan, shape = self.rounds.plan, tf.shape(magnitude)
        frames = shape[1]

        def step(song, begin, state):
            last, carried = state
            before = tf.minimum(begin, plan.context)
            now = tf.minimum(plan.round, frames - begin)
            heard = magnitude[song, begin - before : begin + now + plan.context]
            masks, last = self.rounds.masks(heard, Span(before, now), last)
            return song, begin + now, (last, self._put(masks, carried))

        def song(index, carried):
            start = (index, 0, (self.rounds.start().hidden, carried))
            _, _, (_, carried) = tf.while_loop(
                lambda song, begin, _: begin < frames, step, start, parallel_iterations=1
            )
            return carried

        start = self._zeros([shape[0] * frames, *magnitude.shape[2:]], self.mask_names)
        _, masks = _fold(shape[0], song, (0, start))
        return {name: tf.reshape(mask, shape) for name, mask in masks.items()}

    @staticmethod
    def _zeros(shape: list, names: Iterable[str]) -> Outputs:
        return {name: tf.zeros(shape) for name in names}

    @staticmethod
    def _put(block: tf.Tensor, carried: tuple) -> tuple:
        # Writes a block `[any, stems, ...]` into outputs that exist already, without a copy:
        # lists of blocks would leave holes in memory into which no output fits.
        begin, outputs = carried
        end = begin + tf.shape(block)[0]
        stems = tf.unstack(block, len(outputs), axis=1)
        pairs = zip(outputs.items(), stems, strict=True)
        filled = {
            name: tf.raw_ops.TensorStridedSliceUpdate(
                input=output, begin=[begin], end=[end], strides=[1], value=stem
            )
            for (name, output), stem in pairs
        }
        return end, filled

    def describe(self, question: tf.Tensor) -> Outputs:
        """Gives `interface` as JSON.

        Args:
            question: tf.Tensor. String `[batch]`; the values do not matter.

        Returns:
            String `[batch]`, by the name "answer".
        """
        answer = json.dumps(self.interface())
        return {"answer": tf.fill(tf.shape(inputs.strings("question", question)), answer)}


def _strings(names: Iterable[str], count: tf.Tensor) -> dict[str, tf.TensorArray]:
    return {name: tf.TensorArray(tf.string, count, element_shape=[]) for name in names}


def _write(values: list[tf.Tensor], carried: tuple) -> tuple:
    index, arrays = carried
    pairs = zip(arrays.items(), values, strict=True)
    return index + 1, {name: array.write(index, value) for (name, array), value in pairs}


def _fold(count: tf.Tensor, function: Callable[[tf.Tensor, Any], Any], carried: Any) -> Any:
    # Two songs at a time would take twice the memory.
    _, carried = tf.while_loop(
        lambda index, _: index < count,
        lambda index, carried: (index + 1, function(index, carried)),
        (0, carried),
        parallel_iterations=1,
    )
    return carried
