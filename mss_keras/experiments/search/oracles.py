"""KerasTuner's Oracles, with a state that survives a kill at any moment."""

import functools
import math
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.oracles import (
    BayesianOptimizationOracle,
    GridSearchOracle,
    HyperbandOracle,
    RandomSearchOracle,
)
from keras_tuner.src.tuners.gridsearch import LinkedList
from sklearn.exceptions import ConvergenceWarning

from mss_keras.config import SearchConfig
from mss_keras.experiments.search.space import Space
from mss_keras.jobs.files import appearing

_NEAR = 1e-3  # of a range: the same place


class Oracle(keras_tuner.Oracle):
    """What is added to KerasTuner's: a state that is written whole, and trials given up.

    KerasTuner writes `oracle.json` while a trial ends and before a grid has noted it;
    after a kill there the trial would be repeated, or the grid end.
    """

    trials: dict[str, Trial]
    ongoing_trials: dict[str, Trial]
    _retry_queue: list[str]
    # Whether trials go on in workers while the Oracle itself is away.
    chief = False
    _ending = False

    def save(self):
        """Writes the state."""
        if not self._ending:
            with appearing(Path(self._get_oracle_fname())) as partial:
                super(keras_tuner.Oracle, self).save(str(partial))

    def _save_trial(self, trial):
        with appearing(Path(self._get_trial_dir(trial.trial_id)) / "trial.json") as partial:
            trial.save(str(partial))

    def set_state(self, state):
        """Remembers whose the trials were."""
        super().set_state(state)
        self._were = dict(self.ongoing_trials)

    def reload(self):
        """Reads the state back; trials that were going on are gone on with."""
        super().reload()
        # In their order, and without one that has not come into the state.
        self.trials = {name: self.trials[name] for name in self.start_order}
        if self.chief:
            self.ongoing_trials = dict(self._were)
            self.tuner_ids.update(self._were)
            taken = {trial.trial_id for trial in self._were.values()}
            self._retry_queue = [name for name in self._retry_queue if name not in taken]

    @keras_tuner.synchronized
    def end_trial(self, trial):
        """Ends a trial; one that was given up stays as it is."""
        if trial.trial_id in self.end_order:
            return
        self._ending = True
        try:
            super().end_trial(trial)
        finally:
            self._ending = False
        self.save()

    @keras_tuner.synchronized
    def lose(self, tuner_id: str, why: str) -> None:
        """Gives up a worker, and the trial it had."""
        trial = self.ongoing_trials.get(tuner_id)
        if trial is not None:
            lost = Trial(trial.hyperparameters, trial.trial_id, TrialStatus.FAILED, why)
            self.end_trial(lost)
        self.tuner_ids.discard(tuner_id)

    @property
    def exhausted(self) -> bool:
        """Whether all trials have begun."""
        return len(self.trials) >= self.max_trials and not self._retry_queue

    def work(self, trial: Trial | None = None) -> float:
        """What a trial, or all of them, cost: epochs for Hyperband, else trials."""
        return 1.0 if trial else float(self.max_trials)


class Bayesian(Oracle, BayesianOptimizationOracle):
    """See the base classes; KerasTuner's tries again where a trial failed, and what was tried
    at the end of a range, and forgets at what random numbers it was.
    """

    def populate_space(self, trial_id):
        """See the base class."""
        self._random_state = np.random.RandomState(self.seed + len(self.trials))
        with warnings.catch_warnings():  # one of its twenty starts does not converge now and then
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = super().populate_space(trial_id)
        if found["values"] and self.trials:
            apart = np.abs(self._places(self.trials.values()) - self._place(found["values"]))
            if apart.max(axis=1).min() < _NEAR:
                return self._random_populate_space()
        return found

    def _vectorize_trials(self):
        # Failed trials count as the worst.
        places, costs = super()._vectorize_trials()
        failed = [t for t in self.trials.values() if t.status == TrialStatus.FAILED]
        if not failed:
            return places, costs
        costs = np.append(costs, [costs.max()] * len(failed))
        return np.concatenate([places, self._places(failed)]), costs

    def _places(self, trials: Iterable[Trial]) -> np.ndarray:
        return np.array([self._place(trial.hyperparameters.values) for trial in trials])

    def _place(self, values: Mapping[str, Any]) -> list[float]:
        # 0 to 1 along each range.
        return [hp.value_to_prob(values[hp.name]) for hp in self._nonfixed_space()]


class Random(Oracle, RandomSearchOracle):
    """See the base classes."""


class Grid(Oracle, GridSearchOracle):
    """See the base classes; KerasTuner's forgets where in the grid it was."""

    def reload(self):
        """Reads the state back, and orders the trials as their points in the grid."""
        super().reload()

        def compare(one: Trial, other: Trial) -> int:
            return self._compare(one.hyperparameters.values, other.hyperparameters.values)

        self._ordered_ids = LinkedList()
        for trial in sorted(self.trials.values(), key=functools.cmp_to_key(compare)):
            self._ordered_ids.insert(trial.trial_id)
        self._populate_next = list(self.end_order)  # more than once does no harm


class Hyperband(Oracle, HyperbandOracle):
    """One sweep over the brackets that so many trials are enough for.

    KerasTuner's begins with the bracket of the most trials, hundreds where the longest
    has a thousand epochs.

    Args:
        trials: at most; but the trials of one bracket, all of them long, are made.
        max_epochs: of the longest trial.
        **kwargs: as in KerasTuner.
    """

    def __init__(self, trials: int, max_epochs: int, **kwargs):
        self._brackets_at_most = math.inf
        super().__init__(max_epochs=max_epochs, **kwargs)
        count = super()._get_num_brackets()
        while count > 1 and sum(size for size, _ in self._rounds(count)) > trials:
            count -= 1
        self._brackets_at_most = count
        self._current_bracket = count - 1
        self._brackets.clear()
        self._start_new_bracket()
        self.max_trials = min(trials, sum(size for size, _ in self._rounds(count)))

    def _get_num_brackets(self):
        return min(self._brackets_at_most, super()._get_num_brackets())

    def _rounds(self, brackets: int) -> list[tuple[int, int]]:
        # Trials and epochs of each round.
        rounds = []
        for bracket in range(brackets):
            before = 0
            for number in range(self._get_num_rounds(bracket)):
                epochs = self._get_epochs(bracket, number)
                rounds.append((self._get_size(bracket, number), epochs - before))
                before = epochs
        return rounds

    def work(self, trial: Trial | None = None) -> float:
        """Epochs of a trial that no other has trained before, or of all trials."""
        if trial is None:
            return float(
                sum(size * epochs for size, epochs in self._rounds(self._get_num_brackets()))
            )
        values = trial.hyperparameters.values
        return float(values["tuner/epochs"] - values["tuner/initial_epoch"])


def make_oracle(settings: SearchConfig, space: Space, *, epochs: int, seed: int) -> Oracle:
    """The Oracle of a search.

    Args:
        settings: which one, objective, number of trials.
        space: what it chooses from.
        epochs: of the longest trial.
        seed: of its choices.

    Raises:
        UserError: if a grid needs more trials.
    """
    hp = keras_tuner.HyperParameters()
    points = space.declare(hp, settings.trials if settings.tuner == "grid" else None)
    common = {
        "objective": keras_tuner.Objective(settings.objective, "max"),
        "hyperparameters": hp,
        "seed": seed + 1,  # to KerasTuner 0 is none
        # Failed trials are recorded and passed over, however many.
        "max_consecutive_failed_trials": 10**9,
    }
    if settings.tuner == "hyperband":
        return Hyperband(settings.trials, epochs, **common)
    kind = {"bayesian": Bayesian, "random": Random, "grid": Grid}[settings.tuner]
    return kind(max_trials=points or settings.trials, **common)
