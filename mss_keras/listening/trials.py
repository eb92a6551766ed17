"""The trials of a test: for its page, for webMUSHRA, and as its key."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mss_keras.config import AudioConfig, ListeningConfig
from mss_keras.evaluation.excerpts import Excerpt
from mss_keras.jobs.files import appearing
from mss_keras.listening import webmushra
from mss_keras.listening.key import Key, Trial, as_text, id_of
from mss_keras.listening.page import write_page
from mss_keras.listening.stimuli import anchor, level, wav_bytes
from mss_keras.reports.tables import counted

_TRAINING = "training"
# How long people listen to a stimulus, seconds for each second of music.
_TIMES_HEARD = 3


class Trials:
    """Collects trials, and writes them when all are there.

    Args:
        settings: ListeningConfig. What the test is made of.
        audio: AudioConfig. Sample rate and channels.
        secret: str. What ids are made of.
        work: Path. An empty folder for the sounds meanwhile.
        say: Callable. Is called with a line for each stimulus that is not as loud as the others.
    """

    def __init__(
        self,
        settings: ListeningConfig,
        audio: AudioConfig,
        secret: str,
        *,
        work: Path,
        say: Callable[[str], None],
    ):
        self._settings, self._audio, self._secret = settings, audio, secret
        self._work, self._say = work, say
        self._trials: list[Trial] = []
        self._public: list[dict[str, Any]] = []
        self._training: list[dict[str, Any]] = []
        self._hidden: set[str] = set()

    def add(self, excerpt: Excerpt, waveforms: Mapping[str, np.ndarray]) -> None:
        """Adds a trial.

        Args:
            excerpt: Excerpt. What is heard.
            waveforms: mapping of str to np.ndarray. `reference`, `mixture` and the estimate of
                each system, `[samples, channels]`.
        """
        name = f"t{len(self._trials) + 1:02d}"
        public, ids, lufs = self._made(name, excerpt, waveforms)
        self._public.append(public)
        self._trials.append(
            Trial(
                trial=name,
                track=excerpt.name,
                song=excerpt.track.name,
                source=excerpt.source,
                start=excerpt.start,
                seconds=excerpt.seconds,
                lufs=round(lufs, 2),
                stimuli=dict(sorted(ids.items())),
            )
        )

    def train_with(self, excerpt: Excerpt, waveforms: Mapping[str, np.ndarray]) -> None:
        """Adds a trial whose ratings do not count; as `add`."""
        public, _, _ = self._made(_TRAINING, excerpt, waveforms)
        self._training.append(public)

    def write(
        self,
        output: Path,
        said: Mapping[str, Any],
        *,
        systems: Sequence[str],
        demonstration: bool,
        test: str | None = None,
    ) -> None:
        """Writes the page, webMUSHRA's files and the key, which comes last.

        Args:
            output: Path. The folder of the test.
            said: mapping. All settings of the test.
            systems: sequence of str. Names of the systems.
            demonstration: bool. Whether it is a demonstration.
            test: str or None. What tells the test from others. Defaults to `None`: a digest of
                the settings and of all that is heard.
        """
        digest, scale = test or self._digest(said), self._settings.scale
        public = {
            "format": 1,
            "test": digest,
            "title": self._settings.title,
            "scale": scale,
            "simulated": False,
            "demonstration": demonstration,
            "seed": id_of(self._secret, "orders"),
            "lufs": max(trial.lufs for trial in self._trials),
            "trials": self._public,
            "training": self._training,
        }
        write_page(output / "page", public, self._sounds())
        with appearing(output / "webmushra") as folder:
            webmushra.write(folder, public, self._sounds(), hidden=self._hidden)
        trials, names = tuple(self._trials), tuple(systems)
        Key(digest, scale, self._secret, names, trials, demonstration=demonstration).write(output)

    @property
    def summary(self) -> str:
        """How many trials there are, of what loudness, and how long they take."""
        trials, wanted = self._trials, self._settings.loudness
        stimuli = len(trials[0].stimuli)
        heard = len(trials) * (stimuli + 1) * self._settings.duration
        minutes = max(1, round(heard * _TIMES_HEARD / 60))
        text = (
            f"{counted(len(trials), 'trial')} of {stimuli} stimuli, "
            f"about {minutes} min for a listener"
        )
        softer = [wanted - trial.lufs for trial in trials if trial.lufs < wanted - 0.05]
        if softer:
            text += (
                f"; {len(softer)} of them are up to {max(softer):.1f} dB softer than "
                f"{wanted:g} LUFS: they would clip"
            )
        return text

    def _made(
        self, name: str, excerpt: Excerpt, waveforms: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, Any], dict[str, str], float]:
        # A trial as the page has it, its stimuli by id, and their loudness.
        rate = self._audio.sample_rate
        low = anchor(waveforms["reference"], rate, excerpt.source)
        levelled = level({**waveforms, "anchor": low}, rate, lufs=self._settings.loudness)
        for note in levelled.notes:
            self._say(f"{excerpt.name}, {excerpt.source}: {note}")
        ids = {self._keep(waveform, name, x): x for x, waveform in levelled.waveforms.items()}
        self._hidden |= {own for own, kind in ids.items() if kind == "reference"}
        public = {
            "trial": name,
            "source": excerpt.source,
            "seconds": excerpt.seconds,
            "sample_rate": rate,
            "channels": self._audio.nb_channels,
            "reference": self._keep(levelled.waveforms["reference"], name, "reference", "open"),
            "stimuli": sorted(ids),
        }
        return public, ids, levelled.lufs

    def _keep(self, waveform: np.ndarray, *place: str) -> str:
        own = id_of(self._secret, *place)
        content = wav_bytes(waveform, self._audio.sample_rate, noise=self._secret + own)
        (self._work / own).write_bytes(content)
        return own

    def _sounds(self) -> Iterator[tuple[str, bytes]]:
        # In the order of their ids: times of files tell nothing.
        for path in sorted(self._work.iterdir()):
            yield path.name, path.read_bytes()

    def _digest(self, said: Mapping[str, Any]) -> str:
        # Of the settings and of all that is heard; ids have the secret in them.
        digest = hashlib.sha256(json.dumps(dict(said), sort_keys=True).encode())
        for name, sound in self._sounds():
            digest.update(name.encode() + sound)
        return as_text(digest.hexdigest())[:16]
