"""What a search shows: a line a trial, a table, the best, and at its end pictures."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_tuner.engine.trial import Trial, TrialStatus

from mss_keras.config import RunConfig
from mss_keras.experiments.search import pictures as search_pictures
from mss_keras.experiments.search.oracles import Oracle
from mss_keras.experiments.search.space import Space
from mss_keras.reports import figures, tables
from mss_keras.training import runs

_DEMONSTRATION = "Demonstration on seconds of one song; it says nothing of the weights."


def completed(oracle: Oracle) -> list[Trial]:
    """Trials that have an objective, best first."""
    found = [trial for trial in oracle.trials.values() if trial.status == TrialStatus.COMPLETED]
    return sorted(found, key=lambda trial: trial.score, reverse=True)


class Progress:
    """A line for each trial that ends, and the files of the search.

    Args:
        oracle: of the search.
        space: what is searched.
        output: folder.
        say: called with each line.
        best: gives the configuration that `best.yaml` gets, of a trial.
        demonstration: whether table and pictures say that they are one.
    """

    def __init__(
        self,
        oracle: Oracle,
        space: Space,
        output: Path,
        say: Callable[[str], None],
        *,
        best: Callable[[Trial], RunConfig],
        demonstration: bool,
    ):
        self.oracle, self.space, self.output, self.say = oracle, space, output, say
        self.best = best
        self.demonstration = demonstration
        self._start, self._known, self._worked = time.monotonic(), 0, 0.0

    def begin(self) -> None:
        """Says how much there is to do; call it once the state is read back."""
        self._known = len(self.oracle.end_order)
        self._start = time.monotonic()
        names = ", ".join(self.space.ranges)
        self.say(f"searching {names} for {self.oracle.objective.name}, in {self.output}")
        if self._known:
            self.say(f"{self._known} of {self.oracle.max_trials} trials are finished already")

    def update(self) -> None:
        """Tells of trials that have ended since it was called last."""
        ended = list(self.oracle.end_order)
        for trial in (self.oracle.trials[name] for name in ended[self._known :]):
            self._known += 1
            self._worked += self.oracle.work(trial)
            self.say(f"{self._known}/{self.oracle.max_trials} {self._line(trial)}")
        if ended:
            self._write_table()

    def finish(self) -> None:
        """Writes table and pictures."""
        self.update()
        trials = completed(self.oracle)
        if not trials:
            return
        objective = self.oracle.objective.name
        title = _DEMONSTRATION if self.demonstration else None
        for name, drawn in {
            "weights": search_pictures.weights(trials, self.space, objective),
            "coordinates": search_pictures.coordinates(trials, self.space, objective),
            "progress": search_pictures.over_trials(self._ended(), objective),
        }.items():
            if title:
                drawn.suptitle(title, fontsize=9)
            figures.save(drawn, self.output / f"{name}.png")
        search_pictures.write_hparams(trials, self.space, objective, self.output / "tensorboard")

    @property
    def best_trial(self) -> Trial | None:
        """The best of the trials that were completed."""
        return next(iter(completed(self.oracle)), None)

    def table(self) -> str:
        """Trials as text, best first, those that failed last."""
        text = tables.as_text(self._rows(), "simple")
        return f"{_DEMONSTRATION}\n\n{text}" if self.demonstration else text

    def _ended(self) -> list[Trial]:
        return [self.oracle.trials[name] for name in list(self.oracle.end_order)]

    def _line(self, trial: Trial) -> str:
        values = ", ".join(
            f"{name} {search_pictures.short(trial.hyperparameters.values[name])}"
            for name in self.space.ranges
        )
        name, best = self.oracle.objective.name, completed(self.oracle)
        if trial.status == TrialStatus.COMPLETED:
            result = f"{name} {trial.score:.2f} dB (best {best[0].score:.2f}, {best[0].trial_id})"
        else:
            result = f"failed: {trial.message}"
        work = sum(self.oracle.work(trial) for trial in self._ended())
        rate = (time.monotonic() - self._start) / self._worked
        minutes = rate * max(0.0, self.oracle.work() - work) / 60
        return f"trial {trial.trial_id}: {values}: {result}, about {minutes:.0f} min left"

    def _rows(self) -> list[dict[str, Any]]:
        objective = self.oracle.objective.name
        failed = [trial for trial in self._ended() if trial.status != TrialStatus.COMPLETED]
        note = "demonstration" if self.demonstration else ""
        return [
            {
                "trial": trial.trial_id,
                objective: trial.score,
                **{name: trial.hyperparameters.values[name] for name in self.space.ranges},
                **_hyperband(trial),
                "note": note if trial.score is not None else f"failed: {trial.message}",
            }
            for trial in [*completed(self.oracle), *failed]
        ]

    def _write_table(self) -> None:
        tables.write_csv(self.output / "trials.csv", self._rows())
        if self.best_trial:
            runs.write_config(self.best(self.best_trial), self.output / "best.yaml")


def _hyperband(trial: Trial) -> dict[str, Any]:
    values = trial.hyperparameters.values
    if "tuner/epochs" not in values:
        return {}
    return {"epochs": values["tuner/epochs"], "from trial": values.get("tuner/trial_id")}
