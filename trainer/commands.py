"""A function for each command: it makes specifications of options, calls the library and prints.

TensorFlow takes seconds to import, so the functions import the library after they have checked
the options.
"""

import dataclasses
import sys
from functools import partial
from pathlib import Path

from jsonargparse import Namespace

from mss_keras import config
from mss_keras.config import RunConfig, UserError, WorkFailedError, from_options
from mss_keras.config.errors import respelled
from mss_keras.jobs.claims import read_mapping
from trainer.arguments import DEMO_CONFIG
from trainer.mistakes import spelled

_DEMONSTRATION = (
    "\nThis is a demonstration: a small network that has heard 4.5 seconds of one song (train), "
    "tried on the rest of it (valid). It is not a trained separator."
)

_LISTENED_EPOCHS = 10  # of the networks of a demonstration of a listening test


def train(options: Namespace) -> None:
    """`python -m trainer train`."""
    run = _run_config(options)
    _require_root(options)

    from mss_keras.training import loop, report

    loop.resolve(run)  # a wrong loss fails before anything is made
    default = "demo" if options.demo else "+".join(run.training.loss)
    output = Path(options.output or f"runs/{default}")
    run = _with_music(run, options, output)
    if options.dry_run:
        from mss_keras.training.dry_run import dry_run

        for line in dry_run(run, say=_say, progress=sys.stderr.isatty()).lines():
            _say(line)
        return
    try:
        scores = loop.train(run, output, say=_say, verbose=_verbosity())
    except WorkFailedError as error:
        if any(output.glob("checkpoints/epoch-*")):
            error.add_note(f"the last checkpoint is in {output}")
        raise
    _say(f"\n{report.table(scores)}")
    if options.demo:
        _say(_DEMONSTRATION)
    _say(f"\nIn {output}: {', '.join(sorted(path.name for path in output.iterdir()))}")


def prepare(options: Namespace) -> None:
    """`python -m trainer prepare`."""
    _require_root(options)

    from mss_keras import data

    _fetch(options)
    output = options.output or data.beside(options.root)
    progress = sys.stderr.isatty()
    count = data.prepare(options.root, output, jobs=options.jobs, progress=progress, say=_say)
    _say(f"{count} tracks decoded, all are in {output}")


def check_data(options: Namespace) -> None:
    """`python -m trainer check-data`."""
    audio = from_options(config.AudioConfig, vars(options))
    dataset = from_options(config.DataConfig, vars(options))
    _require_root(options)

    from mss_keras import data

    progress = sys.stderr.isatty()
    findings = data.check(options.root, dataset.sources, audio, progress=progress)
    for finding in findings:
        _say(f"{'error' if finding.fatal else 'warning'}: {finding.path}: {finding.message}")
    errors = sum(finding.fatal for finding in findings)
    _say(f"{errors} errors, {len(findings) - errors} warnings")
    if errors:
        raise WorkFailedError(f"{options.root} has errors")


def devices(options: Namespace) -> None:
    """`python -m trainer devices`."""
    training = from_options(config.TrainingConfig, vars(options))

    from mss_keras.training import devices

    facts = devices.facts(training)
    width = max(map(len, facts))
    for name, fact in facts.items():
        _say(f"{name:<{width}}  {fact}")


def separate(options: Namespace) -> None:
    """`python -m trainer separate`."""
    separation = from_options(config.SeparationConfig, vars(options))
    files = from_options(config.SongConfig, vars(options))
    if options.two_stems:
        separation = separation.two_stems(options.two_stems)

    from mss_keras.data import find_songs
    from mss_keras.separation.songs import separate_songs
    from mss_keras.training import runs

    songs, output = find_songs(options.inputs), Path(options.output)
    separator = runs.load(options.model, precision=options.precision)
    failed = separate_songs(separator, songs, output, options=separation, files=files, say=_say)
    if failed:
        raise WorkFailedError(f"{failed} of {len(songs)} songs")


def evaluate(options: Namespace) -> None:
    """`python -m trainer evaluate`."""
    values = vars(options)
    settings = from_options(config.EvaluationConfig, values)
    separation = from_options(config.SeparationConfig, values)
    dataset = from_options(config.DataConfig, values)
    audio = from_options(config.AudioConfig, values)
    _require_root(options)

    from mss_keras.evaluation import evaluate
    from mss_keras.training import runs

    model, name = None, Path(options.model or "model").stem
    if options.model:
        model = runs.load(options.model, precision=options.precision)
        name = "-".join(filter(None, [name, options.precision]))
    summary, failed = evaluate(
        Path(options.output),
        settings,
        dataset=dataset,
        audio=audio,
        model=model,
        name=name,
        separation=separation,
        say=_say,
        progress=sys.stderr.isatty(),
    )
    if summary:
        _say(summary)
    if failed:
        raise WorkFailedError(f"{failed} tracks; the same command tries them again")


def benchmark(options: Namespace) -> None:
    """`python -m trainer benchmark`."""
    run, settings = _run_config(options), from_options(config.EvaluationConfig, vars(options))
    config.require_known(options.losses, "losses", ("all", *config.LOSSES))
    _require_root(options)

    from mss_keras.experiments import benchmark

    benchmark.resolve_losses(options.losses)  # a wrong loss fails before anything is made
    output = Path(options.output)
    outcomes = benchmark.benchmark(
        _with_music(run, options, output),
        options.losses,
        settings,
        output=output,
        jobs=options.jobs,
        demonstration=options.demo,
        say=_say,
        progress=sys.stderr.isatty(),
    )
    _say((output / "table.md").read_text())
    failed = [name for name, outcome in outcomes.items() if outcome.failure]
    if failed:
        raise WorkFailedError(f"{', '.join(failed)}; the same command tries them again")


def tune(options: Namespace) -> None:
    """`python -m trainer tune`."""
    run, settings = _run_config(options), from_options(config.SearchConfig, vars(options))
    if options.export and not options.then_train:
        raise UserError("export", "no `then_train`", "both")
    _require_root(options)

    from mss_keras.experiments.search.plan import Search
    from mss_keras.experiments.search.search import best_folder, search, train_best
    from mss_keras.training import report
    from mss_keras.training.publishing import publish

    output = Path(options.output)
    planned = Search(run, settings, output, options.demo)  # a wrong value fails first
    planned = dataclasses.replace(planned, config=_with_music(run, options, output))
    progress = search(planned, say=_say, progress=sys.stderr.isatty())
    if progress is None:  # this process was a worker; its chief tells the rest
        return
    _say(f"\n{progress.table()}\n")
    folder = best_folder(planned, progress)
    _say(f"the best, for train --config: {output / 'best.yaml'}")
    if options.then_train:
        scores = train_best(planned, progress, say=_say, verbose=_verbosity())
        _say(f"\n{report.table(scores)}")
    if options.export:
        separation, limits = config.SeparationConfig(), config.ServingConfig()
        path = publish(folder, options.export, separation, limits=limits)
        _say(f"version {path.name} in {path}")


def listen(options: Namespace) -> None:
    """`python -m trainer listen`."""
    settings = from_options(config.ListeningConfig, vars(options))
    hosting = from_options(config.HostingConfig, vars(options))
    output = Path(options.output or ("runs/listening-demo" if options.demo else "listening"))
    if options.serve:
        from mss_keras.listening.server import serve

        serve(output, hosting, say=_say)
        return
    if options.demo:
        _make_demo_test(output)
        return
    separation = from_options(config.SeparationConfig, {**vars(options), "targets": ()})
    dataset = from_options(config.DataConfig, vars(options))
    audio = from_options(config.AudioConfig, vars(options))
    _require_root(options)

    from mss_keras.listening import building, systems
    from mss_keras.training import runs

    rated = systems.all_of(
        settings.paths(),
        load=partial(runs.load, precision=options.precision),
        subset=settings.subset,
        audio=audio,
        separation=separation,
    )
    progress = sys.stderr.isatty()
    test = building.Building(
        settings, rated, dataset, audio, separation, say=_say, progress=progress
    )
    test.run(output)


def correlate(options: Namespace) -> None:
    """`python -m trainer correlate`."""
    settings = from_options(config.CorrelationConfig, vars(options))

    if options.demo:
        from mss_keras.listening.demonstration import demonstrate

        output = Path(options.output or "runs/correlation-demo")
        demonstrate(
            output,
            Path(options.test or "runs/listening-demo"),
            make=_make_demo_test,
            settings=settings,
            say=_say,
            progress=sys.stderr.isatty(),
        )
    else:
        from mss_keras.listening.correlate import correlate

        output = Path(options.output or "correlation")
        test = None if options.test is None else Path(options.test)
        correlate(options.ratings, options.scores, output, test=test, settings=settings, say=_say)
    _say(f"\nIn {output}: {', '.join(sorted(path.name for path in output.iterdir()))}")


def import_openunmix(options: Namespace) -> None:
    """`python -m trainer import-openunmix`."""
    from mss_keras.separation import importing

    separator = importing.import_openunmix(options.inputs, Path(options.output))
    model, audio = separator.network_config, separator.audio
    _say(
        f"{', '.join(separator.source_names)}: hidden size {model.hidden_size}, "
        f"{'unidirectional' if model.unidirectional else 'bidirectional'}, "
        f"{audio.nb_channels} channels at {audio.sample_rate} Hz, in {options.output}"
    )


def export(options: Namespace) -> None:
    """`python -m trainer export`."""
    separation = from_options(config.SeparationConfig, vars(options))
    limits = from_options(config.ServingConfig, vars(options))

    from mss_keras.training.publishing import publish

    path = publish(
        options.model,
        options.output,
        separation,
        limits=limits,
        precision=options.precision,
    )
    _say(f"version {path.name} in {path}")


def _make_demo_test(folder: Path) -> None:
    from mss_keras.listening import demo
    from mss_keras.training import loop, runs

    def train(loss: str, root: Path, run: Path) -> runs.Separator:
        loop.train(_demo_config(loss, root), run, say=_say, report=False)
        return runs.load(run)

    demo.make(folder, train=train, say=_say, progress=sys.stderr.isatty())


def _run_config(options: Namespace) -> RunConfig:
    run = RunConfig.from_flat({name: options[name] for name in config.fields() if name in options})
    config.require_known(run.training.loss, "loss", config.LOSSES)
    return run


def _demo_config(loss: str, root: Path) -> RunConfig:
    # A small network that trains for half a minute.
    values = read_mapping(DEMO_CONFIG, "the sizes of a demonstration")
    own = {"epochs": _LISTENED_EPOCHS, "loss": [loss], "root": str(root)}
    return RunConfig.from_flat({**values, **own})


def _require_root(options: Namespace) -> None:
    if options.root is not None and not options.get("download"):
        from mss_keras.data.tracks import find_kind  # which needs no TensorFlow

        find_kind(options.root)
    if options.root is None and not options.get("demo"):
        raise UserError("root", "nothing", "the folder of a data set")


def _with_music(run: RunConfig, options: Namespace, output: Path) -> RunConfig:
    # --demo makes its data set beside OUTPUT; --download fetches that of ROOT.
    _fetch(options)
    if not options.demo:
        return run
    if options.root is not None:
        raise UserError("demo", "it with `root`", "one of the two")

    from mss_keras import data

    root = str(data.make_demo(output.with_name(f"{output.name}-data")))
    return dataclasses.replace(run, data=dataclasses.replace(run.data, root=root))


def _fetch(options: Namespace) -> None:
    if not options.get("download"):
        return
    if options.root is None:
        raise UserError("root", "nothing", "the folder that `download` is to make")
    if not Path(options.root).exists():
        from mss_keras import data

        data.download(options.root, options.download_url)


def _verbosity() -> int:
    # Keras's progress: a bar in a terminal, or else a line for each epoch.
    return 1 if sys.stdout.isatty() else 2


def _say(line: str) -> None:
    print(respelled(line, spelled), flush=True)
