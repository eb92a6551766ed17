"""Trials of a search, each a run in a process of its own."""

import math
import platform
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError

from mss_keras.config import RunConfig, WorkFailedError
from mss_keras.experiments.search.oracle import Oracle
from mss_keras.experiments.search.plan import RunModel
from mss_keras.experiments.shared import ending, result_of
from mss_keras.jobs.disk_space import want_of_space
from mss_keras.jobs.files import appearing
from mss_keras.jobs.gpus import Gpus
from mss_keras.jobs.processes import Job, Result
from mss_keras.jobs.workplace import Workplace
from mss_keras.training import devices, loop
from mss_keras.training.checkpoints import Checkpoints
from mss_keras.training.state import renamed

# Trains the run of a configuration in a folder, which may go on from the folder of an earlier
# trial, and returns the row of its history that counts.
TrainTrial = Callable[[RunConfig, Path, Path | None], Mapping[str, float]]

_PULSE = 2.0  # s


def train_trial(config: RunConfig, folder: Path, earlier: Path | None) -> dict[str, float]:
    """Trains the run of a trial, or goes on with the run of an earlier trial.

    Args:
        config: of the run.
        folder: of the run.
        earlier: folder of the run that this one goes on from, or None.

    Returns:
        The row of the history whose weights the run keeps.
    """
    if earlier is not None and not folder.exists():
        with appearing(folder) as partial:
            shutil.copytree(earlier, partial)
    loop.train(config, folder, say=lambda line: print(line, flush=True), report=False)
    return Checkpoints(folder / "checkpoints", print).best_row()


class Tuner(BaseTuner):
    """Runs trials, each in a process of its own, which ends with this one.

    Args:
        oracle: chooses the trials.
        model: builds their runs.
        output: folder of the search.
        after_trial: called after each trial. Defaults to nothing.
        say: called with a line for each trial that is tried again. Defaults to nothing.
        train: what the process of a trial does. Defaults to `train_trial`; tests have others.
    """

    def __init__(
        self,
        oracle: Oracle,
        model: RunModel,
        output: Path,
        *,
        after_trial: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda line: None,
        train: TrainTrial = train_trial,
    ):
        self.output, self.after_trial, self.say, self.train = output, after_trial, say, train
        # Memory is short on one machine, whatever others of the search do.
        self._workplace = Workplace(output / "at-work" / platform.node())
        oracle.verbose = 0
        super().__init__(oracle, model, directory=str(output), project_name="oracle")
        # KerasTuner reloads only a chief that was restarted, by a file of another name.
        if not self._is_worker() and Path(oracle._get_oracle_fname()).exists():
            oracle.reload()

    def run_trial(self, trial: Trial, *args, **kwargs) -> dict[str, float]:
        """Starts the process of a trial and waits for its end.

        If memory was short, the trial is tried once more while no other trial of the search is at
        work on this machine.

        Returns:
            The objective, of the epoch whose weights the run keeps.

        Raises:
            FailedTrialError: if the process fails, is killed, or the objective is NaN.
            WorkFailedError: if the disk is full, which is no fault of the trial: it is run anew
                when the search goes on.
        """
        result = self._finish(self._start(trial, self._workplace.with_others), trial)
        if result.out_of_memory:
            self.say(f"trial {trial.trial_id}: {result.failure}; it is tried again, alone")
            trial.message = f"second try, alone, after: {result.failure}"
            result = self._finish(self._start(trial, self._workplace.alone), trial)
        if result.failure:
            if want_of_space(RuntimeError(result.failure)):
                told = f"trial {trial.trial_id}: {result.failure}"
                raise WorkFailedError(f"{told}; with space the same command goes on")
            raise FailedTrialError(result.failure)
        row = renamed(result.value)
        objective = self.oracle.objective.name
        if not math.isfinite(row[objective]):
            raise FailedTrialError(f"{objective} is {row[objective]}")
        return {objective: row[objective]}

    def _start(self, trial: Trial, call: Callable[..., Any]) -> Job:
        trials, name = self.output / "trials", trial.trial_id
        earlier = trial.hyperparameters.values.get("tuner/trial_id")
        config = self.hypermodel.build(trial.hyperparameters)
        return Job(
            *(call, self.train, config, trials / name, trials / earlier if earlier else None),
            log=self.output / "logs" / f"{name}.log",
            environment=Gpus(devices.gpu_names(config.training.devices)).take(),
        )

    def _finish(self, job: Job, trial: Trial) -> Result:
        with ending([job]):
            while job.alive:
                job.wait(_PULSE)
                if self.oracle.given_up(trial):
                    raise FailedTrialError("given up by the chief")
        return result_of(job)

    def _try_run_and_update_trial(self, trial, *args, **kwargs):
        # KerasTuner's prints tracebacks, and takes the loss of the chief for a failed trial.
        try:
            self._run_and_update_trial(trial, *args, **kwargs)
            trial.status = TrialStatus.COMPLETED
        except FailedTrialError as error:
            trial.status, trial.message = TrialStatus.FAILED, str(error)

    def on_trial_end(self, trial: Trial) -> None:
        """Tells the Oracle."""
        self.oracle.end_trial(trial)
        self.after_trial()

    def save(self) -> None:
        """Does nothing: the Oracle holds all there is to know, and saves itself."""

    def reload(self) -> None:
        """Does nothing, as in `save`."""
