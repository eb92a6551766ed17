"""One function a command: call the library, print what it says. No logic."""

import dataclasses
import sys
from pathlib import Path

from jsonargparse import Namespace

from mss_keras import config
from mss_keras.config import RunConfig, UserError


def train(options: Namespace) -> int:
    """`python -m trainer train`."""
    values = {name: options[name] for name in config.fields()}
    # Wrong values are told before anything is imported or made.
    settings = RunConfig.from_flat(values)

    from mss_keras import data
    from mss_keras.training import loop, report
    from mss_keras.training.callbacks import DivergedError

    loop.resolve(settings)  # an unknown loss, too
    default = "demo" if options.demo else "+".join(settings.training.loss)
    output = Path(options.output or f"runs/{default}")
    if options.demo:
        values["root"] = str(data.make_demo(output.with_name(f"{output.name}-data")))
    _fetch(options)
    try:
        scores = loop.train(
            RunConfig.from_flat(values), output, say=_say, verbose=1 if sys.stdout.isatty() else 2
        )
    except DivergedError as error:
        print(f"stopped: {error}; the last checkpoint is in {output}", file=sys.stderr)
        return 1
    _say("")
    _say(report.table(scores))
    if options.demo:
        _say(
            "\nThis is a demonstration: a small network that has heard 4.5 seconds of one song "
            "(train), tried on the rest of it (valid). It is not a trained separator."
        )
    _say(f"\nIn {output}: {', '.join(sorted(path.name for path in output.iterdir()))}")
    return 0


def prepare(options: Namespace) -> int:
    """`python -m trainer prepare`."""
    from mss_keras import data

    root = _root(options)
    _fetch(options)
    output = options.output or f"{root.rstrip('/')}-wav"
    count = data.prepare(root, output, jobs=options.jobs)
    _say(f"{count} tracks decoded, all are in {output}")
    return 0


def check_data(options: Namespace) -> int:
    """`python -m trainer check-data`."""
    from mss_keras import data

    audio = config.AudioConfig(sample_rate=options.sample_rate, nb_channels=options.nb_channels)
    findings = data.check(_root(options), tuple(options.sources), audio)
    for finding in findings:
        _say(f"{'error' if finding.fatal else 'warning'}: {finding.path}: {finding.message}")
    errors = sum(finding.fatal for finding in findings)
    _say(f"{errors} errors, {len(findings) - errors} warnings")
    return 1 if errors else 0


def separate(options: Namespace) -> int:
    """`python -m trainer separate`."""
    # Wrong values are told before anything is loaded.
    separation = config.from_options(config.SeparationConfig, options)
    files = config.from_options(config.SongConfig, options)

    from mss_keras.data import find_songs
    from mss_keras.separation.songs import separate_songs
    from mss_keras.training import runs

    songs = find_songs(options.inputs)
    separator = runs.load(options.model)
    failed = separate_songs(
        separator, songs, Path(options.output), options=separation, files=files, say=_say
    )
    if failed:
        print(f"{failed} of {len(songs)} songs failed", file=sys.stderr)
    return 1 if failed else 0


def evaluate(options: Namespace) -> int:
    """`python -m trainer evaluate`."""
    settings = config.from_options(config.EvaluationConfig, options)
    separation = config.from_options(config.SeparationConfig, options)
    music = config.from_options(config.DataConfig, options)
    audio = config.from_options(config.AudioConfig, options)
    _root(options)

    from mss_keras.evaluation import evaluate
    from mss_keras.training import runs

    summary, failed = evaluate(
        Path(options.output),
        settings,
        music=music,
        audio=audio,
        model=runs.load(options.model) if options.model else None,
        name=Path(options.model or "model").stem,
        separation=separation,
        say=_say,
        progress=sys.stderr.isatty(),
    )
    if summary:
        _say(summary)
    if failed:
        print(f"{failed} tracks failed; the same command tries them again", file=sys.stderr)
    return 1 if failed else 0


def benchmark(options: Namespace) -> int:
    """`python -m trainer benchmark`."""
    values = {name: options[name] for name in config.fields() if name in options}
    settings = config.from_options(config.EvaluationConfig, options)
    RunConfig.from_flat(values)

    from mss_keras import data
    from mss_keras.experiments import benchmark

    benchmark.resolve_losses(options.losses)
    output = Path(options.output)
    if options.demo:
        values["root"] = str(data.make_demo(output.with_name(f"{output.name}-data")))
        settings = dataclasses.replace(settings, subset="valid")
    outcomes = benchmark.benchmark(
        RunConfig.from_flat(values),
        options.losses,
        settings,
        output,
        jobs=options.jobs,
        demonstration=options.demo,
        say=_say,
        progress=sys.stderr.isatty(),
    )
    _say((output / "table.md").read_text())
    failed = [name for name, outcome in outcomes.items() if outcome.failure]
    if failed:
        print(f"failed: {', '.join(failed)}; the same command tries them again", file=sys.stderr)
    return 1 if failed else 0


def tune(options: Namespace) -> int:
    """`python -m trainer tune`."""
    values = {name: options[name] for name in config.fields()}
    settings = config.from_options(config.SearchConfig, options)
    run = RunConfig.from_flat(values)
    if options.export and not options.then_train:
        raise UserError("--export: found without --then-train, wanted both")

    from mss_keras import data
    from mss_keras.experiments.search import search
    from mss_keras.experiments.search.chief import ChiefLostError
    from mss_keras.experiments.search.plan import Search
    from mss_keras.training import report

    output = Path(options.output)
    Search(run, settings, output)  # wrong values are told before anything is made
    if options.demo:
        values["root"] = str(data.make_demo(output.with_name(f"{output.name}-data")))
    asked = Search(RunConfig.from_flat(values), settings, output, options.demo)
    try:
        told = search.search(asked, say=_say, progress=sys.stderr.isatty())
        if told is None:  # a worker
            return 0
        _say(f"\n{told.table()}\n")
        if not told.best_trial:
            print(f"no trial was completed, see {output / 'logs'}", file=sys.stderr)
            return 1
        _say(f"the best, for train --config: {output / 'best.yaml'}")
        if options.then_train:
            shown = 1 if sys.stdout.isatty() else 2
            scores = search.train_best(asked, told, say=_say, verbose=shown)
            _say("")
            _say(report.table(scores))
    except (ChiefLostError, search.WorkersLostError, search.TrainingFailedError) as error:
        print(f"stopped: {error}", file=sys.stderr)
        return 1
    if options.export:
        run_folder = str(search.best_folder(asked, told))
        return _publish(
            run_folder, options.export, config.SeparationConfig(), config.ServingConfig()
        )
    return 0


def import_openunmix(options: Namespace) -> int:
    """`python -m trainer import-openunmix`."""
    from mss_keras.separation import importing

    separator = importing.import_openunmix(options.inputs, Path(options.output))
    model, audio = separator.network_config, separator.audio
    _say(
        f"{', '.join(separator.source_names)}: hidden size {model.hidden_size}, "
        f"{'unidirectional' if model.unidirectional else 'bidirectional'}, "
        f"{audio.nb_channels} channels at {audio.sample_rate} Hz, in {options.output}"
    )
    return 0


def export(options: Namespace) -> int:
    """`python -m trainer export`."""
    # Wrong values are told before anything is loaded.
    separation = config.from_options(config.SeparationConfig, options)
    limits = config.from_options(config.ServingConfig, options)

    return _publish(options.model, options.output, separation, limits)


def _publish(
    model: str, folder: str, separation: config.SeparationConfig, limits: config.ServingConfig
) -> int:
    from mss_keras.training import runs
    from serving.checks import ExportError

    separator, about = runs.load(model), runs.about(model)
    try:
        path = separator.export(folder, separation, limits, about=about)
    except ExportError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}, wanted a folder to write to") from None
    _say(f"version {path.name} in {path}")
    return 0


def _root(options: Namespace) -> str:
    if options.root is None:
        raise UserError("--root: not given, wanted the folder of a data set")
    return options.root


def _fetch(options: Namespace) -> None:
    if options.download:
        from mss_keras import data

        root = Path(_root(options))
        if not root.exists():
            data.download(root, *([options.download_url] if options.download_url else []))


def _say(line: str) -> None:
    print(line, flush=True)
