"""Commands of many runs."""

import dataclasses
import sys
from pathlib import Path

from jsonargparse import Namespace

from mss_keras import config
from mss_keras.config import UserError, WorkFailedError, from_options
from trainer.commands.shared import fetch_pretrained, require_root, run_config, say, with_music


def benchmark(options: Namespace) -> None:
    """`python -m trainer benchmark`."""
    run, settings = run_config(options), from_options(config.EvaluationConfig, vars(options))
    config.require_known(options.losses, "losses", ("all", *config.LOSSES))
    require_root(options)

    from mss_keras.experiments import benchmark

    output, network = Path(options.output), run.model.network
    benchmark.resolve_losses(options.losses, network)  # a wrong loss fails before anything is made
    fetch_pretrained(run, output)
    outcomes = benchmark.benchmark(
        with_music(run, options, output),
        options.losses,
        settings,
        output=output,
        jobs=options.jobs,
        shared=options.shared,
        demonstration=options.demo,
        say=say,
        progress=sys.stderr.isatty(),
    )
    say((output / "table.md").read_text())
    failed = [name for name, outcome in outcomes.items() if outcome.failure]
    if failed:
        raise WorkFailedError(f"{', '.join(failed)}; the same command tries them again")


def tune(options: Namespace) -> None:
    """`python -m trainer tune`."""
    run, settings = run_config(options), from_options(config.SearchConfig, vars(options))
    if options.export and not options.then_train:
        raise UserError("export", "no `then_train`", "both")
    require_root(options)

    from mss_keras.experiments.search.plan import Search
    from mss_keras.experiments.search.search import best_folder, search, train_best
    from mss_keras.training import next_steps, scores
    from mss_keras.training.publishing import publish

    output = Path(options.output)
    planned = Search(run, settings, output, options.demo)  # a wrong value fails first
    fetch_pretrained(run, output)
    planned = dataclasses.replace(planned, config=with_music(run, options, output))
    progress = search(planned, say=say, progress=sys.stderr.isatty())
    if progress is None:  # this process was a worker; its chief tells the rest
        return
    say(f"\n{progress.table()}\n")
    folder = best_folder(planned, progress)
    say(f"the best, for train --config: {output / 'best.yaml'}")
    say(f"TensorBoard: {next_steps.tensorboard_command(output / 'tensorboard')}")
    if options.then_train:
        found = train_best(planned, progress, say=say, bars=sys.stderr.isatty())
        say(f"\n{scores.table(found)}")
    if options.export:
        separation, limits = config.SeparationConfig(), config.ServingConfig()
        path = publish(folder, options.export, separation, limits=limits)
        say(f"version {path.name} in {path}")
