"""Tracks of a data set scored by methods: a model, anyone's stems, oracles, or the mixture."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mss_keras import data
from mss_keras.config import (
    AudioConfig,
    DataConfig,
    EvaluationConfig,
    SeparationConfig,
    UserError,
)
from mss_keras.domains import MASK_FLOOR_DB
from mss_keras.evaluation.comparing import contestants
from mss_keras.evaluation.comparing.contestants import Contestant
from mss_keras.evaluation.estimates import (
    Method,
    name_of_model,
    of_folder,
    of_model,
    of_oracle,
    require_different,
)
from mss_keras.evaluation.metric_names import resolve_metrics
from mss_keras.evaluation.scoring import FAILED, Scoring, Task
from mss_keras.jobs.claims import Claim
from mss_keras.jobs.digests import digest_of
from mss_keras.jobs.files import working_folder
from mss_keras.jobs.machine import at_once
from mss_keras.metrics import TrackScores, read_scores
from mss_keras.models.model import SeparationModel
from mss_keras.signal.silence import SILENCE_DBFS

Found = tuple[dict[str, list[TrackScores]], int]  # scores of each method, and what failed

NO_SCORE = "no score:"  # begins a line about a track
_WORKER_BYTES = 2**30  # what scoring a track takes at its worst


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Scores of a data set's tracks by one or more methods.

    Args:
        dataset: the data set with the targets.
        audio: sample rate and channels; sizes of the STFT of oracles and losses.
        settings: what to score and how.
        separation: how the model separates.
        say: called with a line for each thing that a user would want to know.
        progress: whether a bar is shown.

    Example:
        >>> settings = EvaluationConfig(oracle=("irm", "mixture"), metrics=("snr", "losses"))
        >>> evaluation = Evaluation(DataConfig(root="MUSDB18-HQ"), AudioConfig(), settings)
        >>> scores, failed = evaluation.run(Path("scores"))  # doctest: +SKIP
    """

    dataset: DataConfig
    audio: AudioConfig
    settings: EvaluationConfig
    separation: SeparationConfig = SeparationConfig()
    say: Callable[[str], None] = lambda line: None
    progress: bool = False

    def run(self, output: Path, model: SeparationModel | None = None, name: str = "model") -> Found:
        """Scores the tracks that are not scored yet; each file appears when it is whole.

        Args:
            output: folder of the scores.
            model: a separator to evaluate. Defaults to none.
            name: what the model is called; see `name_of_model`.

        Returns:
            Scores of the tracks for each method, and the number of tracks that failed.

        Raises:
            UserError: if the data set cannot be read, a metric is unknown, there is nothing
                to score, or the folder is another evaluation's.
        """
        with self.scored(output, model, name) as found:
            return found

    @contextlib.contextmanager
    def scored(
        self, output: Path, model: SeparationModel | None = None, name: str = "model"
    ) -> Iterator[Found]:
        """As `run`, for what is made of the scores: other processes stay out of the folder.

        Args:
            output: as in `run`.
            model: as in `run`.
            name: as in `run`.

        Yields:
            What `run` returns.

        Raises:
            UserError: as `run`.
        """
        metrics, name = resolve_metrics(self.settings.metrics), name_of_model(name)
        methods = self._methods(model, name)
        tracks = self.tracks()
        weights = None if model is None else _said_of(name, model)
        with self._claim(metrics, weights).alone(output):
            yield self._run(output, methods, tracks=tracks, metrics=metrics)

    def _run(
        self,
        output: Path,
        methods: Sequence[Method],
        *,
        tracks: Sequence[data.Track],
        metrics: list[str],
    ) -> Found:
        tasks = [
            Task(method, track, output / method.name / f"{track.name}.json")
            for method in methods
            for track in tracks
        ]
        missing = [task for task in tasks if not task.path.exists()]
        if len(missing) < len(tasks):
            self.say(f"{len(tasks) - len(missing)} of {len(tasks)} tracks are scored already")
        failed = self._score(missing, metrics, output)
        failed += self._keep([task for task in tasks if task not in missing], output)
        return self._read(tasks), failed

    def _methods(self, model: SeparationModel | None, name: str) -> list[Method]:
        settings, methods = self.settings, []
        if model is not None:
            kept = Path(settings.stems) if settings.stems else None
            methods.append(of_model(name, model, options=self.separation, kept=kept))
        methods += [of_folder(given, settings.subset) for given in settings.estimates]
        methods += [
            of_oracle(oracle, self.dataset.sources, self.audio)
            for oracle in dict.fromkeys(settings.oracle)
        ]
        if not methods:
            raise UserError("model", "nothing to score", "a model, `estimates` or `oracle`")
        require_different(methods)
        return methods

    def contestants(self, model: SeparationModel | None, name: str) -> list[Contestant]:
        """What is scored, as it is heard of excerpts.

        Args:
            model: a separator, or None.
            name: what the model is called, as its method.
        """
        entries = []
        if model is not None:
            entries.append(
                contestants.of_model(
                    name, lambda: model, audio=self.audio, separation=self.separation
                )
            )
        subset = self.settings.subset
        entries += [contestants.of_folder(x, subset, self.audio) for x in self.settings.estimates]
        return entries + [
            contestants.of_oracle(oracle, self.dataset.sources, self.audio)
            for oracle in dict.fromkeys(self.settings.oracle)
        ]

    def tracks(self) -> Sequence[data.Track]:
        """The tracks that are scored.

        Raises:
            UserError: if the data set cannot be read.
        """
        subset: Any = self.settings.subset
        dataset = data.as_wav(self.dataset, say=self.say, progress=self.progress)
        tracks = getattr(data.open_set(dataset, self.audio, splits=[subset]), subset)
        return tracks[: self.settings.tracks]

    def _claim(self, metrics: list[str], model: str | None) -> Claim:
        wanted = {
            "root": str(Path(self.dataset.root or "").resolve()),
            "sources": list(self.dataset.sources),
            "subset": self.settings.subset,
            "metrics": metrics,
            "model": model,
            "estimates": _said_of_estimates(self.settings.estimates),
            "audio": vars(self.audio),
            # What the numbers depend on besides.
            "silence_dbfs": SILENCE_DBFS,
            "mask_floor_db": MASK_FLOOR_DB,
            "separation": {**vars(self.separation), "targets": list(self.separation.targets)},
        }
        return Claim("evaluation", "evaluation.yaml", wanted)

    def _score(self, tasks: Sequence[Task], metrics: list[str], output: Path) -> int:
        scoring = Scoring(
            sources=self.dataset.sources,
            audio=self.audio,
            metrics=metrics,
            jobs=self.settings.jobs or at_once(_WORKER_BYTES, cores_each=2),
            folder=output,
            say=self.say,
            progress=self.progress,
        )
        return scoring.run(tasks)

    def _keep(self, scored: Sequence[Task], output: Path) -> int:
        # Stems of tracks that were scored before without them. Returns how many failed.
        failed = 0
        for task in scored:
            if not task.method.kept(task.track):
                try:
                    with working_folder(output) as work:
                        task.method.stems(task.track, work)
                    self.say(f"{task}: its stems are kept now")
                except UserError as error:
                    failed += 1
                    self.say(f"{FAILED} {task}: {error.quoted}")
        return failed

    def _read(self, tasks: Sequence[Task]) -> dict[str, list[TrackScores]]:
        scores: dict[str, list[TrackScores]] = {}
        for task in tasks:
            if task.path.exists():
                track = read_scores(task.path)
                scores.setdefault(task.method.name, []).append(track)
                for line in track.why_nan():
                    self.say(f"{NO_SCORE} {task}: {line}")
        return scores


def _said_of_estimates(given: Sequence[str]) -> str | list[str] | None:
    # A single folder is written as it was when there could be no second one.
    return list(given) if len(given) > 1 else next(iter(given), None)


def _said_of(name: str, model: SeparationModel) -> str:
    # `mss_keras.training.publishing` finds by this what was scored of a model.
    return f"{name}, weights {digest_of(weight.numpy() for weight in model.weights)}"
