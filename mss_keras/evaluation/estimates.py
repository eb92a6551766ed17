"""Methods whose stems are scored: each makes or finds the files `SOURCE.wav` of a track."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from mss_keras.config import (
    AudioConfig,
    SeparationConfig,
    SongConfig,
    UserError,
    named_folder,
    require,
)
from mss_keras.data import Track
from mss_keras.data.sums import summands
from mss_keras.data.writing import sound_file
from mss_keras.metrics import AudioFiles
from mss_keras.models import oracles
from mss_keras.models.model import SeparationModel
from mss_keras.separation.songs import separate_song

# Oracles hold the STFT of all sources, which is why they take a track in pieces of this length.
_PIECE_SECONDS = 30.0
_BLOCK = 2**20  # samples of a mixture that are summed at a time


ESTIMATES, MIXTURE = "estimates", "mixture"
# Of the files that an evaluation writes beside the folders of methods.
_OWN = (".csv", ".md", ".png", ".yaml")
RESERVED = (*oracles.ORACLES, MIXTURE, ESTIMATES)


def name_of_model(name: str) -> str:
    """The name of a model among methods, which differs from those of all others.

    A method's scores are kept under its name, so two of one name would be one.

    Args:
        name: what the model is called, such as the name of its file.

    Example:
        >>> name_of_model("l2_freq"), name_of_model("irm"), name_of_model("model-irm")
        ('l2_freq', 'model-irm', 'model-irm')
    """
    plain = name.replace("/", "-").strip(".") or "model"
    if Path(plain).suffix in _OWN:
        plain = plain.replace(".", "-")
    return f"model-{plain}" if plain in RESERVED else plain


@dataclass(frozen=True)
class Method:
    """Where the stems of a track come from.

    Args:
        name: the method's name, and that of the folder of its scores.
        stems: a function of a track and an empty folder to work in; returns the folder
            that has the track's stems.
        kept: a function of a track; returns whether the stems that are to be kept are there.
            Defaults to true: nothing is to be kept.

    Example:
        >>> method = Method("ours", lambda track, work: Path("stems") / track.name)
        >>> method.stems(Track("A - B", sources=(), mixture=None), Path("work")).as_posix()
        'stems/A - B'
    """

    name: str
    stems: Callable[[Track, Path], Path]
    kept: Callable[[Track], bool] = lambda track: True


def of_model(
    name: str,
    model: SeparationModel,
    *,
    options: SeparationConfig,
    kept: Path | None,
    files: SongConfig = SongConfig(),
) -> Method:
    """Stems that a model separates.

    Args:
        name: the model's name.
        model: the separator.
        options: how it separates.
        kept: folder that keeps the stems, in `TRACK/`; they are not kept if it is None.
        files: which part of each track is separated; the model hears what is around it. Defaults
            to the whole track.

    Raises:
        UserError: if the options do not go with the model.
    """
    model.streaming(options)

    def stems(track: Track, work: Path) -> Path:
        folder = kept / track.name if kept else work / "stems"
        with _mixture_file(track, work) as mixture:
            separate_song(model, mixture, folder, options=options, files=files, progress=False)
        return folder

    def there(track: Track) -> bool:
        names = model.streaming(options).names
        return kept is None or all((kept / track.name / f"{x}.wav").exists() for x in names)

    return Method(name, stems, there)


def of_folder(given: str, subset: str) -> Method:
    """Stems that are made already, as `FOLDER/[SUBSET/]TRACK/SOURCE.wav`.

    Args:
        given: the folder, whose method is then called `ESTIMATES`, or `NAME=FOLDER`.
        subset: split of the data set.

    Raises:
        UserError: if the folder does not exist, or the name is another method's.
    """
    name, folder = named_folder(given)
    if name is not None:
        plain = name.strip() == name and not set(name) & set("/\\") and name[:1] not in ("", ".")
        require(plain, "estimates", found=given, wanted="a NAME that a folder can have")
        theirs = Path(name).suffix not in _OWN
        require(theirs, "estimates", found=given, wanted=f"a NAME without {', '.join(_OWN)}")
        if name in RESERVED:
            taken = ", ".join(RESERVED)
            raise UserError("estimates", f"the name {name!r}", f"another: {taken} are taken")
    if not folder.is_dir():
        raise UserError("estimates", f"no folder {folder}", "a folder of stems")
    inner = folder / subset if (folder / subset).is_dir() else folder
    return Method(name or ESTIMATES, lambda track, work: inner / track.name)


def require_different(methods: Sequence[Method]) -> None:
    """Requires that methods have different names, under which their scores are kept.

    Raises:
        UserError: for a name that two have.
    """
    names = [method.name for method in methods]
    for name in names:
        if names.count(name) > 1:
            found = f"two called {name}"
            raise UserError("estimates", found, "NAME=DIR with a name of its own for each")


def of_oracle(name: str, sources: Sequence[str], audio: AudioConfig) -> Method:
    """Stems by an oracle, which is given the true sources.

    Args:
        name: one of `oracles.ORACLES`, or `MIXTURE` for the mixture as every stem.
        sources: names of the sources.
        audio: sample rate, channels and sizes of the STFT.

    Raises:
        UserError: if a source is a part of another, which masks of all sources cannot tell apart.
    """
    heard = summands(sources)
    parts = [source for place, source in enumerate(sources) if place not in heard]
    if parts and name != MIXTURE:
        found = f"{name} with sources of which others are the sum: {', '.join(parts)}"
        raise UserError("oracle", found, f"sources none of which is part of another, or {MIXTURE}")

    def stems(track: Track, work: Path) -> Path:
        with (
            AudioFiles([file.paths for file in track.sources], audio.nb_channels) as y_true,
            contextlib.ExitStack() as stack,
        ):
            files = [
                stack.enter_context(
                    sound_file(
                        work / f"{source}.wav",
                        audio.sample_rate,
                        audio.nb_channels,
                        subtype="FLOAT",
                    )
                )
                for source in sources
            ]
            for start, end in _pieces(y_true.shape[1], audio):
                targets = tf.constant(y_true[:, start:end], tf.float32)
                mixture = tf.reduce_sum(tf.gather(targets, heard), axis=0)
                estimates = _oracle(name, mixture, targets, audio=audio)
                for file, estimate in zip(files, estimates, strict=True):
                    file.write(estimate)
        return work

    return Method(name, stems)


def _oracle(name: str, mixture: tf.Tensor, targets: tf.Tensor, *, audio: AudioConfig) -> np.ndarray:
    # [samples, channels] and [sources, samples, channels] → the latter
    if name == MIXTURE:
        return np.broadcast_to(mixture, targets.shape)
    return oracles.separate(name, mixture=mixture, sources=targets, audio=audio).numpy()


def _pieces(samples: int, audio: AudioConfig) -> Iterator[tuple[int, int]]:
    # At least a window is behind the last cut: a shorter piece has no frame of its own.
    starts = range(0, max(1, samples - audio.nfft), round(_PIECE_SECONDS * audio.sample_rate))
    yield from zip(starts, [*starts[1:], samples], strict=True)


@contextlib.contextmanager
def _mixture_file(track: Track, work: Path) -> Iterator[Path]:
    # The mixture's own file, or one that holds the sum of the sources.
    if track.mixture:
        yield Path(track.mixture.path)
        return
    path = work / "mixture.wav"
    with (
        AudioFiles([file.paths for file in track.summands]) as sources,
        sound_file(path, sources.sample_rate, sources.shape[2], subtype="FLOAT") as file,
    ):
        for start in range(0, sources.shape[1], _BLOCK):
            file.write(sources[:, start : start + _BLOCK].sum(axis=0))
    yield path
    path.unlink()
