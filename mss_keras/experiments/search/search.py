"""The search for the weights of losses, by KerasTuner.

OUTPUT/
    search.yaml           what was asked; another search is refused here
    statistics.npz        of the training mixtures, for all trials
    oracle/               KerasTuner's state
    trials/ID/            an ordinary run, without its report
    logs/ID.log           what the trial printed
    trials.csv best.yaml  tensorboard/  weights.png  coordinates.png  progress.png
    best-ID/              the best trial's run, trained fully
"""

import math
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from mss_keras.config import RunConfig, UserError
from mss_keras.experiments.search.chief import Chief, Client, role
from mss_keras.experiments.search.oracles import Oracle
from mss_keras.experiments.search.plan import RunModel, Search
from mss_keras.experiments.search.report import Progress
from mss_keras.experiments.search.tuner import Tuner
from mss_keras.jobs.files import appearing
from mss_keras.jobs.processes import INTERRUPTED, Job
from mss_keras.training import devices, loop
from mss_keras.training.report import Score


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
    asked.claim().take(asked.output)
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


def best_folder(asked: Search, told: Progress) -> Path:
    """Folder of the run that `train_best` trains; arguments as there."""
    assert told.best_trial is not None
    return asked.output / f"best-{told.best_trial.trial_id}"


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
    folder, begun = best_folder(asked, told), asked.output / "trials" / trial.trial_id
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


def _train(
    config: RunConfig, folder: Path, say: Callable[[str], None], verbose: int
) -> list[Score]:
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
    asked.claim().check(asked.output)
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
