"""What listeners hear in a trial: as loud as one another, without clipping, with short fades."""

import hashlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import soundfile
from scipy import signal

from mss_keras.config import UserError
from mss_keras.config.listening import SHORTEST_SECONDS, STIMULI

# Of the anchor, Hz. Hardly anything of a bass is above 3.5 kHz: that would be no anchor.
ANCHOR_HZ = 3500.0
ANCHOR_HZ_OF = {"bass": 175.0}
_STOPS_AT = 8 / 7  # times those: 4 kHz, from where on BS.1534 wants 25 dB less

PEAK_DBFS = -1.0
FADE_SECONDS = 0.01
# A system whose peaks would make a trial softer by more is made softer alone.
MOST_CUT_DB = 6.0
# An estimate that is next to nothing is not raised to a reference's loudness.
MOST_GAIN_DB = 30.0


@dataclass(frozen=True)
class Levelled:
    """The stimuli of a trial.

    Args:
        waveforms: dict of str to np.ndarray. By name, float64 `[samples, channels]`.
        lufs: float. Their loudness.
        notes: tuple of str. A line for each stimulus that has another loudness.
    """

    waveforms: dict[str, np.ndarray]
    lufs: float
    notes: tuple[str, ...]


def anchor(reference: np.ndarray, sample_rate: int, source: str) -> np.ndarray:
    """The low-pass anchor of MUSHRA: the reference without what is above 3.5 kHz, of a bass 175 Hz.

    Args:
        reference: np.ndarray. `[samples, channels]`.
        sample_rate: int. Hz.
        source: str. Name of the source.

    Returns:
        `[samples, channels]`, of no other phase: at most 0.1 dB less below that frequency, and
        50 dB less from 8/7 of it on.

    Raises:
        UserError: if the sample rate has no such frequencies.

    Reference:
        ITU-R BS.1534-3, 5.1. Its anchors are at 3.5 and 7 kHz.
    """
    edge = ANCHOR_HZ_OF.get(source, ANCHOR_HZ)
    if edge * _STOPS_AT >= sample_rate / 2:
        raise UserError("sample_rate", sample_rate, f"more than {2 * edge * _STOPS_AT:g} Hz")
    # Forwards and backwards: all of it counts twice.
    sections = signal.iirdesign(
        edge, edge * _STOPS_AT, 0.05, 25.0, ftype="ellip", output="sos", fs=sample_rate
    )
    return signal.sosfiltfilt(sections, reference, axis=0, padlen=len(reference) - 1)


def loudness(waveform: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness by BS.1770, LUFS; minus infinity where all is below its gate.

    Args:
        waveform: np.ndarray. `[samples, channels]`, 1 or 2 channels.
        sample_rate: int. Hz.

    Raises:
        UserError: if the waveform is shorter than a block of the measurement.

    Example:
        >>> t = np.arange(48000) / 48000
        >>> sine = np.sin(2 * np.pi * 997 * t)[:, np.newaxis]  # 0 dBFS: -3.01 LUFS, says BS.1770
        >>> abs(loudness(sine, 48000) + 3.01) < 0.1
        True
    """
    import pyloudnorm  # late: SciPy's filters alone take their time

    if len(waveform) < SHORTEST_SECONDS * sample_rate:
        raise UserError(
            "duration", f"{len(waveform) / sample_rate:g} s", f"{SHORTEST_SECONDS:g} or more"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of means of no blocks
        return float(pyloudnorm.Meter(sample_rate).integrated_loudness(waveform))


def level(waveforms: Mapping[str, np.ndarray], sample_rate: int, *, lufs: float) -> Levelled:
    """Brings the stimuli of a trial to one loudness, with fades at both ends.

    Where one of them would clip, all get less, by as much as keeps its peak at -1 dBFS. For the
    peaks of a system that is at most 6 dB: beyond, as with a few loud clicks, it alone gets less.
    A stimulus that is silent stays so, and one that is next to silent is raised by at most 30 dB
    more than the reference.

    Args:
        waveforms: mapping of str to np.ndarray. The stimuli, `reference` among them, of one
            shape `[samples, channels]`.
        sample_rate: int. Hz.
        lufs: float. The loudness wanted.

    Raises:
        UserError: if samples of a stimulus are not finite, the reference is silent, or all are
            too short to be measured.
    """
    faded, gains, notes = {}, {}, []
    for name, waveform in waveforms.items():
        if not np.isfinite(waveform).all():
            found_there = f"samples that are not finite in {name}"
            raise UserError("systems", found_there, "finite ones")
        faded[name] = _faded(waveform, sample_rate)
    found = {name: _loudness(waveform, sample_rate) for name, waveform in faded.items()}
    if not np.isfinite(found["reference"]):
        raise UserError("targets", "silence as the reference", "a source that sounds")
    most = lufs - found["reference"] + MOST_GAIN_DB
    for name, of_this in found.items():
        gains[name] = min(lufs - of_this, most)
        if not np.isfinite(of_this):
            gains[name] = lufs - found["reference"]
            notes.append(f"{name} is silent, and stays as it is")
        elif gains[name] < lufs - of_this:
            notes.append(
                f"{name} is next to silent ({of_this:.1f} LUFS beside {found['reference']:.1f} of "
                f"the reference), and stays {lufs - of_this - most:.1f} dB softer"
            )
    levelled = {name: faded[name] * 10 ** (gain / 20) for name, gain in gains.items()}
    over = {name: _over(waveform) for name, waveform in levelled.items()}
    less = max(of if name in STIMULI else min(of, MOST_CUT_DB) for name, of in over.items())
    for name, of_this in over.items():
        if of_this > less:
            notes.append(
                f"{name} has peaks far above its loudness, and is {of_this - less:.1f} dB softer "
                "than the others, which would have to be as soft"
            )
        levelled[name] = levelled[name] * 10 ** (-max(less, of_this) / 20)
    return Levelled(levelled, lufs - less, tuple(notes))


def wav_bytes(waveform: np.ndarray, sample_rate: int, *, noise: str) -> bytes:
    """A waveform as a 16-bit WAV file, dithered.

    The dither of every file is its own, so that no two files of one sound have the same samples.

    Args:
        waveform: np.ndarray. `[samples, channels]`, −1 to 1.
        sample_rate: int. Hz.
        noise: str. What the dither comes from.
    """
    seed = int.from_bytes(hashlib.sha256(noise.encode()).digest()[:16])
    random = np.random.default_rng(seed)
    dither = random.random(waveform.shape) - random.random(waveform.shape)  # triangular, ±1 bit
    samples = np.clip(np.round(waveform * 2.0**15 + dither), -(2**15), 2**15 - 1)
    file = io.BytesIO()
    soundfile.write(file, samples.astype(np.int16), sample_rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _loudness(waveform: np.ndarray, sample_rate: int) -> float:
    # At full scale, where BS.1770's gate at -70 LUFS hides nothing that is merely soft.
    peak = float(np.abs(waveform).max(initial=0))
    if peak == 0:
        return -np.inf
    return loudness(waveform / peak, sample_rate) + 20 * np.log10(peak)


def _over(waveform: np.ndarray) -> float:
    # By how much the peak is too high, dB; 0 where it is not.
    peak = float(np.abs(waveform).max(initial=0))
    return max(0.0, 20 * np.log10(peak) - PEAK_DBFS) if peak > 0 else 0.0


def _faded(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    samples = min(round(FADE_SECONDS * sample_rate), len(waveform) // 2)
    ramp = np.sin(0.5 * np.pi * (np.arange(samples) + 0.5) / samples)[:, np.newaxis] ** 2
    faded = np.array(waveform, np.float64)
    faded[:samples] *= ramp
    faded[len(faded) - samples :] *= ramp[::-1]
    return faded
