"""What a search shows: a line for each trial, a table, the best trial, and at the end figures."""

from collections.abc import Callable
from typing import Any

from keras_tuner.engine.trial import Trial, TrialStatus

from mss_keras.experiments.search.hparams import write_hparams
from mss_keras.experiments.search.oracle import Oracle
from mss_keras.experiments.search.plan import Search
from mss_keras.experiments.search.ranges import Choices, Span
from mss_keras.experiments.shared import TimeLeft
from mss_keras.reports import figures, tables, trials
from mss_keras.reports.trials import Axis
from mss_keras.training import runs

_DEMONSTRATION = "Demonstration on seconds of one song; it says nothing of the weights."


def completed(oracle: Oracle) -> list[Trial]:
    """Trials that have a score, best first."""
    found = [trial for trial in oracle.trials.values() if trial.status == TrialStatus.COMPLETED]
    return sorted(found, key=lambda trial: trial.score, reverse=True)


class Progress:
    """What came of a search so far: says a line for each trial, and writes the files.

    Args:
        search: the search.
        oracle: has the trials.
        say: called with each line.
    """

    def __init__(self, search: Search, oracle: Oracle, *, say: Callable[[str], None]):
        self._search, self._oracle, self._say = search, oracle, say
        self._names = list(search.space.ranges)
        self._said = 0  # trials that were told of
        self._time_left = TimeLeft(oracle.total_work())

    def begin(self) -> None:
        """Says how much there is to do; call it once the Oracle has read its state back."""
        self._said = len(self._oracle.end_order)
        self._time_left = TimeLeft(self._oracle.total_work(), done=self._work())
        searched, objective = ", ".join(self._names), self._search.objective
        self._say(f"searching {searched} for {objective}, in {self._search.output}")
        count, tuner = self._oracle.max_trials, self._search.settings.tuner
        rest = self._search.settings.trials - count
        self._say(f"{count} trials" + (f"; {tuner} has no use for {rest} more" if rest else ""))
        if self._said:
            self._say(f"{self._said} of {self._oracle.max_trials} trials are finished already")

    def update(self) -> None:
        """Says a line for each trial that has ended since the last call, and writes the table."""
        ended = self._ended()
        for trial in ended[self._said :]:
            self._said += 1
            self._say(f"{self._said}/{self._oracle.max_trials} {self._line(trial)}")
        if ended:
            output = self._search.output
            tables.write_csv(output / "trials.csv", self._rows())
            write_hparams(ended, self._search, output / "tensorboard")
        if self.best_trial:
            best = self._search.best(self.best_trial)
            runs.write_config(best, self._search.output / "best.yaml")

    def finish(self) -> None:
        """Writes the table and the figures."""
        self.update()
        done = completed(self._oracle)
        if not done:
            return
        output, label = self._search.output, f"{self._search.objective}, dB"
        scores = [trial.score for trial in done]
        axes = [_axis(name, span, done) for name, span in self._search.space.ranges.items()]
        in_order = [trial.score if trial in done else None for trial in self._ended()]
        title = _DEMONSTRATION if self._search.demonstration else ""
        figures.save(trials.weights(axes, scores, label, title=title), output / "weights.png")
        if len(axes) > 1:  # of one, the weights say all
            drawn = trials.coordinates(axes, scores, label, title=title)
            figures.save(drawn, output / "coordinates.png")
        figures.save(trials.progress(in_order, label, title=title), output / "progress.png")

    @property
    def best_trial(self) -> Trial | None:
        """The best of the trials that were completed, or None."""
        return next(iter(completed(self._oracle)), None)

    def table(self) -> str:
        """The trials as text, the best first and those that failed last."""
        text = tables.as_text(self._rows(), "simple")
        return f"{_DEMONSTRATION}\n\n{text}" if self._search.demonstration else text

    def _ended(self) -> list[Trial]:
        return [self._oracle.trials[name] for name in list(self._oracle.end_order)]

    def _work(self) -> float:
        return sum(self._oracle.work_of(trial) for trial in self._ended())

    def _line(self, trial: Trial) -> str:
        chosen = trial.hyperparameters.values
        values = ", ".join(f"{name} {trials.short(chosen[name])}" for name in self._names)
        if trial.status == TrialStatus.COMPLETED:
            best = completed(self._oracle)[0]
            score = f"{self._search.objective} {trial.score:.2f} dB"
            result = f"{score} (best {best.score:.2f}, {best.trial_id})"
            result += f", {trial.message}" if trial.message else ""
        else:
            result = f"failed: {trial.message}"
        left = self._time_left.after(self._work())
        return f"trial {trial.trial_id}: {values}: {result}, {left}"

    def _rows(self) -> list[dict[str, Any]]:
        failed = [trial for trial in self._ended() if trial.status != TrialStatus.COMPLETED]
        return [self._row(trial) for trial in [*completed(self._oracle), *failed]]

    def _row(self, trial: Trial) -> dict[str, Any]:
        chosen = trial.hyperparameters.values
        row = {"trial": trial.trial_id, self._search.objective: trial.score}
        row |= {name: chosen[name] for name in self._names}
        if "tuner/epochs" in chosen:  # Hyperband
            row |= {"epochs": chosen["tuner/epochs"], "from trial": chosen.get("tuner/trial_id")}
        if trial.score is None:
            return {**row, "note": f"failed: {trial.message}"}
        notes = ["demonstration"] * self._search.demonstration
        return {**row, "note": "; ".join([*notes, *filter(None, [trial.message])])}


def _axis(name: str, span: Span, done: list[Trial]) -> Axis:
    values = [trial.hyperparameters.values[name] for trial in done]
    if isinstance(span, Choices):
        return Axis(name, values, choices=span.values)
    return Axis(name, values, low=span.low, high=span.high, log=span.log)
