"""Scores of a data set's stems: a model's, anyone's, an oracle's, or the mixture's.

OUTPUT/
    evaluation.yaml          what was asked; another evaluation is refused here
    METHOD/TRACK.json        scores of a track, as museval writes them
    tracks.csv summary.csv   every track and source; medians and means of tracks
    summary.md scores.png    the same to be read and seen
"""

import dataclasses
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mss_keras import data, losses
from mss_keras.config import AudioConfig, DataConfig, EvaluationConfig, SeparationConfig, UserError
from mss_keras.data import Track
from mss_keras.evaluation.estimates import Method, methods
from mss_keras.evaluation.readings import loss_readings
from mss_keras.jobs.claims import Claim
from mss_keras.jobs.machine import at_once
from mss_keras.jobs.processes import end_with_parent
from mss_keras.metrics import AudioFiles, TrackScores, read_scores
from mss_keras.metrics.tracks import score_files
from mss_keras.metrics.whole_track import WHOLE_TRACK
from mss_keras.models.masking import MaskingModel

Scores = dict[str, list[TrackScores]]

_WORKER_BYTES = 2**30  # what scoring a track takes at its worst


def readable() -> list[str]:
    """Losses that can be read as metrics: those that need no network."""
    return losses.readable()


def resolve_metrics(chosen: Sequence[str]) -> list[str]:
    """Names of metrics, with `all` and `losses` spelled out.

    Raises:
        UserError: for an unknown name; lists those that exist.
    """
    groups = {"all": [*WHOLE_TRACK, *readable()], "losses": readable()}
    names = [name for given in chosen for name in groups.get(given, [given])]
    for name in names:
        if name not in groups["all"]:
            wanted = ", ".join([*groups, *groups["all"]])
            raise UserError(f"--metrics: found {name!r}, wanted some of {wanted}")
    return list(dict.fromkeys(names))


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """A data set's tracks, scored by methods.

    Args:
        music: the data set with the targets.
        audio: sample rate and channels; STFT of oracles and losses.
        settings: what to score and how.
        separation: how the model separates.
        say: called with a line for each thing that a user would want to know.
        progress: whether a bar is shown.
    """

    music: DataConfig
    audio: AudioConfig
    settings: EvaluationConfig
    separation: SeparationConfig = SeparationConfig()
    say: Callable[[str], None] = lambda line: None
    progress: bool = False

    def run(
        self, output: Path, model: MaskingModel | None = None, name: str = "model"
    ) -> tuple[Scores, int]:
        """Scores what is not scored yet; each track's file appears when it is whole.

        Args:
            output: folder of the scores.
            model: a separator to evaluate. Defaults to none.
            name: what the model is called.

        Returns:
            Scores of the tracks for each method, and the number of tracks that failed.

        Raises:
            UserError: if the data set cannot be read, a metric is unknown, or the folder
                is another evaluation's.
        """
        metrics = resolve_metrics(self.settings.metrics)
        chosen = methods(
            self.settings, self.music.sources, self.audio, model, name, self.separation
        )
        music = data.as_wav(self.music, say=self.say, progress=self.progress)
        split: Any = self.settings.subset
        found = getattr(data.open_set(music, self.audio, splits=[split]), split)
        tracks = found[: self.settings.tracks]
        self._claim(output, metrics, model and f"{name}, weights {_digest(model)}")
        todo = [
            (method, track, output / method.name / f"{track.name}.json")
            for method in chosen
            for track in tracks
        ]
        left = [item for item in todo if not item[2].exists()]
        if len(left) < len(todo):
            self.say(f"{len(todo) - len(left)} of {len(todo)} tracks are scored already")
        failed = self._score(left, metrics)
        scores: Scores = {method.name: [] for method in chosen}
        for method, _, path in todo:
            if path.exists():
                scores[method.name].append(read_scores(path))
                for line in scores[method.name][-1].why_nan():
                    self.say(f"no score: {method.name}: {path.stem}: {line}")
        return {name: rows for name, rows in scores.items() if rows}, failed

    def _claim(self, output: Path, metrics: list[str], model: str | None) -> None:
        asked = {
            "root": str(Path(self.music.root or "").resolve()),
            "sources": list(self.music.sources),
            "subset": self.settings.subset,
            "metrics": metrics,
            "model": model,
            "estimates": self.settings.estimates,
            "audio": vars(self.audio),
            "separation": {**vars(self.separation), "targets": list(self.separation.targets)},
        }
        Claim("evaluation", "evaluation.yaml", asked).take(output)

    def _score(self, todo: Sequence[tuple[Method, Track, Path]], metrics: list[str]) -> int:
        # Stems and what needs TensorFlow are made here, one track after the other, while
        # processes of their own run BSSEval on those before.
        failed, jobs = (
            0,
            min(self.settings.jobs or at_once(_WORKER_BYTES, cores_each=2), max(1, len(todo))),
        )
        pending: dict[Future, tuple] = {}
        with (
            tempfile.TemporaryDirectory() as work,
            ProcessPoolExecutor(
                jobs, mp_context=get_context("spawn"), initializer=end_with_parent
            ) as pool,
            tqdm(total=len(todo), desc="scoring", unit="track", disable=not self.progress) as bar,
        ):
            try:
                for number, item in enumerate(todo):
                    bar.set_postfix_str(f"{item[0].name}: {item[1].name}")
                    folder = Path(work) / str(number)
                    folder.mkdir()
                    try:
                        task, readings = self._begin(pool, item, folder, metrics)
                        pending[task] = (*item, readings, folder)
                    except UserError as error:
                        failed += self._failed(item, error)
                        bar.update()
                    while len(pending) > jobs or (pending and number == len(todo) - 1):
                        for task in wait(pending, return_when=FIRST_COMPLETED).done:
                            failed += self._finish(task, *pending.pop(task))
                            bar.update()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return failed

    def _begin(self, pool, item, folder: Path, metrics: list[str]) -> tuple[Future, dict]:
        method, track, _ = item
        stems = method.stems(track, folder)
        targets = [file.path for file in track.sources]
        estimates = [stems / f"{source}.wav" for source in self.music.sources]
        channels = self.audio.nb_channels
        whole = [name for name in metrics if name in WHOLE_TRACK]
        task = pool.submit(
            score_files, track.name, self.music.sources, targets, estimates, channels, whole
        )
        chosen = [name for name in metrics if name not in WHOLE_TRACK]
        if not chosen:
            return task, {}
        with AudioFiles(targets, channels) as y_true, AudioFiles(estimates, channels) as y_pred:
            if y_true.shape != y_pred.shape:
                return task, {}  # the task says what is wrong
            return task, loss_readings(chosen, y_true, y_pred, self.audio)

    def _finish(self, task: Future, method, track, path, readings, folder: Path) -> int:
        try:
            scores = task.result()
        except UserError as error:
            return self._failed((method, track), error)
        except BrokenProcessPool as error:
            raise UserError(
                f"{track.name}: a scoring process was killed (out of memory?), wanted fewer "
                "--jobs; run it again to continue"
            ) from error
        finally:
            for stem in folder.rglob("*.wav"):
                stem.unlink()
        # A loss looks at all sources together: its value is every source's.
        own = {name: np.full(len(scores.sources), value) for name, value in readings.items()}
        whole = {**scores.whole_track, **own}
        dataclasses.replace(scores, whole_track=whole).save(path)
        return 0

    def _failed(self, item: tuple, error: Exception) -> int:
        self.say(f"failed: {item[0].name}: {item[1].name}: {error}")
        return 1


def _digest(model: MaskingModel) -> str:
    digest = hashlib.sha256()
    for variable in model.variables:
        digest.update(np.ascontiguousarray(variable.numpy()).data)
    return digest.hexdigest()[:12]


def rows(scores: Scores) -> Iterator[dict[str, Any]]:
    """A row for each method, track and source, metrics in columns."""
    for method, tracks in scores.items():
        for track in tracks:
            medians = track.medians()
            for index, source in enumerate(track.sources):
                row = {"method": method, "track": track.track, "source": source}
                yield {**row, **{name: float(value[index]) for name, value in medians.items()}}
