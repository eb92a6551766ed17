"""Systems that separate excerpts: where their estimates of one come from."""

import tempfile
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mss_keras.config import AudioConfig, SeparationConfig, SongConfig, UserError
from mss_keras.data import AudioFile, Track
from mss_keras.evaluation import estimates
from mss_keras.evaluation.estimates import Method
from mss_keras.evaluation.excerpts import Excerpt, true_waveforms
from mss_keras.evaluation.reading import Recording, write_wav
from mss_keras.jobs.digests import digest_of
from mss_keras.models.model import SeparationModel


@dataclass(frozen=True)
class System:
    """What gives estimates of excerpts.

    Args:
        name: str. Its name.
        said: str. What tells it from other systems of that name: the digest of its weights, or
            where its stems are.
        read: Callable. Returns the estimates of an excerpt's sources, given the excerpt, the
            names of the sources and an empty folder to work in; sources that it does not
            separate are left out.
        offers: collection of str. Names of the sources that it separates. Defaults to `None`:
            they are not known.
        there: Callable or None. Returns the folder of an excerpt's song where its stems are made
            already, and only have to be read. Defaults to `None`.
        field: str. Name of the argument by which the system was given, for errors. Defaults to
            that of a listening test, `systems`.
    """

    name: str
    said: str
    read: Callable[[Excerpt, Sequence[str], Path], dict[str, np.ndarray]]
    offers: Collection[str] | None = None
    there: Callable[[Excerpt], Path] | None = None
    field: str = "systems"

    def check(self, excerpts: Iterable[Excerpt]) -> None:
        """Finds out, as far as that is quick, that the system has what is rated in excerpts.

        Raises:
            UserError: as `estimates`.
        """
        for excerpt in excerpts:
            source = excerpt.source
            if self.offers is not None and source not in self.offers:
                others = ", ".join(self.offers)
                raise UserError(self.field, f"{self.name} of {others}", f"one that has {source}")
            if self.there is not None:
                self.estimates(excerpt, [source], needed=[source])

    def estimates(
        self,
        excerpt: Excerpt,
        sources: Sequence[str],
        *,
        needed: Collection[str],
        work: Path | None = None,
    ) -> dict[str, np.ndarray]:
        """The estimates of the sources of an excerpt.

        Args:
            excerpt: Excerpt. The excerpt.
            sources: sequence of str. Names of the sources.
            needed: collection of str. Those that the system has to have.
            work: Path or None. Folder in which files are written meanwhile. Defaults to `None`,
                that of the machine for temporary files.

        Returns:
            Float64 `[samples, channels]` by source.

        Raises:
            UserError: if an estimate is missing, cannot be read, is of another length or sample
                rate, or has samples that are not finite; the error names the system.
        """
        with tempfile.TemporaryDirectory(dir=work) as own:
            found = self.read(excerpt, sources, Path(own))
        where = f"{self.name}, {excerpt.name}"
        for source in needed:
            if source not in found:
                place = self.there(excerpt) if self.there is not None else None
                lacks = _lacking(source, place)
                raise UserError(self.field, f"{lacks} of {where}", "an estimate of it")
        for source, waveform in found.items():
            if not np.isfinite(waveform).all():
                found_there = f"samples that are not finite in {source} of {where}"
                raise UserError(self.field, found_there, "finite ones")
        return found


def of_model(
    name: str,
    model: SeparationModel,
    *,
    audio: AudioConfig,
    separation: SeparationConfig = SeparationConfig(),
    field: str = "systems",
) -> System:
    """A model, which separates an excerpt as it separates the song: it hears what is around it.

    Args:
        name: str. The system's name.
        model: SeparationModel. The separator.
        audio: AudioConfig. Sample rate and channels of the excerpts.
        separation: SeparationConfig. How it separates.
        field: str. As in `System`.

    Raises:
        UserError: if the model's sample rate is another than that of the excerpts, or
            `separation` does not go with the model.
    """
    model.streaming(separation)
    if model.audio.sample_rate != audio.sample_rate:
        raise UserError(
            field,
            f"{name} of {model.audio.sample_rate} Hz",
            f"{audio.sample_rate} Hz, as the excerpts have (`sample_rate`)",
        )

    def read(excerpt: Excerpt, sources: Sequence[str], work: Path) -> dict[str, np.ndarray]:
        part = SongConfig(start=excerpt.start, duration=excerpt.seconds)
        method = estimates.of_model(name, model, options=separation, kept=None, files=part)
        return _read(method.stems(excerpt.track, work), excerpt, sources, audio=audio, start=0.0)

    said = f"weights {digest_of(weight.numpy() for weight in model.weights)}"
    return System(name, said, read, offers=model.source_names, field=field)


def of_songs(
    name: str,
    method: Method,
    *,
    said: str,
    audio: AudioConfig,
    made: bool = False,
    field: str = "systems",
) -> System:
    """Stems of whole songs, from which excerpts are cut.

    Args:
        name: str. The system's name.
        method: Method. Makes or finds the stems of a song.
        said: str. As in `System`.
        audio: AudioConfig. Sample rate and channels of the excerpts.
        made: bool. Whether the stems are made already. Defaults to `False`.
        field: str. As in `System`.
    """

    def read(excerpt: Excerpt, sources: Sequence[str], work: Path) -> dict[str, np.ndarray]:
        folder = method.stems(excerpt.track, work)
        return _read(folder, excerpt, sources, audio=audio, start=excerpt.start)

    there = (lambda excerpt: method.stems(excerpt.track, Path())) if made else None
    return System(name, said, read, there=there, field=field)


def of_oracle(name: str, sources: Sequence[str], audio: AudioConfig) -> System:
    """An oracle, which is given the true sources of the excerpt alone.

    Args:
        name: str. As in `mss_keras.evaluation.estimates.of_oracle`.
        sources: sequence of str. Names of the sources of a track, in their order.
        audio: AudioConfig. Sample rate, channels and sizes of the STFT.

    Raises:
        UserError: as there.
    """
    method = estimates.of_oracle(name, sources, audio)

    def read(excerpt: Excerpt, wanted: Sequence[str], work: Path) -> dict[str, np.ndarray]:
        true, files = work / "true", []
        for source, waveform in true_waveforms(excerpt, sources, audio).items():
            write_wav(true / f"{source}.wav", waveform, audio.sample_rate)
            files.append(AudioFile.read_header(true / f"{source}.wav"))
        track = Track(excerpt.track.name, tuple(files[1:]), files[0])
        return _read(method.stems(track, work), excerpt, wanted, audio=audio, start=0.0)

    return System(name, "knows the sources", read, offers=tuple(sources), field="oracle")


def _lacking(source: str, folder: Path | None) -> str:
    if folder is None:
        return f"no {source}.wav"
    if not folder.is_dir():
        return f"no folder {folder}"
    others = sorted(x.name for x in folder.iterdir() if x.stem.lower() == source.lower())
    beside = f", but there is {', '.join(others)}," if others else ""
    return f"no {source}.wav in {folder}{beside}"


def _read(
    folder: Path, excerpt: Excerpt, sources: Sequence[str], *, audio: AudioConfig, start: float
) -> dict[str, np.ndarray]:
    first = round(start * audio.sample_rate)
    samples = round(excerpt.seconds * audio.sample_rate)
    found = {}
    for source in sources:
        path = folder / f"{source}.wav"
        if not path.is_file():
            continue
        with Recording([path], audio.nb_channels) as recording:
            if recording.sample_rate != audio.sample_rate:
                rate = f"a sample rate of {recording.sample_rate} Hz"
                raise UserError(path, rate, f"{audio.sample_rate} Hz")
            if recording.samples < first + samples:
                seconds = recording.samples / audio.sample_rate
                wanted = f"at least {start + excerpt.seconds:g} s, as the song has"
                raise UserError(path, f"{seconds:g} s", wanted)
            found[source] = recording.read(first, first + samples)
    return found
