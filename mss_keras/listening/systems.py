"""Systems that are rated: where their estimates of an excerpt come from."""

import dataclasses
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mss_keras.config import AudioConfig, SeparationConfig, SongConfig, UserError
from mss_keras.evaluation import estimates
from mss_keras.evaluation.estimates import Method
from mss_keras.jobs.digests import digest_of
from mss_keras.listening.excerpts import Excerpt
from mss_keras.listening.reading import Recording
from mss_keras.models.masking import MaskingModel


@dataclass(frozen=True)
class System:
    """A system that is rated.

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
    """

    name: str
    said: str
    read: Callable[[Excerpt, Sequence[str], Path], dict[str, np.ndarray]]
    offers: Collection[str] | None = None
    there: Callable[[Excerpt], Path] | None = None

    def check(self, excerpts: Iterable[Excerpt]) -> None:
        """Finds out, as far as that is quick, that the system has what is rated of excerpts.

        Raises:
            UserError: as `estimates`.
        """
        for excerpt in excerpts:
            source = excerpt.source
            if self.offers is not None and source not in self.offers:
                others = ", ".join(self.offers)
                raise UserError("systems", f"{self.name} of {others}", f"one that has {source}")
            if self.there is not None:
                self.estimates(excerpt, [source], needed=[source])

    def estimates(
        self, excerpt: Excerpt, sources: Sequence[str], *, needed: Collection[str]
    ) -> dict[str, np.ndarray]:
        """The estimates of the sources of an excerpt.

        Args:
            excerpt: Excerpt. The excerpt.
            sources: sequence of str. Names of the sources.
            needed: collection of str. Those that the system has to have.

        Returns:
            Float64 `[samples, channels]` by source.

        Raises:
            UserError: if an estimate is missing, cannot be read, is of another length or sample
                rate, or has samples that are not finite; the error names the system.
        """
        with tempfile.TemporaryDirectory() as work:
            found = self.read(excerpt, sources, Path(work))
        where = f"{self.name}, {excerpt.name}"
        for source in needed:
            if source not in found:
                place = self.there(excerpt) if self.there is not None else None
                lacks = _lacking(source, place)
                raise UserError("systems", f"{lacks} of {where}", "an estimate of it")
        for source, waveform in found.items():
            if not np.isfinite(waveform).all():
                found_there = f"samples that are not finite in {source} of {where}"
                raise UserError("systems", found_there, "finite ones")
        return found


def system_of(
    name: str,
    path: Path,
    *,
    load: Callable[[Path], MaskingModel],
    subset: str,
    audio: AudioConfig,
    separation: SeparationConfig = SeparationConfig(),
) -> System:
    """The system that a path names: a run or a `.keras` file, or else a folder of stems.

    Args:
        name: str. The system's name.
        path: Path. The path.
        load: Callable. Returns the model of the folder of a run or of a `.keras` file.
        subset: str. Split of the data set.
        audio: AudioConfig. Sample rate and channels of the test.
        separation: SeparationConfig. How a model separates.

    Raises:
        UserError: if there is neither, or a model's sample rate is another.
    """
    if path.suffix == ".keras" or (path / "config.yaml").is_file():
        return of_model(name, load(path), audio=audio, separation=separation)
    if not path.is_dir():
        raise UserError(
            "systems",
            f"nothing at {path} for {name}" if not path.exists() else f"a file {path} for {name}",
            "the folder of a run, a .keras file, or a folder of stems",
        )
    method = estimates.of_folder(str(path), subset)
    system = of_songs(name, method, said=f"stems in {path.resolve()}", audio=audio)
    return dataclasses.replace(system, there=lambda excerpt: method.stems(excerpt.track, Path()))


def of_model(
    name: str,
    model: MaskingModel,
    *,
    audio: AudioConfig,
    separation: SeparationConfig = SeparationConfig(),
) -> System:
    """A model, which separates an excerpt as it separates the song: it hears what is around it.

    Args:
        name: str. The system's name.
        model: MaskingModel. The separator.
        audio: AudioConfig. Sample rate and channels of the test.
        separation: SeparationConfig. How it separates.

    Raises:
        UserError: if the model's sample rate is another than the test's.
    """
    if model.audio.sample_rate != audio.sample_rate:
        raise UserError(
            "systems",
            f"{name} of {model.audio.sample_rate} Hz",
            f"{audio.sample_rate} Hz, as the test has (`sample_rate`)",
        )

    def read(excerpt: Excerpt, sources: Sequence[str], work: Path) -> dict[str, np.ndarray]:
        part = SongConfig(start=excerpt.start, duration=excerpt.seconds)
        method = estimates.of_model(name, model, options=separation, kept=None, files=part)
        return _read(method.stems(excerpt.track, work), excerpt, sources, audio=audio, start=0.0)

    said = f"weights {digest_of(weight.numpy() for weight in model.weights)}"
    return System(name, said, read, offers=model.source_names)


def of_songs(name: str, method: Method, *, said: str, audio: AudioConfig) -> System:
    """Stems of whole songs, from which excerpts are cut.

    Args:
        name: str. The system's name.
        method: Method. Makes or finds the stems of a song.
        said: str. As in `System`.
        audio: AudioConfig. Sample rate and channels of the test.
    """

    def read(excerpt: Excerpt, sources: Sequence[str], work: Path) -> dict[str, np.ndarray]:
        folder = method.stems(excerpt.track, work)
        return _read(folder, excerpt, sources, audio=audio, start=excerpt.start)

    return System(name, said, read)


def blended(name: str, system: System, share: float, *, mixture: Callable) -> System:
    """A system that leaves a share of the mixture in its estimates.

    Args:
        name: str. The system's name.
        system: System. Whose estimates are spoilt.
        share: float. The share, 0 to 1.
        mixture: Callable. Returns the mixture of an excerpt.
    """

    def read(excerpt: Excerpt, sources: Sequence[str], work: Path) -> dict[str, np.ndarray]:
        whole, found = mixture(excerpt), system.read(excerpt, sources, work)
        return {name: (1 - share) * stem + share * whole for name, stem in found.items()}

    return System(name, f"{system.said}, {share:g} of the mixture", read)


def all_of(
    paths: Mapping[str, str],
    *,
    load: Callable[[Path], MaskingModel],
    subset: str,
    audio: AudioConfig,
    separation: SeparationConfig = SeparationConfig(),
) -> list[System]:
    """The systems of `ListeningConfig.paths`; see `system_of`."""
    return [
        system_of(name, Path(path), load=load, subset=subset, audio=audio, separation=separation)
        for name, path in paths.items()
    ]


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
