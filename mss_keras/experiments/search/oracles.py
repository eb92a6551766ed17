"""The Oracles of KerasTuner, by the names of `SearchConfig.tuner`."""

import functools
import itertools
import math
import warnings
from collections.abc import Iterable, Mapping
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
from mss_keras.experiments.search.oracle import Oracle
from mss_keras.experiments.search.space import Space

_NEAR = 1e-3  # part of a range within which two values are taken for the same


class Bayesian(Oracle, BayesianOptimizationOracle):
    """A Gaussian process proposes the next trial.

    KerasTuner's proposes again where a trial failed, or what was tried at the end of a range,
    and forgets after a restart how many random numbers it had drawn.
    """

    def populate_space(self, trial_id):
        """Proposes the values of a trial."""
        self._random_state = np.random.RandomState(self.seed + len(self.trials))
        with warnings.catch_warnings():  # now and then one of its twenty starts does not converge
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
    """Every trial is drawn at random."""


class Grid(Oracle, GridSearchOracle):
    """The trials are the points of a grid.

    KerasTuner's forgets its place in the grid after a restart.
    """

    keeps_trials = True

    @classmethod
    def of(cls, settings, space, *, epochs, **common):
        """The finest grid that the trials are enough for; arguments as in `Oracle.of`.

        Raises:
            UserError: if they are not enough for both ends of each range.
        """
        hp = keras_tuner.HyperParameters()
        points = space.declare_grid(hp, settings.trials)
        return cls(max_trials=points, hyperparameters=hp, **common)

    def reload(self):
        """Reads the state back, and orders the trials as their points in the grid."""
        super().reload()

        def compare(one: Trial, other: Trial) -> int:
            return self._compare(one.hyperparameters.values, other.hyperparameters.values)

        self._ordered_ids = LinkedList()
        for trial in sorted(self.trials.values(), key=functools.cmp_to_key(compare)):
            self._ordered_ids.insert(trial.trial_id)
        self._populate_next = list(self.end_order)  # a name that is listed twice does no harm


class Hyperband(Oracle, HyperbandOracle):
    """Many short trials, the best of which go on: a sweep over brackets.

    The sweep has as many brackets as the trials are enough for. KerasTuner's begins with the
    bracket of the most trials, which are hundreds if the longest has a thousand epochs, and
    leaves a round when so many trials have failed that the others would all go on.

    Args:
        trials: at most; of one bracket, whose trials are all long, this number is made.
        max_epochs: of the longest trial.
        **kwargs: as in KerasTuner.
    """

    keeps_trials = True
    deals_epochs = True

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

    @classmethod
    def of(cls, settings, space, *, epochs, **common):
        """A sweep of trials of up to so many epochs; arguments as in `Oracle.of`."""
        hp = keras_tuner.HyperParameters()
        space.declare(hp)
        return cls(settings.trials, epochs, hyperparameters=hp, **common)

    def populate_space(self, trial_id):
        """Goes on with the best that was completed where a round is over, or as KerasTuner."""
        for bracket in self._brackets:
            whole = len(bracket["rounds"][0]) == self._get_size(bracket["bracket_num"], 0)
            for number, (before, now) in enumerate(itertools.pairwise(bracket["rounds"]), 1):
                ended = whole and all(info["id"] in self.end_order for info in before)
                gone_on = {info["past_id"] for info in now}
                rest = [self.trials[info["id"]] for info in before if info["id"] not in gone_on]
                rest = [trial for trial in rest if trial.status == TrialStatus.COMPLETED]
                full = len(now) == self._get_size(bracket["bracket_num"], number)
                if ended and rest and not full:
                    best = max(rest, key=lambda trial: trial.score)
                    now.append({"past_id": best.trial_id, "id": trial_id})
                    return {
                        "status": TrialStatus.RUNNING,
                        "values": self._longer(best, bracket["bracket_num"], number),
                    }
                whole = full or (ended and not rest)
        return super().populate_space(trial_id)

    def _longer(self, trial: Trial, bracket: int, number: int) -> dict[str, Any]:
        # Values of a trial of a round that goes on with an earlier one.
        return {
            **trial.hyperparameters.values,
            "tuner/trial_id": trial.trial_id,
            "tuner/epochs": self._get_epochs(bracket, number),
            "tuner/initial_epoch": self._get_epochs(bracket, number - 1),
            "tuner/bracket": bracket,
            "tuner/round": number,
        }

    def _get_num_brackets(self):
        return min(self._brackets_at_most, super()._get_num_brackets())

    def _rounds(self, brackets: int) -> list[tuple[int, int]]:
        # Number of trials, and epochs of each that no other has trained, for each round.
        rounds = []
        for bracket in range(brackets):
            before = 0
            for number in range(self._get_num_rounds(bracket)):
                epochs = self._get_epochs(bracket, number)
                rounds.append((self._get_size(bracket, number), epochs - before))
                before = epochs
        return rounds

    def work_of(self, trial: Trial) -> float:
        """Epochs of a trial that no other has trained before."""
        values = trial.hyperparameters.values
        return float(values["tuner/epochs"] - values["tuner/initial_epoch"])

    def total_work(self) -> float:
        """Epochs of all trials."""
        rounds = self._rounds(self._get_num_brackets())
        return float(sum(size * epochs for size, epochs in rounds))


ORACLES: dict[str, type[Oracle]] = {
    "bayesian": Bayesian,
    "hyperband": Hyperband,
    "random": Random,
    "grid": Grid,
}


def make_oracle(
    settings: SearchConfig, space: Space, *, objective: str, epochs: int, seed: int
) -> Oracle:
    """The Oracle that a search asks for its trials.

    Args:
        settings: name the Oracle and the number of trials.
        space: what is searched.
        objective: name of the metric, whose larger value is the better one.
        epochs: of the longest trial.
        seed: of the Oracle's random numbers.

    Raises:
        UserError: if a grid needs more trials.
    """
    return ORACLES[settings.tuner].of(
        settings,
        space,
        epochs=epochs,
        objective=keras_tuner.Objective(objective, "max"),
        seed=seed + 1,  # KerasTuner takes 0 for none
        # Failed trials are recorded and passed over, however many.
        max_consecutive_failed_trials=10**9,
    )
