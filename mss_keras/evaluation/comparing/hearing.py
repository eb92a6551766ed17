"""Excerpts through every method: what is heard, and its scores."""

import contextlib
import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from mss_keras.config import AudioConfig, UserError
from mss_keras.evaluation.comparing.choosing import Chosen
from mss_keras.evaluation.comparing.contestants import Contestant
from mss_keras.evaluation.comparing.scores import Scores, score
from mss_keras.evaluation.excerpts import true_waveforms
from mss_keras.evaluation.systems import System


@dataclass(frozen=True)
class Heard:
    """What is heard of an excerpt.

    Args:
        chosen: Chosen. The excerpt.
        true: mapping of str to np.ndarray. The mixture and the sources, `[samples, channels]`.
        estimates: dict. Of each method the estimates by source, float32 `[samples, channels]`.
        scores: dict of str to Scores. The scores of each method.
        missing: dict of str to UserError. Why a method has no estimates.
    """

    chosen: Chosen
    true: Mapping[str, np.ndarray]
    estimates: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    scores: dict[str, Scores] = field(default_factory=dict)
    missing: dict[str, UserError] = field(default_factory=dict)


@dataclass(frozen=True)
class Hearing:
    """How excerpts are heard through methods.

    Args:
        sources: sequence of str. Names of the sources of a track, in their order.
        audio: AudioConfig. Sample rate and channels of all that is heard; sizes of the STFT of
            losses.
        metrics: collection of str. Names of losses that are read.
        work: Path. An empty folder, which holds the estimates: it has to stay until the page is
            written.
        strict: bool. Whether a method that has no estimate at all is an error. Defaults to
            `False`: it is told in a line.
        say: Callable. Is called with a line for each thing that a user would want to know.
        progress: bool. Whether a bar is shown. Defaults to `False`.
    """

    sources: Sequence[str]
    audio: AudioConfig
    metrics: Collection[str]
    work: Path
    strict: bool = False
    say: Callable[[str], None] = lambda line: None
    progress: bool = False

    def run(self, contestants: Sequence[Contestant], examples: Sequence[Chosen]) -> list[Heard]:
        """Hears excerpts through methods, one method after the other.

        A method is let go before the next is opened: many models need not be held at once.

        Args:
            contestants: sequence of Contestant. The methods.
            examples: sequence of Chosen. The excerpts.

        Raises:
            UserError: if a track cannot be read, or as `strict` says.
        """
        heard = [Heard(x, true_waveforms(x.excerpt, self.sources, self.audio)) for x in examples]
        total = len(contestants) * len(heard)
        with (
            _without_warnings(),
            tqdm(total=total, desc="examples", unit="excerpt", disable=not self.progress) as bar,
        ):
            for number, contestant in enumerate(contestants):
                bar.set_postfix_str(contestant.name)
                self._hear(contestant, heard, folder=self.work / str(number), bar=bar)
                gc.collect()  # Keras's models hold themselves
        return heard

    def _hear(
        self, contestant: Contestant, heard: Sequence[Heard], *, folder: Path, bar: tqdm
    ) -> None:
        name, folder_of = contestant.name, (folder / str(place) for place in range(len(heard)))
        try:
            system = contestant.open()
        except UserError as error:
            if self.strict:
                raise
            for one in heard:
                one.missing[name] = error
            self.say(f"no examples of {name}: {error.quoted}")
            return
        for one, place in zip(heard, folder_of, strict=True):
            try:
                one.estimates[name] = self._estimates(system, one, place)
                one.scores[name] = score(
                    one.true,
                    one.estimates[name],
                    sources=self.sources,
                    audio=self.audio,
                    metrics=self.metrics,
                )
            except UserError as error:
                one.missing[name] = error
            bar.update()
        errors = [one.missing[name] for one in heard if name in one.missing]
        if errors and self.strict and len(errors) == len(heard):
            raise errors[0]
        for each in errors:
            self.say(f"no example of {name}: {each.quoted}")

    def _estimates(self, system: System, one: Heard, folder: Path) -> dict[str, np.ndarray]:
        # Read from files as they are needed: estimates of many models are gigabytes.
        folder.mkdir(parents=True)
        found = system.estimates(one.chosen.excerpt, self.sources, needed=(), work=folder)
        if not found:
            place = f"of {system.name}, {one.chosen.excerpt.name}"
            raise UserError(system.field, f"no stems {place}", f"some of {', '.join(self.sources)}")
        kept = {}
        for number, (source, waveform) in enumerate(found.items()):
            path = folder / f"{number}.npy"
            np.save(path, waveform.astype(np.float32))
            kept[source] = np.load(path, mmap_mode="r")
        return kept


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    # TensorFlow takes many models, each of which is traced once, for one that is traced often.
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(level)
