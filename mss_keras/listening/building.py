"""A listening test in a folder.

OUTPUT/
    page/            to be published: it works from disk and from any web server
    key.json         what each stimulus is; see `mss_keras.listening.key`
    excerpts/        the excerpts as a data set, which `evaluate --root` takes
    estimates/       SYSTEM/test/TRACK/SOURCE.wav of the same, for `evaluate --estimates`
    webmushra/       the test for a webMUSHRA server
    ratings/         by `listen --serve`
    listening.yaml   what was asked for; another test is refused here
"""

import dataclasses
import hashlib
import json
import secrets
import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mss_keras import data
from mss_keras.config import AudioConfig, DataConfig, ListeningConfig, SeparationConfig, UserError
from mss_keras.jobs.claims import Claim
from mss_keras.jobs.files import appearing
from mss_keras.listening import webmushra
from mss_keras.listening.excerpts import Excerpt, choose
from mss_keras.listening.key import FILE, Key, Trial, id_of, read_key
from mss_keras.listening.page import write_page
from mss_keras.listening.reading import Recording, mixture_of, source_of, write_wav
from mss_keras.listening.stimuli import anchor, level, wav_bytes
from mss_keras.listening.systems import System

_SPLIT = "test"  # of the excerpts, which are a data set of their own
_TRAINING = "training"
# How long people take with a stimulus, seconds of listening for each second of music.
_TIMES_HEARD = 3


@dataclass(frozen=True)
class Building:
    """A listening test that is built.

    Args:
        settings: ListeningConfig. What it is made of.
        systems: sequence of System. What is rated.
        dataset: DataConfig. The data set.
        audio: AudioConfig. Sample rate and channels.
        separation: SeparationConfig. How models separate, for `listening.yaml`.
        demonstration: bool. Whether every page says that it is one.
        say: Callable. Is called with a line for each thing that a user would want to know.
        progress: bool. Whether bars are shown.
    """

    settings: ListeningConfig
    systems: Sequence[System]
    dataset: DataConfig
    audio: AudioConfig
    separation: SeparationConfig = SeparationConfig()
    demonstration: bool = False
    say: Callable[[str], None] = lambda line: None
    progress: bool = False

    def run(self, output: Path) -> None:
        """Builds the test; one that was stopped goes on, and a finished one is left alone.

        Args:
            output: Path. The folder of the test.

        Raises:
            UserError: if there is nothing to rate, the data set or an estimate cannot be read, or
                the folder is another test's.
        """
        if not self.systems:
            raise UserError("systems", "nothing", "NAME=PATH for each system that is rated")
        claim = self._claim()
        if (output / FILE).exists() and (output / "page").is_dir():
            claim.check(output)
            self.say(f"the test is in {output} already; nothing of it was changed")
        else:
            chosen, training = self._choose()  # what is wrong is told before the folder is taken
            with claim.alone(output):
                self._build(output, chosen, training)
        self.say(
            f"open {output / 'page/index.html'}, publish {output / 'page'}, or host it by: "
            f"python -m trainer listen --serve --output {shlex.quote(str(output))}"
        )

    def _choose(self) -> tuple[list[Excerpt], Excerpt]:
        subset: Any = self.settings.subset
        dataset = data.as_wav(self.dataset, say=self.say, progress=self.progress)
        tracks = getattr(data.open_set(dataset, self.audio, splits=[subset]), subset)
        chosen, training = choose(
            tracks,
            self.dataset.sources,
            settings=self.settings,
            say=self.say,
            progress=self.progress,
        )
        self.say(
            f"{len(chosen)} excerpts of {self.settings.duration:g} s from "
            f"{len({excerpt.track.name for excerpt in chosen})} of {len(tracks)} songs: "
            f"each source at most {self.settings.below_loudest:g} dB below its loudest part and "
            f"{self.settings.below_mixture:g} dB below the mixture"
        )
        if training in chosen:
            self.say("listeners train with the first excerpt: no other is left")
        for system in self.systems:
            system.check([*chosen, training])
        return chosen, training

    def _build(self, output: Path, chosen: Sequence[Excerpt], training: Excerpt) -> None:
        self._write_material(output, chosen)
        secret = read_key(output).secret if (output / FILE).exists() else secrets.token_hex(16)
        with tempfile.TemporaryDirectory() as work:
            pages = _Pages(self, secret, Path(work))
            for number, excerpt in enumerate(chosen, 1):
                pages.add(f"t{number:02d}", excerpt, self._read(output, excerpt))
            pages.add(_TRAINING, training, self._separate(training))
            pages.write(output)

    def _claim(self) -> Claim:
        settings = dataclasses.asdict(self.settings)
        wanted = {
            "root": str(Path(self.dataset.root or "").resolve()),
            "sources": list(self.dataset.sources),
            **{name: settings[name] for name in settings if name != "systems"},
            "targets": list(self.settings.targets),
            "systems": {system.name: system.said for system in self.systems},
            "sample_rate": self.audio.sample_rate,
            "nb_channels": self.audio.nb_channels,
            "separation": {**vars(self.separation), "targets": list(self.separation.targets)},
            "demonstration": self.demonstration,
        }
        return Claim("listening test", "listening.yaml", wanted)

    def _write_material(self, output: Path, chosen: Sequence[Excerpt]) -> None:
        # Each folder appears whole, so that what is there need not be made again.
        needed: dict[str, list[str]] = {}
        for excerpt in chosen:
            needed.setdefault(excerpt.name, []).append(excerpt.source)
        places = {excerpt.name: excerpt for excerpt in chosen}
        for name, excerpt in places.items():
            _write_folder(_excerpt_folder(output, name), partial(self._true, excerpt), self.audio)
        work = [(system, excerpt) for system in self.systems for excerpt in places.values()]
        bar = tqdm(work, desc="estimates", unit="excerpt", disable=not self.progress)
        for system, excerpt in bar:
            bar.set_postfix_str(system.name)
            estimates = partial(
                system.estimates, excerpt, self.dataset.sources, needed=needed[excerpt.name]
            )
            folder = _estimates_folder(output, system.name, excerpt.name)
            _write_folder(folder, estimates, self.audio)

    def _true(self, excerpt: Excerpt) -> dict[str, np.ndarray]:
        # The mixture and the sources of an excerpt.
        start = round(excerpt.start * self.audio.sample_rate)
        stop = start + round(excerpt.seconds * self.audio.sample_rate)
        with mixture_of(excerpt.track, self.audio.nb_channels) as recording:
            waveforms = {"mixture": recording.read(start, stop)}
        for place, source in enumerate(self.dataset.sources):
            with source_of(excerpt.track, place, self.audio.nb_channels) as recording:
                waveforms[source] = recording.read(start, stop)
        return waveforms

    def _read(self, output: Path, excerpt: Excerpt) -> dict[str, np.ndarray]:
        # What is heard in a trial, from the files.
        folder = _excerpt_folder(output, excerpt.name)
        files = {"reference": folder / f"{excerpt.source}.wav", "mixture": folder / "mixture.wav"}
        for system in self.systems:
            there = _estimates_folder(output, system.name, excerpt.name)
            files[system.name] = there / f"{excerpt.source}.wav"
        waveforms = {}
        for name, path in files.items():
            with Recording([path], self.audio.nb_channels) as recording:
                waveforms[name] = recording.read(0, recording.samples)
        return waveforms

    def _separate(self, excerpt: Excerpt) -> dict[str, np.ndarray]:
        # What is heard in a trial, without files: nobody scores the training.
        true, source = self._true(excerpt), excerpt.source
        waveforms = {"reference": true[source], "mixture": true["mixture"]}
        for system in self.systems:
            found = system.estimates(excerpt, self.dataset.sources, needed=[source])
            waveforms[system.name] = found[source]
        return waveforms


class _Pages:
    # Collects trials, and writes them for the page, for webMUSHRA and as the key.

    def __init__(self, building: Building, secret: str, work: Path):
        self._building, self._secret, self._work = building, secret, work
        self._trials: list[Trial] = []
        self._public: dict[str, dict[str, Any]] = {}
        self._hidden: set[str] = set()
        self._softer: list[float] = []

    def add(self, trial: str, excerpt: Excerpt, waveforms: dict[str, np.ndarray]) -> None:
        building = self._building
        rate, wanted = building.audio.sample_rate, building.settings.loudness
        low = anchor(waveforms["reference"], rate, excerpt.source)
        levelled = level({**waveforms, "anchor": low}, rate, lufs=wanted)
        for note in levelled.notes:
            building.say(f"{excerpt.name}, {excerpt.source}: {note}")
        ids = {
            self._keep(waveform, trial, name): name for name, waveform in levelled.waveforms.items()
        }
        self._hidden |= {own for own, name in ids.items() if name == "reference"}
        self._public[trial] = {
            "trial": trial,
            "source": excerpt.source,
            "seconds": excerpt.seconds,
            "sample_rate": rate,
            "channels": building.audio.nb_channels,
            "reference": self._keep(levelled.waveforms["reference"], trial, "reference", "open"),
            "stimuli": sorted(ids),
        }
        if trial != _TRAINING:
            self._softer.append(wanted - levelled.lufs)
            self._trials.append(
                Trial(
                    trial=trial,
                    track=excerpt.name,
                    song=excerpt.track.name,
                    source=excerpt.source,
                    start=excerpt.start,
                    seconds=excerpt.seconds,
                    lufs=round(levelled.lufs, 2),
                    stimuli=dict(sorted(ids.items())),
                )
            )

    def _keep(self, waveform: np.ndarray, *place: str) -> str:
        own = id_of(self._secret, *place)
        content = wav_bytes(waveform, self._building.audio.sample_rate, noise=self._secret + own)
        (self._work / own).write_bytes(content)
        return own

    def write(self, output: Path) -> None:
        building = self._building
        settings = building.settings
        digest = self._digest()
        test = {
            "format": 1,
            "test": digest,
            "title": settings.title,
            "scale": settings.scale,
            "simulated": False,
            "demonstration": building.demonstration,
            "seed": id_of(self._secret, "orders"),
            "trials": [self._public[trial.trial] for trial in self._trials],
            "training": [self._public[_TRAINING]],
        }
        write_page(output / "page", test, self._sorted())
        with appearing(output / "webmushra") as folder:
            webmushra.write(folder, test, self._sorted(), hidden=self._hidden)
        Key(
            test=digest,
            scale=settings.scale,
            secret=self._secret,
            systems=tuple(system.name for system in building.systems),
            trials=tuple(self._trials),
            demonstration=building.demonstration,
        ).write(output)
        self._tell(output)

    def _sorted(self) -> Iterator[tuple[str, bytes]]:
        # In the order of their ids: times of files tell nothing.
        for path in sorted(self._work.iterdir()):
            yield path.name, path.read_bytes()

    def _digest(self) -> str:
        # Of the settings and of all that is heard; ids have the secret in them.
        said = json.dumps(dict(self._building._claim().settings), sort_keys=True)
        digest = hashlib.sha256(said.encode())
        for name, audio in self._sorted():
            digest.update(name.encode() + audio)
        return digest.hexdigest()[:16]

    def _tell(self, output: Path) -> None:
        say, settings = self._building.say, self._building.settings
        softer = [decibels for decibels in self._softer if decibels > 0.05]
        if softer:
            say(
                f"{len(softer)} of {len(self._softer)} trials are softer than "
                f"{settings.loudness:g} LUFS, by up to {max(softer):.1f} dB: they would clip"
            )
        heard = len(self._trials) * (len(self._trials[0].stimuli) + 1) * settings.duration
        size = sum(path.stat().st_size for path in (output / "page").rglob("*") if path.is_file())
        say(
            f"{len(self._trials)} trials of {len(self._trials[0].stimuli)} stimuli in {output}; "
            f"a listener needs about {max(1, round(heard * _TIMES_HEARD / 60))} minutes; "
            f"the page has {size / 1e6:.0f} MB"
        )


def _excerpt_folder(output: Path, name: str) -> Path:
    return output / "excerpts" / _SPLIT / name


def _estimates_folder(output: Path, system: str, name: str) -> Path:
    return output / "estimates" / system / _SPLIT / name


def _write_folder(
    folder: Path, make: Callable[[], dict[str, np.ndarray]], audio: AudioConfig
) -> None:
    if folder.is_dir():
        return
    with appearing(folder) as whole:
        for name, waveform in make().items():
            write_wav(whole / f"{name}.wav", waveform, audio.sample_rate)
