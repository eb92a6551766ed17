"""The signatures of an exported model: requests of any length, in bounded memory.

Songs of a batch go one after the other, each by `Streaming.whole`, so that a
request needs little more than its inputs and twice its outputs.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from mss_keras import config
from mss_keras.config import SeparationConfig, ServingConfig
from mss_keras.models.masking import MaskingModel
from mss_keras.models.streaming import Streaming
from mss_keras.signal.stft import pad_centre
from serving import inputs, wav

Outputs = dict[str, tf.Tensor]


class Signatures:
    """What a server offers of a separator.

    Args:
        model: the separator.
        options: what to separate and how; baked into the graphs.
        limits: the signatures wanted, and the longest length.

    Raises:
        UserError: as `Streaming`, and for a fixed length above a chunk's or the longest.
    """

    def __init__(self, model: MaskingModel, options: SeparationConfig, limits: ServingConfig):
        """See the class."""
        self.audio, self.limits = model.audio, limits
        self._streaming: Streaming = model.streaming(options)
        self.rounds = self._streaming.rounds
        self.fixed_samples = int(limits.fixed_seconds * self.audio.sample_rate)
        if "fixed_length" in limits.signatures:
            chunk = self.rounds.plan.chunk * self.audio.nhop / self.audio.sample_rate
            config.require(
                limits.fixed_seconds < chunk and limits.fixed_seconds <= limits.max_seconds,
                "fixed_seconds",
                limits.fixed_seconds,
                f"below a chunk of --chunk-dur, {chunk:.2f}, and at most --max-seconds",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Stems of the waveforms."""
        return self._streaming.names

    @property
    def mask_names(self) -> tuple[str, ...]:
        """Sources of the masks: a residual has none."""
        return self.names[: len(self.rounds.chosen)]

    def interface(self) -> dict[str, Any]:
        """What a client must know, all of plain types; lengths in samples."""
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
        """Functions by the name of their signature, with their input and the shape it shows.

        The input has no shape (see `serving.inputs`); the one that the signature shows is
        of −1 where any size will do. `describe` gives `interface` as JSON, and is always there.
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
        """`[batch, samples, channels]` → the same for each stem."""
        waveform = inputs.waveforms(waveform, self.audio, self.limits.max_seconds)
        shape = tf.shape(waveform)
        count = shape[0] * self._streaming.blocks(shape[1])

        def add(block, carried):
            return self._write(carried, tf.unstack(block, len(self.names), axis=1))

        def song(index, carried):
            return self._streaming.each_block(waveform[index], add, carried)

        # The blocks of all songs end to end: a song is never put together but in the output.
        arrays = _arrays(self.names, tf.float32, count, [None, *waveform.shape[2:]])
        _, arrays = _fold(shape[0], song, (0, arrays))
        return {name: tf.reshape(stem, shape) for name, stem in _concat(arrays).items()}

    def separate_wav(self, wav_bytes: tf.Tensor) -> Outputs:
        """Files `[batch]` → files `[batch]` for each stem, as `NAME_bytes`.

        TensorFlow Serving's REST interface writes outputs with names in `_bytes` in base64.
        """
        wav_bytes = inputs.strings("wav_bytes", wav_bytes)
        count = tf.shape(wav_bytes)[0]

        def add(block, carried):
            stems = tf.unstack(block, len(self.names), axis=1)
            return self._write(carried, [wav.encode(stem, self.audio) for stem in stems])

        def song(index, files):
            waveform = wav.decode(wav_bytes[index], self.audio, self.limits.max_seconds)
            samples = tf.shape(waveform)[0]
            parts = _arrays(self.names, tf.string, self._streaming.blocks(samples), [])
            _, parts = self._streaming.each_block(waveform, add, (0, parts))
            header = wav.header(samples, self.audio)
            whole = [wav.join(header, parts[name].stack()) for name in self.names]
            return self._write((index, files), whole)[1]

        files = _fold(count, song, _arrays(self.names, tf.string, count, []))
        return {f"{name}_bytes": file.stack() for name, file in files.items()}

    def separate_batch(self, waveform: tf.Tensor) -> Outputs:
        """`[batch, samples, channels]` of the one length → the same for each stem.

        The network hears the batch as one; `separate` gives the same, a song at a time.
        """
        samples, audio = self.fixed_samples, self.audio
        waveform = inputs.waveforms(waveform, audio, self.limits.max_seconds, samples)
        shape, half = tf.shape(waveform), audio.nfft // 2
        stems_of = self.rounds.at_once(pad_centre(waveform, audio.nfft))

        def song(index, arrays):
            stems = stems_of(index)[half : half + samples]
            return self._write((index, arrays), tf.unstack(stems, len(self.names), axis=1))[1]

        arrays = _arrays(self.names, tf.float32, shape[0], [samples, audio.nb_channels])
        arrays = _fold(shape[0], song, arrays)
        return {name: array.stack() for name, array in arrays.items()}

    def _write(self, carried: tuple, stems: list[tf.Tensor]) -> tuple:
        index, arrays = carried
        pairs = zip(self.names, stems, strict=True)
        return index + 1, {name: arrays[name].write(index, stem) for name, stem in pairs}

    def masks(self, magnitude: tf.Tensor) -> Outputs:
        """Magnitudes `[batch, frames, channels, bins]` → the network's masks, likewise.

        Of `mss_keras.signal`'s centred STFT: no Wiener filter, and no residual.
        """
        magnitude = inputs.magnitudes(magnitude, self.audio, self.limits.max_seconds)
        plan, shape, names = self.rounds.plan, tf.shape(magnitude), self.mask_names
        frames = shape[1]

        def round_(song, begin, last, index, arrays):
            before = tf.minimum(begin, plan.context)
            now = tf.minimum(plan.round, frames - begin)
            heard = magnitude[song, begin - before : begin + now + plan.context]
            masks, last = self.rounds.masks(heard, before, now, last)
            pairs = zip(names, tf.unstack(masks, len(names), axis=1), strict=True)
            arrays = {name: arrays[name].write(index, mask) for name, mask in pairs}
            return song, begin + now, last, index + 1, arrays

        def song(index, carried):
            start = (index, 0, self.rounds.start().hidden, *carried)
            *_, written, arrays = tf.while_loop(
                lambda song, begin, *_: begin < frames, round_, start, parallel_iterations=1
            )
            return written, arrays

        count = shape[0] * -(-frames // plan.round)
        arrays = _arrays(names, tf.float32, count, [None, *magnitude.shape[2:]])
        _, arrays = _fold(shape[0], song, (0, arrays))
        return {name: tf.reshape(mask, shape) for name, mask in _concat(arrays).items()}

    def describe(self, question: tf.Tensor) -> Outputs:
        """Any strings `[batch]` → what a client must know, as JSON, `[batch]`."""
        answer = json.dumps(self.interface())
        return {"answer": tf.fill(tf.shape(inputs.strings("question", question)), answer)}


Arrays = dict[str, tf.TensorArray]


def _arrays(names: Iterable[str], dtype: tf.DType, count: tf.Tensor, shape: list) -> Arrays:
    return {
        name: tf.TensorArray(dtype, count, infer_shape=False, element_shape=shape) for name in names
    }


def _fold(count: tf.Tensor, function: Callable[[tf.Tensor, Any], Any], carried: Any) -> Any:
    # One after the other: two songs at a time would take twice the memory.
    _, carried = tf.while_loop(
        lambda index, _: index < count,
        lambda index, carried: (index + 1, function(index, carried)),
        (0, carried),
        parallel_iterations=1,
    )
    return carried


def _concat(arrays: Arrays) -> Outputs:
    # One after the other, so that each array is gone before the next is copied.
    outputs: Outputs = {}
    for name, array in arrays.items():
        with tf.control_dependencies(list(outputs.values())):
            array = array.identity()  # which holds the dependency; a constant lets it go
        outputs[name] = array.concat()
    return outputs
