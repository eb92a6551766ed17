"""Commands of listening tests."""

import sys
from functools import partial
from pathlib import Path

from jsonargparse import Namespace

from mss_keras import config
from mss_keras.config import RunConfig, from_options
from mss_keras.jobs.claims import read_mapping
from trainer.arguments import DEMO_CONFIG
from trainer.commands.shared import model_path, require_root, say

_LISTENED_EPOCHS = 10  # of the networks of a demonstration of a listening test


def listen(options: Namespace) -> None:
    """`python -m trainer listen`."""
    settings = from_options(config.ListeningConfig, vars(options))
    hosting = from_options(config.HostingConfig, vars(options))
    output = Path(options.output or ("runs/listening-demo" if options.demo else "listening"))
    if options.serve:
        from mss_keras.listening.server import serve

        serve(output, hosting, say=say)
        return
    if options.demo:
        _make_demo_test(output)
        return
    separation = from_options(config.SeparationConfig, {**vars(options), "targets": ()})
    dataset = from_options(config.DataConfig, vars(options))
    audio = from_options(config.AudioConfig, vars(options))
    require_root(options)

    from mss_keras.listening import building, systems
    from mss_keras.training import runs

    rated = systems.all_of(
        {name: str(model_path(path, "systems")) for name, path in settings.paths().items()},
        load=partial(runs.load, precision=options.precision),
        subset=settings.subset,
        audio=audio,
        separation=separation,
    )
    progress = sys.stderr.isatty()
    test = building.Building(
        settings, rated, dataset, audio, separation, say=say, progress=progress
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
            say=say,
            progress=sys.stderr.isatty(),
        )
    else:
        from mss_keras.listening.correlate import correlate

        output = Path(options.output or "correlation")
        test = None if options.test is None else Path(options.test)
        correlate(options.ratings, options.scores, output, test=test, settings=settings, say=say)
    say(f"\nIn {output}: {', '.join(sorted(path.name for path in output.iterdir()))}")


def _make_demo_test(folder: Path) -> None:
    from mss_keras.listening import demo
    from mss_keras.training import loop, runs

    progress = sys.stderr.isatty()

    def train(loss: str, root: Path, run: Path) -> runs.Separator:
        loop.train(_demo_config(loss, root), run, say=say, progress=progress, report=False)
        return runs.load(run)

    demo.make(folder, train=train, say=say, progress=progress)


def _demo_config(loss: str, root: Path) -> RunConfig:
    # A small network that trains for half a minute.
    values = read_mapping(DEMO_CONFIG, "the sizes of a demonstration")
    own = {"epochs": _LISTENED_EPOCHS, "loss": [loss], "root": str(root)}
    return RunConfig.from_flat({**values, **own})
