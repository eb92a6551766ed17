"""Waveforms and their short-time Fourier transform."""

from dataclasses import dataclass

from mss_keras.config.fields import option, require, require_positive


@dataclass(frozen=True)
class AudioConfig:
    """Waveforms and their short-time Fourier transform.

    Example:
        >>> AudioConfig(nfft=2048, nhop=512).bins
        1025
        >>> AudioConfig(nhop=1000)
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: nhop: found 1000, wanted a divisor of `nfft` 4096, ...
    """

    sample_rate: int = option(44100, "Sample rate, Hz", section="audio", everyday=True)
    nb_channels: int = option(
        2,
        "Audio channels: 1 (mono, files are mixed down) or 2 (stereo)",
        section="audio",
        everyday=True,
    )
    nfft: int = option(
        4096, "FFT size and length of the periodic Hann window, samples", section="audio"
    )
    nhop: int = option(
        1024,
        "Hop between frames, samples; a divisor of `nfft`, at most half of it",
        section="audio",
    )

    def __post_init__(self):
        require_positive(self, "sample_rate", "nfft", "nhop")
        require(self.nb_channels in (1, 2), "nb_channels", found=self.nb_channels, wanted="1 or 2")
        require(
            self.nfft % self.nhop == 0 and self.nfft >= 2 * self.nhop,
            "nhop",
            found=self.nhop,
            wanted=f"a divisor of `nfft` {self.nfft}, at most half of it",
        )

    @property
    def bins(self) -> int:
        """Frequency bins of a spectrogram."""
        return self.nfft // 2 + 1
