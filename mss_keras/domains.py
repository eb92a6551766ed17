"""Which two tensors a loss compares: the pair (target, estimate) of a domain.

Both members of a pair are float32 `[batch, sources, ...]`; spectrograms and masks are
`[batch, sources, frames, channels, bins]`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any, ClassVar

import tensorflow as tf

from mss_keras.config import DOMAINS, AudioConfig, UserError
from mss_keras.signal.epsilon import EPSILON
from mss_keras.signal.ratios import sounds
from mss_keras.signal.stft import apply_mask, centred_magnitudes, centred_stft, inverse_stft


class Scene(ABC):
    """A batch in every domain; a tensor that several losses need is computed once.

    Args:
        sources: target waveforms, float32 `[batch, sources, samples, channels]`.
        audio: sizes of the STFT.
        heard: what a network gave, behind which targets are computed.
        unpaired: the scene of other mixtures in the same batch, beside recordings that are not
            their sources. Defaults to none.

    Attributes:
        domains: those that the scene has pairs of.
    """

    domains: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        sources: tf.Tensor,
        *,
        audio: AudioConfig,
        heard: tf.Tensor,
        unpaired: "Scene | None" = None,
    ):
        self.waveforms = sources
        self.audio = audio
        self.unpaired = unpaired
        self._heard = heard

    @cached_property
    @abstractmethod
    def mixture_spectrogram(self) -> tf.Tensor:
        """X, complex64 `[batch, 1, frames, channels, bins]`."""

    @cached_property
    @abstractmethod
    def mixture_magnitude(self) -> tf.Tensor:
        """|X|, `[batch, 1, frames, channels, bins]`."""

    @cached_property
    @abstractmethod
    def estimated_magnitudes(self) -> tf.Tensor:
        """Ỹ, `[batch, sources, frames, channels, bins]`."""

    @cached_property
    @abstractmethod
    def estimated_waveforms(self) -> tf.Tensor:
        """ŷ, `[batch, sources, samples, channels]`."""

    @cached_property
    def spectrograms(self) -> tf.Tensor:
        """STFT of the targets, complex64 `[batch, sources, frames, channels, bins]`."""
        with self._behind_the_network():
            return centred_stft(self.waveforms, self.audio.nfft, self.audio.nhop)

    @cached_property
    def magnitudes(self) -> tf.Tensor:
        """Y = |STFT(y)|."""
        if "spectrograms" in vars(self):
            return tf.abs(self.spectrograms)
        with self._behind_the_network():
            return centred_magnitudes(self.waveforms, self.audio.nfft, self.audio.nhop)

    def _behind_the_network(self):
        # A graph would compute the targets at its start, and keep them through the network.
        return tf.control_dependencies([self._heard])

    @cached_property
    def phase_sensitive_magnitudes(self) -> tf.Tensor:
        """|Y| · cos(∠X − ∠Y) = Re(Y · X*) / |X|, 0 where X is silent."""
        product = self.spectrograms * tf.math.conj(self.mixture_spectrogram)
        return tf.math.divide_no_nan(tf.math.real(product), self.mixture_magnitude)

    @cached_property
    def sounding(self) -> tf.Tensor:
        """Whether each target sounds, bool `[batch, sources]`."""
        return sounds(self.waveforms, [2, 3])

    @cached_property
    def ratio_masks(self) -> tf.Tensor:
        """M_k = |Y_k| / Σ_k |Y_k|, 0 where all sources are silent."""
        total = tf.reduce_sum(self.magnitudes, axis=1, keepdims=True)
        return tf.where(total > EPSILON, self.magnitudes / tf.maximum(total, EPSILON), 0.0)


class MaskScene(Scene):
    """A `Scene` of estimated masks.

    Args:
        sources: as in `Scene`.
        mask: estimated masks, float32 `[batch, sources, frames, channels, bins]`.
        spectrogram: the mixture's STFT, complex64 `[batch, frames, channels, bins]`.
        audio: as in `Scene`.
        logits: what the masks are the softmax or sigmoid of. Defaults to the masks.
        unpaired: as in `Scene`.

    Example:
        >>> audio = AudioConfig(nfft=512, nhop=128)
        >>> sources = tf.ones([1, 4, 1000, 2])
        >>> spectrogram = centred_stft(tf.reduce_sum(sources, 1), 512, 128)
        >>> scene = MaskScene(sources, tf.ones([1, 4, 8, 2, 257]) / 4, spectrogram, audio=audio)
        >>> target, estimate = pair("magnitude", scene)
        >>> target.shape
        TensorShape([1, 4, 8, 2, 257])
        >>> bool(tf.reduce_max(tf.abs(target - estimate)) < 1e-3)
        True
    """

    domains = DOMAINS

    def __init__(
        self,
        sources: tf.Tensor,
        mask: tf.Tensor,
        spectrogram: tf.Tensor,
        *,
        audio: AudioConfig,
        logits: tf.Tensor | None = None,
        unpaired: Scene | None = None,
    ):
        super().__init__(sources, audio=audio, heard=mask, unpaired=unpaired)
        self.mask = mask
        self.logits = mask if logits is None else logits
        self._spectrogram = spectrogram

    @cached_property
    def mixture_spectrogram(self) -> tf.Tensor:
        """X, as it was handed in."""
        return self._spectrogram[:, tf.newaxis]

    @cached_property
    def mixture_magnitude(self) -> tf.Tensor:
        """|X|."""
        # In this order the graph has one modulus, which the model takes, too.
        return tf.abs(self._spectrogram)[:, tf.newaxis]

    @cached_property
    def estimated_magnitudes(self) -> tf.Tensor:
        """Ỹ = M̃ · |X|."""
        return self.mask * self.mixture_magnitude

    @cached_property
    def estimated_waveforms(self) -> tf.Tensor:
        """ŷ = ISTFT(Ỹ · e^{j∠X}), which is ISTFT(M̃ · X)."""
        masked = apply_mask(self.mask, self.mixture_spectrogram)
        samples = tf.shape(self.waveforms)[2]
        return inverse_stft(masked, self.audio.nfft, self.audio.nhop, samples=samples)


class WaveformScene(Scene):
    """A `Scene` of estimated waveforms, from whatever method they come; there are no masks.

    Args:
        sources: as in `Scene`.
        estimates: estimated waveforms, of the shape of the sources.
        mixture: float32 `[batch, samples, channels]`.
        audio: as in `Scene`.
        unpaired: as in `Scene`.

    Example:
        >>> sources = tf.ones([1, 4, 1000, 2])
        >>> mixture, audio = tf.reduce_sum(sources, 1), AudioConfig(nfft=512, nhop=128)
        >>> scene = WaveformScene(sources, sources, mixture, audio=audio)
        >>> target, estimate = pair("magnitude", scene)
        >>> bool(tf.reduce_max(tf.abs(target - estimate)) < 1e-3)
        True
    """

    domains: ClassVar[tuple[str, ...]] = ("waveform", "magnitude", "phase_sensitive")

    def __init__(
        self,
        sources: tf.Tensor,
        estimates: tf.Tensor,
        mixture: tf.Tensor,
        *,
        audio: AudioConfig,
        unpaired: Scene | None = None,
    ):
        super().__init__(sources, audio=audio, heard=estimates, unpaired=unpaired)
        self._estimates, self._mixture = estimates, mixture

    @cached_property
    def mixture_spectrogram(self) -> tf.Tensor:
        """X = STFT(x)."""
        return centred_stft(self._mixture, self.audio.nfft, self.audio.nhop)[:, tf.newaxis]

    @cached_property
    def mixture_magnitude(self) -> tf.Tensor:
        """|X|."""
        return tf.abs(self.mixture_spectrogram)

    @cached_property
    def estimated_magnitudes(self) -> tf.Tensor:
        """Ỹ = |STFT(ŷ)|."""
        return tf.abs(centred_stft(self._estimates, self.audio.nfft, self.audio.nhop))

    @property
    def estimated_waveforms(self) -> tf.Tensor:
        """ŷ as it was handed in."""
        return self._estimates


# Of what a network of a domain estimates; see `mss_keras.models.network.Traits`.
SCENES: dict[str, type[Scene]] = {"magnitude": MaskScene, "waveform": WaveformScene}


def require_readable(compared: Mapping[str, str], network: str) -> None:
    """Requires that losses can be read of what a network estimates.

    Args:
        compared: the domain of each loss, by its name.
        network: domain of the network, a key of `SCENES`.

    Raises:
        UserError: for losses of masks, where the network makes none.

    Example:
        >>> require_readable({"l1_mask": "mask", "psa": "phase_sensitive"}, "waveform")
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: loss: found l1_mask with a network of waveforms, ...
    """
    domains = SCENES[network].domains
    if others := [name for name, domain in compared.items() if domain not in domains]:
        found = f"{' and '.join(others)} with a network of {network}s, which makes no masks"
        raise UserError("loss", found, f"losses of the domains {', '.join(domains)}")


# A bin of a mixture that is softer than its loudest one by more than this, dB, has no mask.
MASK_FLOOR_DB = -80.0


class EstimatedScene(WaveformScene):
    """A `WaveformScene` of one excerpt that is read as a metric, with masks.

    The masks are the ratio of the estimates' magnitudes to the mixture's, 1 at most: where sources
    cancel each other out or the mixture is next to silent, the ratio says nothing. Bins in which
    the mixture lies more than 80 dB below its loudest bin (`MASK_FLOOR_DB`) do not count: pairs of
    masks have only the other ones, one after the other, `[1, sources, counted, 1, 1]`. None counts
    where the mixture as a whole is silent.

    Args:
        sources: target waveforms, float32 `[1, sources, samples, channels]`.
        estimates: estimated waveforms, of the same shape.
        mixture: float32 `[1, samples, channels]`.
        audio: sizes of the STFT.
    """

    domains = DOMAINS

    def __init__(
        self, sources: tf.Tensor, estimates: tf.Tensor, mixture: tf.Tensor, *, audio: AudioConfig
    ):
        super().__init__(sources, estimates, mixture, audio=audio)
        of_mixture = self.mixture_magnitude[:, 0]
        floor = 10 ** (MASK_FLOOR_DB / 20) * tf.reduce_max(of_mixture)
        self._counted = tf.logical_and(of_mixture > floor, sounds(mixture, [0, 1, 2]))[0]
        # Not tf.minimum, which makes 1 of NaN.
        ratio = tf.math.divide_no_nan(self.estimated_magnitudes, self.mixture_magnitude)
        self.mask = self._counted_bins(tf.where(ratio > 1, tf.ones_like(ratio), ratio))
        self.logits = self.mask

    @cached_property
    def has_masks(self) -> tf.Tensor:
        """Whether a bin counts, a scalar bool."""
        return tf.reduce_any(self._counted)

    @cached_property
    def ratio_masks(self) -> tf.Tensor:
        """As `Scene.ratio_masks`, in the bins that count."""
        return self._counted_bins(super().ratio_masks)

    def _counted_bins(self, values: tf.Tensor) -> tf.Tensor:
        # [1, sources, frames, channels, bins] → [1, sources, counted, 1, 1]
        counted = tf.boolean_mask(values[0], self._counted, axis=1)
        return counted[tf.newaxis, :, :, tf.newaxis, tf.newaxis]


Pair = tuple[tf.Tensor, tf.Tensor]

# Magnitudes are taken of spectrograms, where those have been computed before them.
# Masks are those of scenes that have them.
_PAIRS: dict[str, Callable[[Any], Pair]] = {
    "waveform": lambda scene: (scene.waveforms, scene.estimated_waveforms),
    "phase_sensitive": lambda scene: (scene.phase_sensitive_magnitudes, scene.estimated_magnitudes),
    "magnitude": lambda scene: (scene.magnitudes, scene.estimated_magnitudes),
    "mask": lambda scene: (scene.ratio_masks, scene.mask),
    "logits": lambda scene: (scene.ratio_masks, scene.logits),
}


def pair(domain: str, scene: Scene) -> Pair:
    """(target, estimate) of a domain, each `[batch, sources, ...]`.

    Raises:
        KeyError: for a name that is not in `mss_keras.config.DOMAINS`.
    """
    return _PAIRS[domain](scene)


def pairs(domains: Collection[str], scene: Scene) -> dict[str, Pair]:
    """`pair` of several domains, in an order in which no STFT is computed twice."""
    return {domain: pair(domain, scene) for domain in _PAIRS if domain in domains}


def without_leakage(found: Pair, scene: Scene) -> Pair:
    """A pair in which the estimates of silent sources are their targets.

    Args:
        found: (target, estimate) of the scene, in any domain.
        scene: says which sources are silent.
    """
    target, estimate = found
    inner = [1] * (target.shape.rank - 2)
    sounding = tf.reshape(scene.sounding, tf.concat([tf.shape(target)[:2], inner], axis=0))
    return target, tf.where(sounding, estimate, target)
