"""Workers of a search: processes that run the trials of a chief."""

import math
from collections.abc import Callable

from mss_keras.config import WorkFailedError
from mss_keras.experiments.search.chief import Chief
from mss_keras.experiments.search.client import Client
from mss_keras.experiments.search.oracle import Oracle
from mss_keras.experiments.search.plan import Search
from mss_keras.experiments.search.report import Progress
from mss_keras.experiments.search.role import Role
from mss_keras.experiments.search.tuner import TrainTrial, Tuner, train_trial
from mss_keras.experiments.shared import ending
from mss_keras.jobs.gpus import Gpus
from mss_keras.jobs.processes import Job
from mss_keras.training import devices


class WorkersLostError(WorkFailedError):
    """All workers died."""


def work(
    search: Search,
    role: Role,
    *,
    say: Callable[[str], None] = print,
    train: TrainTrial = train_trial,
) -> None:
    """Runs trials of a chief until it has no more.

    Args:
        search: the same as the chief's.
        role: this worker's name and the chief's address.
        say: called with a line for each thing that a user would want to know.
        train: as in `Tuner`.

    Raises:
        UserError: if the folder is of another search, or the data cannot be read.
        ChiefLostError: if the chief does not answer.
    """
    devices.choose("cpu")  # a GPU is the trials'
    client = Client(search.oracle(), role)
    say(f"worker {role.name} of the chief at {role.address}")
    client.patiently(client.get_space)  # once it answers, the chief has decoded the data
    search.claim().check(search.output)
    prepared = search.with_decoded_data(say=say, progress=False).with_statistics(progress=False)
    tuner = Tuner(search.oracle(), prepared.model(), search.output, say=say, train=train)
    tuner.oracle, tuner.tuner_id = client, role.name
    tuner.search()


def serve_local_workers(
    search: Search, oracle: Oracle, progress: Progress, *, train: TrainTrial = train_trial
) -> None:
    """Runs the trials of a search in so many processes of this machine as its settings say.

    Where there are GPUs, the trials of each worker have one of them.

    Args:
        search: the search.
        oracle: chooses the trials.
        progress: learns of each trial.
        train: as in `Tuner`.

    Raises:
        WorkersLostError: if all workers died.
    """
    chief, logs = Chief(oracle, "127.0.0.1:0"), search.output / "logs"
    roles = [
        Role(f"worker-{number}", f"127.0.0.1:{chief.port}")
        for number in range(search.settings.workers)
    ]
    gpus = Gpus(devices.gpu_names(search.config.training.devices))
    jobs = {
        role.name: Job(
            *(_work, search, role, train),
            log=logs / f"{role.name}.log",
            environment=gpus.take(),
        )
        for role in roles
    }
    with ending(jobs.values()):
        if not chief.serve(math.inf, progress.update, jobs):
            reasons = sorted({job.result().failure or "ended" for job in jobs.values()})
            raise WorkersLostError(
                f"all workers died ({'; '.join(reasons)}), see {logs}; the same command goes on"
            )


def _work(search: Search, role: Role, train: TrainTrial) -> None:
    role.to_environment()
    work(search, role, say=lambda line: print(line, flush=True), train=train)
