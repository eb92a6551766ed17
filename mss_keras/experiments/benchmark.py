"""The survey's objective table: every loss trained alike, every loss read as a metric.

OUTPUT/
    benchmark.yaml           what was asked for; another benchmark is refused here
    statistics.npz           of the training mixtures, for all runs
    runs/LOSS/               an ordinary run
    evaluations/LOSS/        an ordinary evaluation; its summary.csv says that it is finished
    logs/LOSS.log            what the run printed
    claims/                  with --shared, who is at which loss
    table.md table.csv table.tex  heatmap.png  boxes.png
    report.html              all of it, and excerpts through every separator
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mss_keras import data, losses
from mss_keras.config import (
    CompareConfig,
    EvaluationConfig,
    RunConfig,
    UserError,
    WorkFailedError,
    require,
    require_known,
)
from mss_keras.domains import SCENES
from mss_keras.evaluation import tables
from mss_keras.evaluation.comparing import contestants
from mss_keras.evaluation.comparing.examples import Comparison, compared
from mss_keras.evaluation.comparing.hearing import Hearing
from mss_keras.evaluation.evaluation import Evaluation
from mss_keras.experiments import benchmark_page, benchmark_report
from mss_keras.experiments.benchmark_report import Outcome
from mss_keras.experiments.scheduling import run_all
from mss_keras.experiments.shared import Split, refuse_machines, with_decoded_data, with_statistics
from mss_keras.jobs.claims import Claim
from mss_keras.jobs.files import working_folder
from mss_keras.jobs.heartbeats import SharedClaims
from mss_keras.jobs.machine import at_once
from mss_keras.metrics import read_scores
from mss_keras.models.network import traits_of
from mss_keras.training import devices, loop, runs
from mss_keras.training.companions import refuse_unused, without_unused

_RUN_BYTES = 4 * 2**30  # what a run takes, roughly


class ScoringFailedError(WorkFailedError):
    """Tracks could not be scored."""


def benchmark(
    config: RunConfig,
    chosen: Sequence[str],
    settings: EvaluationConfig,
    *,
    output: Path,
    jobs: int | None = None,
    shared: bool = False,
    demonstration: bool = False,
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> dict[str, Outcome]:
    """Trains and scores each loss that is not finished, and writes the table.

    The runs have seed, order of the data and budget in common; each has its loss's own
    learning rate unless one is given. Where there are GPUs, each run has one of them.

    Args:
        config: of the runs but for the loss.
        chosen: names of losses, or `all`.
        settings: subset and number of tracks to score.
        output: folder of the benchmark.
        jobs: number of losses that are trained at a time. Defaults to the number of GPUs, or
            without GPUs to what the cores allow, and to fewer if free memory is short.
        shared: whether other machines may be at work on the same benchmark, in the same folder.
            Each takes losses that no other has, and all write the table. Defaults to `False`.
        demonstration: whether the table says that it is a demonstration. Defaults to `False`.
        say: called with a line for each thing that a user would want to know.
        progress: whether bars are shown.

    Returns:
        The outcome of each loss.

    Raises:
        UserError: for an unknown loss, unreadable data, or the folder of something else.
    """
    require(jobs is None or jobs > 0, "jobs", found=jobs, wanted="a number above 0")
    refuse_machines(config)
    names = resolve_losses(chosen, config.model.network)
    configurations(config, names)  # a wrong setting fails before anything is made
    settings = dataclasses.replace(settings, metrics=("all",), jobs=1)
    scored = {"subset": settings.subset, "tracks": settings.tracks}
    claim = Claim("benchmark", "benchmark.yaml", {**config.binding("benchmark"), **scored})
    splits: list[Split] = list(dict.fromkeys(("train", "valid", settings.subset)))

    devices.choose("cpu")  # a GPU is the runs'
    decoded = partial(with_decoded_data, splits=splits, say=say, progress=progress)
    if not shared:
        config = decoded(config)
    with _place(claim, output, shared=shared) as claims:
        with _alone(claims, "preparation"):
            config = decoded(config) if shared else config
            config = with_statistics(config, output, progress=progress)
        all_work = [
            LossWork(name, each, settings, output)
            for name, each in configurations(config, names).items()
        ]
        todo = [work for work in all_work if not work.finished]
        if len(todo) < len(names):
            say(f"{len(names) - len(todo)} of {len(names)} losses are finished already")
        gpus = devices.gpu_names(config.training.devices)
        at_a_time = jobs or at_once(_RUN_BYTES, cores_each=4, gpus=len(gpus))
        failures = run_all(todo, at_a_time, say, gpus=gpus, claims=claims)
        outcomes = {work.name: work.outcome(failures.get(work.name)) for work in all_work}
        with _alone(claims, "report"):
            benchmark_report.write(outcomes, output, demonstration=demonstration)
            began = time.monotonic()
            with working_folder(output) as folder:
                comparison = _comparison(all_work, folder, say=say, progress=progress)
                benchmark_page.write(
                    outcomes, output, demonstration=demonstration, comparison=comparison
                )
            heard = comparison.length if comparison else "no examples"
            say(f"{output / benchmark_page.PAGE}: {heard}, in {time.monotonic() - began:.0f} s")
        return outcomes


@contextlib.contextmanager
def _place(claim: Claim, output: Path, *, shared: bool) -> Iterator[SharedClaims | None]:
    # The folder of a benchmark, for this process alone or beside those of other machines.
    if not shared:
        with claim.alone(output):
            yield None
        return
    claim.take(output)
    with contextlib.closing(SharedClaims(output / "claims")) as claims:
        yield claims


def _alone(claims: SharedClaims | None, name: str) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext() if claims is None else claims.alone(name)


def _comparison(
    all_work: Sequence["LossWork"], folder: Path, *, say: Callable[[str], None], progress: bool
) -> Comparison | None:
    # Excerpts through the separators that are finished. What is wrong costs the examples alone.
    done = [work for work in all_work if work.finished]
    if not done or not done[0].settings.examples:
        return None
    config, settings = done[0].config, done[0].settings
    subset: Any = settings.subset
    entries = [
        contestants.of_model(work.name, partial(runs.load, work.trained), audio=config.audio)
        for work in done
    ]
    try:
        found = data.open_set(config.data, config.audio, splits=[subset])
        tracks = getattr(found, subset)[: settings.tracks]
        hearing = Hearing(
            sources=config.data.sources,
            audio=config.audio,
            metrics=losses.readable(),
            work=folder,
            say=say,
            progress=progress,
        )
        chosen = CompareConfig(subset=subset, examples=settings.examples)
        return compared(entries, tracks, chosen, hearing=hearing)
    except UserError as error:
        say(f"no examples: {error.quoted}")
        return None


def resolve_losses(chosen: Sequence[str], network: str = "joint") -> list[str]:
    """Names of losses in the catalogue's order, with `all` spelled out.

    Args:
        chosen: names of losses, or `all` that can be read of what the network estimates.
        network: as `ModelConfig.network`. Defaults to one that makes masks.

    Raises:
        UserError: for an unknown name.

    Example:
        >>> resolve_losses(["psa", "l1_time"])
        ['l1_time', 'psa']
    """
    names = list(chosen)
    if "all" in chosen:
        domains = SCENES[traits_of(network).domain].domains
        names = [name for name in losses.names() if losses.entry(name).domain in domains]
    require_known(names, "losses", losses.names())
    return [name for name in losses.names() if name in names]


def configurations(config: RunConfig, names: Sequence[str]) -> dict[str, RunConfig]:
    """The configuration of each loss's run: a setting goes to the losses that have it.

    Args:
        config: of all runs, with the settings of all losses.
        names: of the losses.

    Raises:
        UserError: for a hyper-parameter or another setting that none of the losses has, or as
            `mss_keras.training.loop.check_network`.
    """
    loop.check_network(config, names)
    losses.get_all(names, config.training.loss_args)
    refuse_unused(config, names)
    found = {}
    for name in names:
        own = (name, *losses.hyperparameters(name))
        arguments = {k: v for k, v in config.training.loss_args.items() if k in own}
        training = dataclasses.replace(
            config.training, loss=(name,), loss_weight=(), loss_args=arguments
        )
        found[name] = without_unused(dataclasses.replace(config, training=training))
    return found


@dataclasses.dataclass(frozen=True)
class LossWork:
    """What a benchmark does for one loss: a run, and its evaluation.

    Args:
        name: of the loss.
        config: of the run.
        settings: of the evaluation.
        output: folder of the benchmark.
    """

    name: str
    config: RunConfig
    settings: EvaluationConfig
    output: Path

    @property
    def trained(self) -> Path:
        """Folder of the run."""
        return self.output / "runs" / self.name

    @property
    def log(self) -> Path:
        """File that gets what the run prints."""
        return self.output / "logs" / f"{self.name}.log"

    @property
    def finished(self) -> bool:
        """Whether the run is trained and scored."""
        return (self._scored / "summary.csv").exists()

    def outcome(self, failure: str | None) -> Outcome:
        """What became of the loss.

        Args:
            failure: what went wrong, in a line, where it is known.
        """
        if not self.finished:
            return Outcome(failure=failure or "not finished")
        paths = sorted((self._scored / self.name).glob("*.json"))
        return Outcome(tuple(map(read_scores, paths)))

    def run(self) -> None:
        """Trains the run, or goes on training it, and scores it.

        Raises:
            ScoringFailedError: if tracks could not be scored.
        """
        folder = self.trained
        loop.train(self.config, folder, say=lambda line: print(line, flush=True))
        evaluation = Evaluation(self.config.data, self.config.audio, self.settings, say=print)
        scores, failed = evaluation.run(self._scored, runs.load(folder), self.name)
        if failed:
            raise ScoringFailedError(
                f"{failed} tracks could not be scored, see logs/{self.log.name}"
            )
        tables.write_evaluation(scores, self._scored)

    @property
    def _scored(self) -> Path:
        return self.output / "evaluations" / self.name
