"""Trials of a search, each a run in a process of its own."""

import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError

from mss_keras.config import RunConfig
from mss_keras.experiments.search.chief import Client
from mss_keras.experiments.search.oracles import Oracle
from mss_keras.experiments.search.plan import RunModel
from mss_keras.jobs.files import appearing
from mss_keras.jobs.processes import INTERRUPTED, Job
from mss_keras.training import loop
from mss_keras.training.checkpoints import Checkpoints

_PULSE = 2.0  # s


class Tuner(BaseTuner):
    """Runs trials, each in a process of its own, which ends with this one.

    Args:
        oracle: that chooses.
        model: the runs.
        output: folder of the search.
        ended: called after each trial.
        run: what a trial does; `run_trial` of this module but for tests.
    """

    def __init__(
        self,
        oracle: Oracle,
        model: RunModel,
        output: Path,
        ended: Callable[[], None] = lambda: None,
        run: Callable[..., Mapping[str, float]] | None = None,
    ):
        self.output, self.ended, self.run = output, ended, run or run_trial
        oracle.verbose = 0
        super().__init__(oracle, model, directory=str(output), project_name="oracle")
        # Only a chief that was restarted would be reloaded by the file of its own name.
        if not self._is_worker() and Path(oracle._get_oracle_fname()).exists():
            oracle.reload()

    def run_trial(self, trial: Trial, *args, **kwargs) -> dict[str, float]:
        """Trains, and waits.

        Returns:
            The objective, of the epoch whose weights the run keeps.

        Raises:
            FailedTrialError: if the process fails, is killed, or the objective is NaN.
        """
        name, values = trial.trial_id, trial.hyperparameters.values
        earlier = values.get("tuner/trial_id")
        job = Job(
            self.run,
            self.hypermodel.build(trial.hyperparameters),
            self.output / "trials" / name,
            self.output / "trials" / earlier if earlier else None,
            log=self.output / "logs" / f"{name}.log",
        )
        try:
            while job.alive:
                job.wait(_PULSE)
                if isinstance(self.oracle, Client) and self.oracle.given_up(trial):
                    raise FailedTrialError("given up by the chief")
        finally:
            job.stop()
        row, failure = job.result()
        if failure == INTERRUPTED:
            raise KeyboardInterrupt
        if failure:
            raise FailedTrialError(failure)
        objective = self.oracle.objective.name
        if not math.isfinite(row[objective]):
            raise FailedTrialError(f"{objective} is {row[objective]}")
        return {objective: row[objective]}

    def _try_run_and_update_trial(self, trial, *args, **kwargs):
        # KerasTuner's prints tracebacks, and takes a chief that is lost for a failed trial.
        try:
            self._run_and_update_trial(trial, *args, **kwargs)
            trial.status = TrialStatus.COMPLETED
        except FailedTrialError as error:
            trial.status, trial.message = TrialStatus.FAILED, str(error)

    def on_trial_end(self, trial: Trial) -> None:
        """Says so."""
        self.oracle.end_trial(trial)
        self.ended()

    def save(self) -> None:
        """Nothing: all there is to know is the Oracle's, which saves itself."""

    def reload(self) -> None:
        """Nothing, as in `save`."""


def run_trial(config: RunConfig, folder: Path, earlier: Path | None) -> dict[str, float]:
    """Trains a run, or goes on with an earlier trial's.

    Args:
        config: of the run.
        folder: of the run.
        earlier: folder of the run that this one begins as, or None.

    Returns:
        The row of its history whose weights it keeps.
    """
    if earlier is not None and not folder.exists():
        with appearing(folder) as partial:
            shutil.copytree(earlier, partial)
    loop.train(config, folder, say=lambda line: print(line, flush=True), verbose=2, report=False)
    return Checkpoints(folder / "checkpoints", print).best_row()
