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
import secrets
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mss_keras import data
from mss_keras.config import AudioConfig, DataConfig, ListeningConfig, SeparationConfig, UserError
from mss_keras.evaluation.excerpts import Excerpt, true_waveforms
from mss_keras.evaluation.reading import Recording, write_wav
from mss_keras.evaluation.systems import System
from mss_keras.jobs.claims import Claim
from mss_keras.jobs.files import appearing, working_folder
from mss_keras.listening.choosing import choose
from mss_keras.listening.key import FILE, read_key
from mss_keras.listening.trials import Trials
from mss_keras.reports.tables import counted

_SPLIT = "test"  # of the excerpts, which are a data set of their own
_LONGEST_NAME = 255  # bytes of a folder's name, on all common file systems


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
            UserError: if there is nothing to rate, the data set or an estimate cannot be read, the
                folder is another test's, or there are ratings without the page.
        """
        if not self.systems:
            raise UserError("systems", "nothing", "NAME=PATH for each system that is rated")
        self._require_models()
        claim = self._claim()
        if (output / FILE).exists() and (output / "page").is_dir():
            claim.check(output)
            self.say(f"the test is in {output} already; nothing of it was changed")
        else:
            claim.check_free(output)
            _require_no_ratings(output)
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
            f"{counted(len(chosen), 'excerpt')} of {self.settings.duration:g} s from "
            f"{len({excerpt.track.name for excerpt in chosen})} of {counted(len(tracks), 'song')}: "
            f"each source at most {self.settings.below_loudest:g} dB below its loudest part and "
            f"{self.settings.below_mixture:g} dB below the mixture"
        )
        if training in chosen:
            self.say("listeners train with the first excerpt: no other is left")
        for excerpt in chosen:
            size = len(excerpt.name.encode())
            if size > _LONGEST_NAME:
                found = f"a song's name that makes {size} bytes: {excerpt.track.name}"
                raise UserError("root", found, f"{_LONGEST_NAME} at most with the excerpt's start")
        for system in self.systems:
            system.check([*chosen, training])
        return chosen, training

    def _build(self, output: Path, chosen: Sequence[Excerpt], training: Excerpt) -> None:
        before = read_key(output) if (output / FILE).exists() else None
        secret = before.secret if before else secrets.token_hex(16)
        with working_folder(output) as work:
            self._write_material(output, chosen, work)
            sounds = work / "sounds"
            sounds.mkdir()
            trials = Trials(self.settings, self.audio, secret, work=sounds, say=self.say)
            for excerpt in chosen:
                trials.add(excerpt, self._read(output, excerpt))
            trials.train_with(training, self._separate(training, work))
            systems = [system.name for system in self.systems]
            said = self._claim().settings
            trials.write(
                output,
                said,
                systems=systems,
                demonstration=self.demonstration,
                test=before.test if before else None,
            )
        self.say(f"{trials.summary}; the page has {_megabytes(output / 'page'):.0f} MB")

    def _require_models(self) -> None:
        # Stems are made already: how models separate would do nothing.
        if all(system.there is not None for system in self.systems):
            for name, value in vars(self.separation).items():
                if value != getattr(SeparationConfig(), name):
                    raise UserError(name, value, "a model in `systems`; all there are stems")

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

    def _write_material(self, output: Path, chosen: Sequence[Excerpt], work: Path) -> None:
        # Each folder appears whole, so that what is there need not be made again.
        needed: dict[str, list[str]] = {}
        for excerpt in chosen:
            needed.setdefault(excerpt.name, []).append(excerpt.source)
        places = {excerpt.name: excerpt for excerpt in chosen}
        for name, excerpt in places.items():
            _write_folder(_excerpt_folder(output, name), partial(self._true, excerpt), self.audio)
        tasks = [(system, excerpt) for system in self.systems for excerpt in places.values()]
        bar = tqdm(tasks, desc="estimates", unit="excerpt", disable=not self.progress)
        for system, excerpt in bar:
            bar.set_postfix_str(system.name)
            estimates = partial(
                system.estimates,
                excerpt,
                self.dataset.sources,
                needed=needed[excerpt.name],
                work=work,
            )
            folder = _estimates_folder(output, system.name, excerpt.name)
            _write_folder(folder, estimates, self.audio)

    def _true(self, excerpt: Excerpt) -> dict[str, np.ndarray]:
        return true_waveforms(excerpt, self.dataset.sources, self.audio)

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

    def _separate(self, excerpt: Excerpt, work: Path) -> dict[str, np.ndarray]:
        # What is heard in a trial, without files: nobody scores the training.
        true, source = self._true(excerpt), excerpt.source
        waveforms = {"reference": true[source], "mixture": true["mixture"]}
        for system in self.systems:
            found = system.estimates(excerpt, self.dataset.sources, needed=[source], work=work)
            waveforms[system.name] = found[source]
        return waveforms


def _require_no_ratings(output: Path) -> None:
    # A page that is made again may sound otherwise than the one that was rated.
    ratings = output / "ratings"
    if (output / FILE).exists() and ratings.is_dir() and any(ratings.iterdir()):
        found = f"ratings, but no page, in {output}: the test is finished"
        raise UserError("output", found, "its page in its place, or another folder")


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


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
