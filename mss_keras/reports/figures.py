"""Pictures of a run, as PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mss_keras.config import AudioConfig
from mss_keras.jobs.files import appearing
from mss_keras.signal.stft import magnitude_frames

_DYNAMIC_RANGE = 80.0  # dB shown below the loudest bin


def curves(history: Sequence[Mapping[str, float]], loss: str) -> Figure:
    """Training curves: loss, validation SI-SDR and learning rate over epochs.

    Args:
        history: one row an epoch, as in `history.csv`.
        loss: name of the loss, for the axis.
    """
    figure = Figure(figsize=(9, 8), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True, height_ratios=[3, 2, 1])
    epochs = [row["epoch"] for row in history]
    marker = "o" if len(epochs) < 3 else ""
    for key, label in (("loss", "training"), ("val_loss", "validation")):
        panels[0].plot(epochs, [row[key] for row in history], marker=marker, label=label)
    panels[0].set_ylabel(loss)
    if all(row[key] > 0 for row in history for key in ("loss", "val_loss")):
        panels[0].set_yscale("log")
    panels[0].legend()
    panels[1].plot(epochs, [row["val_si_sdr"] for row in history], marker=marker, color="C1")
    panels[1].set_ylabel("validation SI-SDR, dB")
    panels[2].step(epochs, [row["learning_rate"] for row in history], where="mid", color="C2")
    panels[2].set_yscale("log")
    panels[2].set_ylabel("learning rate")
    panels[2].set_xlabel("epoch")
    for panel in panels:
        panel.grid(alpha=0.3)
    return figure


def spectrograms(
    mixture: np.ndarray,
    targets: np.ndarray,
    estimates: Mapping[str, np.ndarray],
    audio: AudioConfig,
) -> Figure:
    """Mixture, target and estimate, a column for each source.

    Args:
        mixture: `[samples, channels]`.
        targets: `[sources, samples, channels]`.
        estimates: `[samples, channels]` for each source.
        audio: sample rate and STFT.
    """
    figure = Figure(figsize=(1.5 + 3.5 * len(estimates), 8.5), layout="constrained")
    panels = figure.subplots(3, len(estimates), sharex=True, sharey=True, squeeze=False)
    mixture_db = _decibels(mixture, audio)
    top = mixture_db.max()
    seconds = mixture.shape[0] / audio.sample_rate
    for column, (name, estimate) in enumerate(estimates.items()):
        rows = (mixture_db, _decibels(targets[column], audio), _decibels(estimate, audio))
        for row, (label, values) in enumerate(
            zip(("mixture", "target", "estimate"), rows, strict=True)
        ):
            panel = panels[row, column]
            image = panel.imshow(
                values.T,
                origin="lower",
                aspect="auto",
                vmin=top - _DYNAMIC_RANGE,
                vmax=top,
                extent=(0, seconds, 0, audio.sample_rate / 2000),
                cmap="magma",
            )
            panel.set_ylim(0, min(16, audio.sample_rate / 2000))
            if row == 0:
                panel.set_title(name)
            if column == 0:
                panel.set_ylabel(f"{label}\nfrequency, kHz")
            if row == 2:
                panel.set_xlabel("time, s")
    figure.colorbar(
        image, ax=panels, label="level, dB below the loudest bin of the mixture"
    ).ax.set_yticks(
        [top - x for x in range(0, int(_DYNAMIC_RANGE) + 1, 20)],
        [f"−{x}" if x else "0" for x in range(0, int(_DYNAMIC_RANGE) + 1, 20)],
    )
    return figure


def spectrogram_image(mixture, targets, estimates, audio: AudioConfig) -> np.ndarray:
    """`spectrograms` as an image, uint8 `[height, width, 4]`; arguments as there."""
    canvas = FigureCanvasAgg(spectrograms(mixture, targets, estimates, audio))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG."""
    with appearing(path) as partial:
        figure.savefig(partial, dpi=110)


def _decibels(waveform: np.ndarray, audio: AudioConfig) -> np.ndarray:
    # [frames, bins]
    short = max(0, audio.nfft - waveform.shape[0])
    waveform = np.pad(waveform, ((0, short), (0, 0))).astype(np.float32)
    magnitude = tf.reduce_mean(magnitude_frames(tf.constant(waveform), audio), axis=1).numpy()
    return 20 * np.log10(magnitude + 1e-5)
