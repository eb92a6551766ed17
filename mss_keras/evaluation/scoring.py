"""Tracks scored one after the other.

This process makes a track's stems and reads the losses, which need TensorFlow, while other
processes run BSSEval on the tracks before.
"""

import dataclasses
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from tqdm import tqdm

from mss_keras.config import AudioConfig, UserError
from mss_keras.data import Track
from mss_keras.evaluation.estimates import Method
from mss_keras.evaluation.readings import Readings, loss_readings
from mss_keras.jobs.files import working_folder
from mss_keras.jobs.pools import processes
from mss_keras.metrics import AudioFiles, TrackScores
from mss_keras.metrics.tracks import score_files
from mss_keras.metrics.whole_track import WHOLE_TRACK

FAILED = "failed:"  # begins a line about a track


@dataclasses.dataclass(frozen=True)
class Task:
    """A track to score by a method.

    Args:
        method: what gives the stems.
        track: the track, with its true sources.
        path: the file that the scores are written to.
    """

    method: Method
    track: Track
    path: Path

    def __str__(self) -> str:
        return f"{self.method.name}: {self.track.name}"


@dataclasses.dataclass(frozen=True)
class Scoring:
    """How tracks are scored.

    Args:
        sources: names of the sources.
        audio: channels; sizes of the STFT of the losses.
        metrics: names of whole-track metrics and losses, besides BSSEval's.
        jobs: number of processes that run BSSEval.
        folder: gets a hidden folder that has the stems until they are scored.
        say: called with a line for each track that fails.
        progress: whether a bar is shown.
    """

    sources: Sequence[str]
    audio: AudioConfig
    metrics: Sequence[str]
    jobs: int
    folder: Path
    say: Callable[[str], None]
    progress: bool

    def run(self, tasks: Sequence[Task]) -> int:
        """Writes the scores of tracks; a track that fails does not stop the others.

        Returns:
            Number of tracks that failed.

        Raises:
            PoolKilledError: if a process was killed.
        """
        failed = 0
        with (
            working_folder(self.folder) as work,
            processes(self.jobs, "scoring") as pool,
            tqdm(total=len(tasks), desc="scoring", unit="track", disable=not self.progress) as bar,
        ):
            for task, error in self._outcomes(tasks, pool, work=work, bar=bar):
                bar.update()
                if error:
                    failed += 1
                    self.say(f"{FAILED} {task}: {error.quoted}")
        return failed

    def _outcomes(
        self, tasks: Sequence[Task], pool: ProcessPoolExecutor, *, work: Path, bar: tqdm
    ) -> Iterator[tuple[Task, UserError | None]]:
        # Each task as it ends, with what was wrong.
        running: dict[Future, _Running] = {}
        try:
            for number, task in enumerate(tasks):
                bar.set_postfix_str(str(task))
                folder = work / str(number)
                folder.mkdir()
                try:
                    future, readings = self._begin(pool, task, folder)
                    running[future] = _Running(task, folder, readings)
                except UserError as error:
                    yield task, error
                while len(running) > self.jobs:
                    yield from _finish(running)
            while running:
                yield from _finish(running)
        except BrokenProcessPool:
            for future, ended in running.items():
                if future.done() and future.exception() is None:
                    ended.save(future.result())
            raise

    def _begin(
        self, pool: ProcessPoolExecutor, task: Task, folder: Path
    ) -> tuple["Future[TrackScores]", Readings]:
        stems = task.method.stems(task.track, folder)
        targets = [file.paths for file in task.track.sources]
        estimates = [stems / f"{source}.wav" for source in self.sources]
        channels = self.audio.nb_channels
        future = pool.submit(
            score_files,
            task.track.name,
            sources=self.sources,
            targets=targets,
            estimates=estimates,
            channels=channels,
            whole=[name for name in self.metrics if name in WHOLE_TRACK],
        )
        losses = [name for name in self.metrics if name not in WHOLE_TRACK]
        if not losses:
            return future, Readings()
        with AudioFiles(targets, channels) as y_true, AudioFiles(estimates, channels) as y_pred:
            if y_true.shape != y_pred.shape:
                return future, Readings()  # the future's error says what is wrong
            return future, loss_readings(losses, y_true, y_pred, audio=self.audio)


@dataclasses.dataclass(frozen=True)
class _Running:
    # A task whose BSSEval is running, the folder of its stems and the values of the losses.
    task: Task
    folder: Path
    readings: Readings

    def save(self, scores: TrackScores) -> None:
        whole = {**scores.whole_track, **self.readings.of_sources}
        scored = dataclasses.replace(
            scores, whole_track=whole, together=dict(self.readings.together)
        )
        scored.save(self.task.path)


def _finish(running: dict[Future, _Running]) -> Iterator[tuple[Task, UserError | None]]:
    # Waits for a task at least, and takes what has ended out of what is running.
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        ended = running.pop(future)
        try:
            ended.save(future.result())
        except UserError as error:
            yield ended.task, error
        else:
            yield ended.task, None
        finally:
            shutil.rmtree(ended.folder)
