"""The search for the weights of losses, by KerasTuner.

OUTPUT/
    search.yaml           what was asked; another search is refused here
    statistics.npz        of the training mixtures, for all trials
    oracle/               KerasTuner's state
    trials/ID/            an ordinary run, without its report
    logs/ID.log           what the trial printed
    trials.csv best.yaml  tensorboard/  weights.png  coordinates.png  progress.png
    best/                 the best one's run, trained fully
"""

import dataclasses
import math
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FailedTrialError

from mss_keras import data, losses
from mss_keras.config import Config, SearchConfig, UserError
from mss_keras.files import appearing
from mss_keras.training import devices, loop
from mss_keras.training.checkpoints import Checkpoints
from mss_keras.training.claims import check_claim, claim
from mss_keras.training.processes import INTERRUPTED, Job
from mss_keras.training.report import Score
from mss_keras.training.search_chief import Chief, Client, role
from mss_keras.training.search_oracles import Oracle, make_oracle
from mss_keras.training.search_report import Progress
from mss_keras.training.search_space import Space

OBJECTIVES = ("val_si_sdr", "val_sdr")
_SHARED = "statistics.npz"
_PULSE = 2.0  # s
# Without a bearing on the trials.
_FREE = {"statistics", "prepared", "in_memory", "devices", "epochs"}


class RunModel(keras_tuner.HyperModel):
    """The configuration of a run, with hyper-parameters in it.

    Args:
        config: of the run but for what is searched.
        space: what is searched.
        epochs: of a trial.
    """

    def __init__(self, config: Config, space: Space, epochs: int):
        """See the class."""
        super().__init__()
        self.config, self.space, self.epochs = config, space, epochs

    def build(self, hp: keras_tuner.HyperParameters) -> Config:
        """The configuration of a trial's run; Hyperband says its epochs."""
        pretraining = self.config.adversarial.pretrain_epochs or 0
        epochs = hp.values.get("tuner/epochs")
        epochs = self.epochs if epochs is None else pretraining + epochs
        training = dataclasses.replace(self.config.training, epochs=epochs)
        return self.space.configuration(
            dataclasses.replace(self.config, training=training), hp.values
        )


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
        """See the class."""
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


def run_trial(config: Config, folder: Path, earlier: Path | None) -> dict[str, float]:
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


@dataclasses.dataclass(frozen=True)
class Search:
    """A search, resolved: what is asked of whom.

    Args:
        config: of the runs, but for what is searched.
        settings: how it is searched.
        output: folder.
        demonstration: whether its table and pictures say that they are one.
    """

    config: Config
    settings: SearchConfig
    output: Path
    demonstration: bool = False

    def __post_init__(self):
        """Checks what can be checked before anything is read.

        Raises:
            UserError: for anything the user can mend.
        """
        objective, adversarial = self.settings.objective, self.config.adversarial
        if objective == "val_loss":
            raise UserError(
                "--objective: found val_loss, which a smaller weight lowers by itself, wanted "
                f"{' or '.join(OBJECTIVES)}"
            )
        if objective not in OBJECTIVES:
            raise UserError(f"--objective: found {objective!r}, wanted {' or '.join(OBJECTIVES)}")
        opposed = any(
            losses.entry(name).loss.needs == "discriminators" for name in self.config.training.loss
        )
        given = adversarial.pretrain_epochs is not None or adversarial.pretrained is not None
        if self.settings.tuner == "hyperband" and opposed and not given:
            raise UserError(
                "--tuner hyperband: found with --loss adversarial, wanted --pretrained or "
                "--pretrain-epochs besides: the epochs it deals out come after pretraining"
            )
        if (adversarial.pretrain_epochs or 0) >= self.epochs:
            raise UserError(
                f"--trial-epochs: found {self.epochs}, wanted more than --pretrain-epochs "
                f"{adversarial.pretrain_epochs}"
            )
        for values in self.space.bounds():
            loop.resolve(self.space.configuration(self.config, values))
        self.oracle()

    @property
    def space(self) -> Space:
        """What is searched."""
        return Space.of(self.config, self.settings.range)

    @property
    def epochs(self) -> int:
        """Of a trial at most."""
        return self.settings.trial_epochs or self.config.training.epochs

    def oracle(self) -> Oracle:
        """A new Oracle."""
        epochs = self.epochs - (self.config.adversarial.pretrain_epochs or 0)
        seed = self.config.training.seed
        return make_oracle(self.settings, self.space, epochs=epochs, seed=seed)

    def asked(self) -> dict[str, Any]:
        """What the trials depend on."""
        own = {key: value for key, value in self.config.to_flat().items() if key not in _FREE}
        settings = self.settings
        shaped = settings.tuner in ("grid", "hyperband")  # by their number; others can go on
        return {
            **own,
            "tuner": settings.tuner,
            "objective": settings.objective,
            "trial_epochs": self.epochs,
            "ranges": {name: str(span) for name, span in self.space.ranges.items()},
            **({"trials": settings.trials} if shaped else {}),
        }

    def opened(self, say: Callable[[str], None], progress: bool) -> "Search":
        """With data that is decoded and can be read."""
        music = data.as_wav(self.config.data, say=say, progress=progress)
        data.open_set(music, self.config.audio)
        return dataclasses.replace(self, config=dataclasses.replace(self.config, data=music))

    def with_statistics(self, progress: bool) -> "Search":
        """With the statistics that all trials share; made where they are not there."""
        config, shared = self.config, self.output / _SHARED
        if config.data.statistics is not None:
            return self
        if not shared.exists():
            train = data.open_set(config.data, config.audio).train
            data.compute_statistics(train, config.audio, progress=progress).save(shared)
        music = dataclasses.replace(config.data, statistics=str(shared))
        return dataclasses.replace(self, config=dataclasses.replace(config, data=music))

    def best(self, trial: Trial) -> Config:
        """The configuration to train fully, of the best trial."""
        return self.space.configuration(self.config, trial.hyperparameters.values)


def search(
    asked: Search,
    *,
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
    run: Callable[..., Mapping[str, float]] | None = None,
) -> Progress | None:
    """Searches, or goes on searching, as the chief of other machines where KerasTuner's
    variables say so, or as a worker.

    Args:
        asked: what and how.
        say: called with a line for each thing that a user would want to know.
        progress: whether bars are shown.
        run: what a trial does, for tests.

    Returns:
        What came of it; None from a worker.

    Raises:
        UserError: for anything the user can mend, or the folder of something else.
        WorkersLostError: if all workers of `--workers` died.
        ChiefLostError: from a worker, if the chief does not answer.
    """
    part = role()
    if part is not None and "chief" not in part[0]:
        work(asked, part, say=say, run=run)
        return None
    if part is not None and asked.settings.workers > 1:
        raise UserError("--workers: found with KERASTUNER_TUNER_ID, wanted one of the two")
    devices.choose("cpu")  # a GPU is the trials'
    ready = asked.opened(say, progress)
    claim(asked.output, "search", asked.asked())
    ready = ready.with_statistics(progress)
    oracle = ready.oracle()
    oracle.chief = part is not None
    told = Progress(
        oracle,
        asked.space,
        asked.output,
        say,
        best=asked.best,
        demonstration=asked.demonstration,
    )
    model = RunModel(ready.config, ready.space, ready.epochs)
    tuner = Tuner(oracle, model, ready.output, told.update, run)
    told.begin()
    if part is not None:
        say(f"chief at {part[1]}")
        Chief(oracle, part[1]).serve(asked.settings.worker_timeout, told.update)
    elif asked.settings.workers > 1:
        _with_workers(asked, oracle, told, run)
    else:
        tuner.search()
    told.finish()
    return told


def train_best(
    asked: Search, told: Progress, *, say: Callable[[str], None], verbose: int
) -> list[Score]:
    """Trains the best trial's configuration fully, from where the trial ended.

    Args:
        asked: as in `search`.
        told: what `search` returned, with a trial completed.
        say: as in `search`; pickled, for a process of its own.
        verbose: as in `loop.train`.

    Returns:
        As `loop.train`.

    Raises:
        TrainingFailedError: if it fails.
    """
    trial = told.best_trial
    assert trial is not None
    folder, begun = asked.output / "best", asked.output / "trials" / trial.trial_id
    config = asked.opened(say, verbose == 1).with_statistics(verbose == 1).best(trial)
    if not folder.exists() and config.training.epochs >= asked.epochs:
        with appearing(folder) as partial:
            shutil.copytree(begun, partial)
    job = Job(_train, config, folder, say, verbose)
    try:
        scores, failure = job.result()
    finally:
        job.stop()
    if failure == INTERRUPTED:
        raise KeyboardInterrupt
    if failure:
        raise TrainingFailedError(f"{folder}: {failure}")
    return scores


def _train(config: Config, folder: Path, say: Callable[[str], None], verbose: int) -> list[Score]:
    return loop.train(config, folder, say=say, verbose=verbose)


def work(
    asked: Search,
    part: tuple[str, str],
    *,
    say: Callable[[str], None] = print,
    run: Callable[..., Mapping[str, float]] | None = None,
) -> None:
    """Runs trials of a chief until it has no more.

    Args:
        asked: the same as the chief's.
        part: this worker's name and the chief's address.
        say: as in `search`.
        run: as in `search`.
    """
    name, address = part
    devices.choose("cpu")
    client = Client(asked.oracle(), name, address)
    say(f"worker {name} of the chief at {address}")
    with client.patient():
        client.get_space()  # the chief is there, and has prepared all
    check_claim(asked.output, "search", asked.asked())
    ready = asked.opened(say, progress=False).with_statistics(progress=False)
    tuner = Tuner(
        asked.oracle(), RunModel(ready.config, ready.space, ready.epochs), ready.output, run=run
    )
    tuner.oracle, tuner.tuner_id = client, name
    tuner.search()


class WorkersLostError(RuntimeError):
    """All workers died."""


class TrainingFailedError(RuntimeError):
    """The best trial could not be trained fully."""


def _with_workers(
    asked: Search, oracle: Oracle, told: Progress, run: Callable[..., Mapping[str, float]] | None
) -> None:
    chief = Chief(oracle, "127.0.0.1:0")
    jobs = {
        name: Job(_worker, asked, name, chief.port, run, log=asked.output / f"logs/{name}.log")
        for name in (f"worker-{number}" for number in range(asked.settings.workers))
    }

    try:
        if not chief.serve(math.inf, told.update, jobs):
            reasons = sorted({job.result()[1] or "ended" for job in jobs.values()})
            raise WorkersLostError(
                f"all workers died ({'; '.join(reasons)}), see {asked.output / 'logs'}; "
                "the same command goes on"
            )
    finally:
        for job in jobs.values():
            job.stop()


def _worker(
    asked: Search, name: str, port: int, run: Callable[..., Mapping[str, float]] | None
) -> None:
    os.environ |= {
        "KERASTUNER_TUNER_ID": name,
        "KERASTUNER_ORACLE_IP": "127.0.0.1",
        "KERASTUNER_ORACLE_PORT": str(port),
    }
    part = role()
    assert part is not None  # just set
    work(asked, part, say=lambda line: print(line, flush=True), run=run)
