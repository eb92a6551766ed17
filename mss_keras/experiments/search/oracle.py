"""What every Oracle of a search adds to KerasTuner's: it survives a kill at any moment."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src.engine.oracle import LOCKS, THREADS

from mss_keras.config import SearchConfig
from mss_keras.experiments.search.space import Space
from mss_keras.jobs.files import appearing


class Oracle(keras_tuner.Oracle):
    """KerasTuner's Oracle, whose state is written whole, and which can give up trials.

    KerasTuner writes oracle.json while a trial ends and before a grid has noted the end.
    After a kill at that moment the trial would be repeated, or the grid would end.

    Attributes:
        keeps_trials: whether the number of trials shapes them, and cannot be another when a
            search goes on.
        deals_epochs: whether trials have different numbers of epochs.
        chief: whether trials go on in workers while the Oracle itself is away.
    """

    keeps_trials: ClassVar[bool] = False
    deals_epochs: ClassVar[bool] = False
    chief = False

    trials: dict[str, Trial]
    ongoing_trials: dict[str, Trial]
    _retry_queue: list[str]
    _ending = False
    _ahead = False  # once a change has failed midway; only what is on disk can go on

    @classmethod
    def of(cls, settings: SearchConfig, space: Space, *, epochs: int, **common: Any) -> "Oracle":
        """An Oracle for a search.

        Args:
            settings: of the search.
            space: what is searched.
            epochs: of the longest trial.
            **common: further arguments of KerasTuner's class.
        """
        hp = keras_tuner.HyperParameters()
        space.declare(hp)
        return cls(max_trials=settings.trials, hyperparameters=hp, **common)

    def save(self):
        """Writes the state, but not while a trial ends, nor one that is ahead of its files."""
        if not self._ending and not self._ahead:
            with appearing(Path(self._get_oracle_fname())) as partial:
                super(keras_tuner.Oracle, self).save(str(partial))

    def _save_trial(self, trial):
        with appearing(Path(self._get_trial_dir(trial.trial_id)) / "trial.json") as partial:
            trial.save(str(partial))

    def set_state(self, state):
        """Takes over a state, and remembers which worker had which trial."""
        super().set_state(state)
        self._ongoing_before = dict(self.ongoing_trials)

    def reload(self):
        """Reads the state back; trials that had not ended are run again, or waited for."""
        super().reload()
        # In their order, and without a trial that has not come into the state.
        self.trials = {name: self.trials[name] for name in self.start_order}
        if self.chief:
            self.ongoing_trials = dict(self._ongoing_before)
            self.tuner_ids.update(self._ongoing_before)
            taken = {trial.trial_id for trial in self._ongoing_before.values()}
            self._retry_queue = [name for name in self._retry_queue if name not in taken]

    def create_trial(self, tuner_id):
        """Makes the next trial."""
        with self._locked():
            return super().create_trial(tuner_id)

    def update_trial(self, trial_id, metrics, step=0):
        """Takes over the score of a trial."""
        with self._locked():
            return super().update_trial(trial_id, metrics, step)

    def end_trial(self, trial):
        """Ends a trial; a trial that was given up stays as it is."""
        with self._locked():
            if trial.trial_id in self.end_order:
                return
            self._ending = True
            try:
                super().end_trial(trial)
            finally:
                self._ending = False
            self.save()

    def lose(self, tuner_id: str, why: str) -> None:
        """Gives up a worker; the trial that it had has failed.

        Args:
            tuner_id: name of the worker.
            why: message of the trial.
        """
        with self._locked():
            trial = self.ongoing_trials.get(tuner_id)
            if trial is not None:
                lost = Trial(trial.hyperparameters, trial.trial_id, TrialStatus.FAILED, why)
                self.end_trial(lost)
            self.tuner_ids.discard(tuner_id)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        # As `keras_tuner.synchronized`, which keeps the lock for ever when a write fails. What it
        # wraps finds the lock taken by its own thread, and leaves it.
        thread = threading.current_thread().name
        if THREADS[self] == thread:
            yield
            return
        with LOCKS[self]:
            THREADS[self] = thread
            try:
                yield
            except BaseException:
                self._ahead = True
                raise
            finally:
                THREADS[self] = None

    def given_up(self, trial: Trial) -> bool:
        """Whether a trial was given up while it runs: never in the Oracle's own process."""
        return False

    @property
    def exhausted(self) -> bool:
        """Whether all trials have begun."""
        return len(self.trials) >= self.max_trials and not self._retry_queue

    def work_of(self, trial: Trial) -> float:
        """What a trial costs, in the unit of `total_work`."""
        return 1.0

    def total_work(self) -> float:
        """What all trials cost: their number, but for `Hyperband`, which counts epochs."""
        return float(self.max_trials)
