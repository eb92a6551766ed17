"""The search for the weights of losses, by KerasTuner.

OUTPUT/
    search.yaml           what was asked for; another search is refused here
    statistics.npz        of the training mixtures, for all trials
    oracle/               KerasTuner's state
    at-work/              locks of the trials that are at work, a file for each machine
    trials/ID/            an ordinary run, without its report
    logs/ID.log           what the trial printed
    trials.csv best.yaml  tensorboard/  weights.png  coordinates.png  progress.png
    best-ID/              the run of the best trial, trained fully
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from keras_tuner.engine.trial import Trial

from mss_keras.config import RunConfig, SearchConfig, UserError, WorkFailedError
from mss_keras.experiments.search.chief import Chief
from mss_keras.experiments.search.plan import RENAMED, Search, bring_up_to_date
from mss_keras.experiments.search.report import Progress
from mss_keras.experiments.search.role import Role
from mss_keras.experiments.search.tuner import TrainTrial, Tuner, train_trial
from mss_keras.experiments.search.workers import serve_local_workers, work
from mss_keras.experiments.shared import ending, result_of
from mss_keras.jobs.files import appearing
from mss_keras.jobs.gpus import Gpus
from mss_keras.jobs.processes import Job
from mss_keras.training import devices, loop
from mss_keras.training.scores import Score


class TrialsFailedError(WorkFailedError):
    """No trial was completed."""


class TrainingFailedError(WorkFailedError):
    """The best trial could not be trained fully."""


def search(
    search: Search,
    *,
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
    train: TrainTrial = train_trial,
) -> Progress | None:
    """Searches, or goes on searching.

    KerasTuner's environment variables make this process the chief of workers on other machines,
    or one of the workers; see `Role`.

    Args:
        search: what is searched, and how.
        say: called with a line for each thing that a user would want to know.
        progress: whether bars are shown.
        train: as in `Tuner`.

    Returns:
        What came of the search; None from a worker.

    Raises:
        UserError: for anything the user can mend, or the folder of something else.
        WorkersLostError: if all workers on this machine died.
        ChiefLostError: from a worker, if the chief does not answer.
    """
    role = Role.from_environment()
    if role is not None and not role.is_chief:
        work(search, role, say=say, train=train)
        return None
    workers = search.settings.workers
    if role is not None and workers > 1:
        raise UserError("workers", f"{workers} with KERASTUNER_TUNER_ID", "one of the two")
    timeout = search.settings.worker_timeout
    if role is None and timeout != SearchConfig().worker_timeout:
        wanted = "it with KERASTUNER_TUNER_ID: workers of this machine need none"
        raise UserError("worker_timeout", timeout, wanted)
    if (old := search.settings.objective) in RENAMED:
        say(f"the objective {old} is called {search.objective} now")

    devices.choose("cpu")  # a GPU is the trials'
    prepared = search.with_decoded_data(say=say, progress=progress)
    bring_up_to_date(search.output)
    with search.claim().alone(search.output):
        prepared = prepared.with_statistics(progress=progress)
        oracle = search.oracle()
        oracle.chief = role is not None
        found = Progress(search, oracle, say=say)
        model, after = prepared.model(), found.update
        tuner = Tuner(oracle, model, search.output, after_trial=after, say=say, train=train)
        found.begin()
        if role is not None:
            say(f"chief at {role.address}")
            Chief(oracle, role.address).serve(search.settings.worker_timeout, found.update)
        elif workers > 1:
            serve_local_workers(search, oracle, found, train=train)
        else:
            tuner.search()
        found.finish()
        return found


def best_folder(search: Search, progress: Progress) -> Path:
    """Folder of the run that `train_best` trains.

    Raises:
        TrialsFailedError: if no trial was completed.
    """
    return search.output / f"best-{_best_trial(search, progress).trial_id}"


def train_best(
    search: Search,
    progress: Progress,
    *,
    say: Callable[[str], None] = print,
    bars: bool = False,
) -> list[Score]:
    """Trains the configuration of the best trial fully, from where the trial ended.

    Like a trial, it has one GPU where there are some.

    Args:
        search: as in `search`.
        progress: what `search` returned.
        say: as in `search`; it has to be importable, for it is called in another process too.
            Defaults to `print`.
        bars: whether bars are shown.

    Returns:
        As `mss_keras.training.loop.train`.

    Raises:
        TrialsFailedError: if no trial was completed.
        TrainingFailedError: if the training fails.
    """
    trial, folder = _best_trial(search, progress), best_folder(search, progress)
    prepared = search.with_decoded_data(say=say, progress=bars).with_statistics(progress=bars)
    config = prepared.best(trial)
    if not folder.exists() and config.training.epochs >= search.epochs:
        with appearing(folder) as partial:
            shutil.copytree(search.output / "trials" / trial.trial_id, partial)
    environment = Gpus(devices.gpu_names(config.training.devices)).take()
    job = Job(_train, config, folder, {"say": say, "progress": bars}, environment=environment)
    with ending([job]):
        result = result_of(job)
    if result.failure:
        raise TrainingFailedError(f"{folder}: {result.failure}")
    return result.value


def _best_trial(search: Search, progress: Progress) -> Trial:
    if progress.best_trial is None:
        raise TrialsFailedError(f"no trial was completed, see {search.output / 'logs'}")
    return progress.best_trial


def _train(config: RunConfig, folder: Path, options: dict) -> list[Score]:
    return loop.train(config, folder, **options)
