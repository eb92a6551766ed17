"""The survey's objective table: every loss trained alike, every loss read as a metric.

OUTPUT/
    benchmark.yaml           what was asked; another benchmark is refused here
    statistics.npz           of the training mixtures, for all runs
    runs/LOSS/               an ordinary run
    evaluations/LOSS/        an ordinary evaluation; its summary.csv says it is finished
    logs/LOSS.log            what the run printed
    table.md table.csv table.tex  heatmap.png  boxes.png
"""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mss_keras import data, losses
from mss_keras.config import FEATURE_LAYERS, VGGISH, AdversarialConfig, EvaluationConfig, RunConfig
from mss_keras.evaluation import tables
from mss_keras.evaluation.evaluation import Evaluation
from mss_keras.experiments import benchmark_report
from mss_keras.jobs.claims import Claim
from mss_keras.jobs.machine import at_once
from mss_keras.jobs.processes import Job
from mss_keras.metrics import TrackScores, read_scores
from mss_keras.training import devices, loop, runs

_RUN_BYTES = 4 * 2**30  # what a run takes, roughly
_SHARED = "statistics.npz"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a loss.

    Args:
        tracks: scores of its tracks; none where it failed.
        failure: what was wrong, in a line.
    """

    tracks: tuple[TrackScores, ...] = ()
    failure: str | None = None


def resolve_losses(chosen: Sequence[str]) -> list[str]:
    """Names of losses in the catalogue's order, with `all` spelled out.

    Raises:
        UserError: for an unknown name.
    """
    names = losses.names() if "all" in chosen else list(chosen)
    for name in names:
        losses.entry(name)
    return [name for name in losses.names() if name in names]


def benchmark(
    config: RunConfig,
    chosen: Sequence[str],
    settings: EvaluationConfig,
    output: Path,
    *,
    jobs: int | None = None,
    demonstration: bool = False,
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> dict[str, Outcome]:
    """Trains and scores each loss that is not finished, and writes the table.

    The runs have seed, order of the data and budget in common; each has its loss's own
    learning rate unless one is given.

    Args:
        config: of the runs but for the loss.
        chosen: names of losses, or `all`.
        settings: subset and number of tracks to score.
        output: folder.
        jobs: losses trained at a time. Defaults to what cores and free memory allow.
        demonstration: whether the table says that it is one.
        say: called with a line for each thing that a user would want to know.
        progress: whether bars are shown.

    Returns:
        The outcome of each loss.

    Raises:
        UserError: for an unknown loss, unreadable data, or the folder of something else.
    """
    names = resolve_losses(chosen)
    settings = dataclasses.replace(settings, metrics=("all",), jobs=1)
    devices.choose("cpu")  # a GPU is the runs'
    music = data.as_wav(config.data, say=say, progress=progress)
    data.open_set(music, config.audio, splits=["train", "valid"])
    data.open_set(music, config.audio, splits=[settings.subset])
    scored = {"subset": settings.subset, "tracks": settings.tracks}
    asked = {**config.binding("benchmark"), **scored}
    Claim("benchmark", "benchmark.yaml", asked).take(output)
    if not (output / _SHARED).exists():
        train = data.open_set(music, config.audio).train
        data.compute_statistics(train, config.audio, progress=progress).save(output / _SHARED)
    music = dataclasses.replace(music, statistics=str(output / _SHARED))

    todo = {
        name: (dataclasses.replace(each, data=music), settings, output)
        for name, each in configurations(config, names).items()
        if not _finished(output, name)
    }
    if len(todo) < len(names):
        say(f"{len(names) - len(todo)} of {len(names)} losses are finished already")
    failures = _run(todo, jobs or at_once(_RUN_BYTES, cores_each=4), say)
    outcomes = {}
    for name in names:
        paths = sorted((output / "evaluations" / name / name).glob("*.json"))
        failure = None if _finished(output, name) else failures.get(name, "not finished")
        outcomes[name] = Outcome(() if failure else tuple(map(read_scores, paths)), failure)
    benchmark_report.write(outcomes, output, demonstration=demonstration)
    return outcomes


def configurations(config: RunConfig, names: Sequence[str]) -> dict[str, RunConfig]:
    """The configuration of each loss's run: hyper-parameters go to the losses that have them.

    Raises:
        UserError: for a hyper-parameter that none of the losses has.
    """
    losses.get_all(names, config.training.loss_args)
    found = {}
    for name in names:
        own = (name, *losses.hyperparameters(name))
        arguments = {k: v for k, v in config.training.loss_args.items() if k in own}
        training = dataclasses.replace(
            config.training, loss=(name,), loss_weight=(), loss_args=arguments
        )
        if losses.entry(name).loss.companion != "vggish":
            training = dataclasses.replace(training, vggish=VGGISH, feature_layers=FEATURE_LAYERS)
        opposed = losses.entry(name).loss.companion == "discriminators"
        adversarial = config.adversarial if opposed else AdversarialConfig()
        found[name] = dataclasses.replace(config, training=training, adversarial=adversarial)
    return found


def _finished(output: Path, name: str) -> bool:
    return (output / "evaluations" / name / "summary.csv").exists()


def _run(todo: Mapping[str, tuple], jobs: int, say: Callable[[str], None]) -> dict[str, str]:
    waiting, failures = list(todo), {}
    running: dict[str, Job] = {}
    start = time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                name = waiting.pop(0)
                log = todo[name][-1] / "logs" / f"{name}.log"
                running[name] = Job(_train_and_score, name, *todo[name], log=log)
            time.sleep(0.2)
            for name, job in list(running.items()):
                if job.alive:
                    continue
                del running[name]
                _, failure = job.result()
                if failure:
                    failures[name] = failure
                done = len(todo) - len(waiting) - len(running)
                left = (time.monotonic() - start) / done * (len(todo) - done) / 60
                say(f"{done}/{len(todo)} {name}: {failure or 'done'}, about {left:.0f} min left")
    finally:
        for job in running.values():
            job.stop()
    return failures


def _train_and_score(
    name: str, config: RunConfig, settings: EvaluationConfig, output: Path
) -> None:
    folder = output / "runs" / name
    loop.train(config, folder, say=lambda line: print(line, flush=True), verbose=2)
    evaluation = Evaluation(config.data, config.audio, settings, say=print)
    scored = output / "evaluations" / name
    scores, failed = evaluation.run(scored, runs.load(folder), name)
    if failed:
        raise RuntimeError(f"{failed} tracks could not be scored, see logs/{name}.log")
    tables.write_evaluation(scores, scored)
