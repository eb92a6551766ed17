"""Methods whose stems are scored: each makes or finds `SOURCE.wav` of a track."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import tensorflow as tf

from mss_keras.config import AudioConfig, EvaluationConfig, SeparationConfig, SongConfig, UserError
from mss_keras.data import Track
from mss_keras.metrics import AudioFiles
from mss_keras.models import oracles
from mss_keras.models.masking import MaskingModel
from mss_keras.separation.songs import separate_song

# Oracles hold the STFT of all sources, so they take a track in pieces of this length.
_PIECE_SECONDS = 30.0


@dataclass(frozen=True)
class Method:
    """Stems of tracks.

    Args:
        name: of the method, and of the folder of its scores.
        stems: called with a track and an empty folder to work in; gives the folder
            that has the track's stems.
    """

    name: str
    stems: Callable[[Track, Path], Path]


def of_model(
    name: str, model: MaskingModel, options: SeparationConfig, kept: Path | None
) -> Method:
    """Stems by a model, left in `kept/TRACK` if that is given."""

    def stems(track: Track, work: Path) -> Path:
        folder = kept / track.name if kept else work / "stems"
        with _mixture_file(track, model.audio, work) as mixture:
            separate_song(model, mixture, folder, options, SongConfig(), progress=False)
        return folder

    return Method(name, stems)


def of_folder(name: str, folder: Path, subset: str) -> Method:
    """Stems that are there, as `FOLDER/[SUBSET/]TRACK/SOURCE.wav`.

    Raises:
        UserError: if the folder is not there.
    """
    if not folder.is_dir():
        raise UserError(f"--estimates: {folder} found no such folder, wanted stems of tracks")
    inner = folder / subset if (folder / subset).is_dir() else folder
    return Method(name, lambda track, work: inner / track.name)


def of_oracle(name: str, sources: Sequence[str], audio: AudioConfig) -> Method:
    """Stems by an oracle, or the mixture as every stem."""

    def stems(track: Track, work: Path) -> Path:
        with (
            AudioFiles([file.path for file in track.sources], audio.nb_channels) as y_true,
            contextlib.ExitStack() as stack,
        ):
            length = round(_PIECE_SECONDS * audio.sample_rate)
            # At least a window behind the last cut: a shorter piece has no frame of its own.
            starts = range(0, max(1, y_true.shape[1] - audio.nfft), length)
            ends = [*starts[1:], y_true.shape[1]]
            files = [
                stack.enter_context(
                    soundfile.SoundFile(
                        work / f"{source}.wav",
                        "w",
                        audio.sample_rate,
                        audio.nb_channels,
                        "FLOAT",
                    )
                )
                for source in sources
            ]
            for start, end in zip(starts, ends, strict=True):
                piece = tf.constant(y_true[:, start:end], tf.float32)
                mixture = tf.reduce_sum(piece, axis=0)
                if name == "mixture":
                    estimates = np.broadcast_to(mixture, piece.shape)
                else:
                    estimates = oracles.separate(name, mixture, piece, audio).numpy()
                for file, estimate in zip(files, estimates, strict=True):
                    file.write(estimate)
        return work

    return Method(name, stems)


def methods(
    settings: EvaluationConfig,
    sources: Sequence[str],
    audio: AudioConfig,
    model: MaskingModel | None,
    name: str,
    separation: SeparationConfig,
) -> list[Method]:
    """The methods of an evaluation.

    Raises:
        UserError: if there is none, or something in them is not there.
    """
    found = [of_oracle(oracle, sources, audio) for oracle in settings.oracle]
    if settings.estimates:
        found.insert(0, of_folder("estimates", Path(settings.estimates), settings.subset))
    if model is not None:
        kept = Path(settings.stems) if settings.stems else None
        found.insert(0, of_model(name, model, separation, kept))
    if not found:
        raise UserError("--model: not given, wanted a model, --estimates or --oracle")
    return found


@contextlib.contextmanager
def _mixture_file(track: Track, audio: AudioConfig, work: Path) -> Iterator[Path]:
    # The mixture's own file, or one made of the sum of the sources.
    if track.mixture:
        yield Path(track.mixture.path)
        return
    path = work / "mixture.wav"
    with AudioFiles([file.path for file in track.sources]) as sources:
        rate, channels, step = sources.sample_rate, sources.shape[2], 2**20
        with soundfile.SoundFile(path, "w", rate, channels, "FLOAT") as file:
            for start in range(0, sources.shape[1], step):
                file.write(sources[:, start : start + step].sum(axis=0))
    yield path
    path.unlink()
