"""The signatures of an exported model: requests of any length, in bounded memory.

Songs of a batch go one after the other, each by `Streaming.whole`, so that a
request needs little more than its inputs and twice its outputs.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from mss_keras.config import SeparationConfig, ServingConfig
from mss_keras.models.masking import MaskingModel
from mss_keras.models.streaming import Streaming
from serving import inputs, wav

Outputs = dict[str, tf.Tensor]


class Signatures:
    """What a server offers of a separator.

    Args:
        model: the separator.
        options: what to separate and how; baked into the graphs.
        limits: the signatures wanted, and the longest length.

    Raises:
        UserError: as `Streaming`.
    """

    def __init__(self, model: MaskingModel, options: SeparationConfig, limits: ServingConfig):
        """See the class."""
        self.audio, self.limits = model.audio, limits
        self._streaming: Streaming = model.streaming(options)
        self.rounds = self._streaming.rounds

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
            "max_samples": int(self.limits.max_seconds * audio.sample_rate),
            "nfft": audio.nfft,
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

        def song(index):
            return tf.unstack(self._streaming.whole(waveform[index]), len(self.names), axis=1)

        shape = tf.shape(waveform)
        stems = _each(shape[0], song, dict.fromkeys(self.names, tf.float32), waveform.shape[2:])
        return {name: tf.reshape(stem, shape) for name, stem in stems.items()}

    def separate_wav(self, wav_bytes: tf.Tensor) -> Outputs:
        """Files `[batch]` → files `[batch]` for each stem, as `NAME_bytes`.

        TensorFlow Serving's REST interface writes outputs with names in `_bytes` in base64.
        """
        wav_bytes = inputs.files(wav_bytes)

        def song(index):
            waveform = wav.decode(wav_bytes[index], self.audio, self.limits.max_seconds)
            stems = tf.unstack(self._streaming.whole(waveform), len(self.names), axis=1)
            return [wav.encode(stem, self.audio)[tf.newaxis] for stem in stems]

        names = {f"{name}_bytes": tf.string for name in self.names}
        return _each(tf.shape(wav_bytes)[0], song, names, [])

    def masks(self, magnitude: tf.Tensor) -> Outputs:
        """Magnitudes `[batch, frames, channels, bins]` → the network's masks, likewise.

        Of `mss_keras.signal`'s centred STFT: no Wiener filter, and no residual.
        """
        magnitude = inputs.magnitudes(magnitude, self.audio, self.limits.max_seconds)
        shape = tf.shape(magnitude)
        names = dict.fromkeys(self.mask_names, tf.float32)

        def song(index):
            return tf.unstack(self._song_masks(magnitude[index]), len(names), axis=1)

        masks = _each(shape[0], song, names, magnitude.shape[2:])
        return {name: tf.reshape(mask, shape) for name, mask in masks.items()}

    def _song_masks(self, magnitude: tf.Tensor) -> tf.Tensor:
        # [frames, channels, bins] -> [frames, sources, channels, bins], a round at a time.
        plan, frames = self.rounds.plan, tf.shape(magnitude)[0]

        def step(begin, last, blocks):
            before = tf.minimum(begin, plan.context)
            now = tf.minimum(plan.round, frames - begin)
            heard = magnitude[begin - before : begin + now + plan.context]
            masks, last = self.rounds.masks(heard, before, now, last)
            return begin + now, last, blocks.write(begin // plan.round, masks)

        shape = [None, len(self.mask_names), self.audio.nb_channels, self.audio.bins]
        count = -(-frames // plan.round)
        blocks = tf.TensorArray(tf.float32, count, infer_shape=False, element_shape=shape)
        start = (0, self.rounds.start().hidden, blocks)
        _, _, blocks = tf.while_loop(
            lambda begin, *_: begin < frames, step, start, parallel_iterations=1
        )
        return tf.ensure_shape(blocks.concat(), shape)

    def describe(self, question: tf.Tensor) -> Outputs:
        """Any strings `[batch]` → what a client must know, as JSON, `[batch]`."""
        answer = json.dumps(self.interface())
        return {"answer": tf.fill(tf.shape(inputs.files(question)), answer)}


def _each(
    count: tf.Tensor,
    function: Callable[[tf.Tensor], list[tf.Tensor]],
    types: Mapping[str, tf.DType],
    shape: list[int],
) -> Outputs:
    # What the function gives for each index, `[any, *shape]` each, end to end.
    arrays = [
        tf.TensorArray(dtype, count, infer_shape=False, element_shape=[None, *shape])
        for dtype in types.values()
    ]

    def step(index, arrays):
        results = zip(arrays, function(index), strict=True)
        return index + 1, [array.write(index, result) for array, result in results]

    _, arrays = tf.while_loop(
        lambda index, *_: index < count, step, (0, arrays), parallel_iterations=1
    )
    return {name: array.concat() for name, array in zip(types, arrays, strict=True)}
