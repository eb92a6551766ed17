"""Commands of data sets."""

import sys
from pathlib import Path

from jsonargparse import Namespace

from mss_keras import config
from mss_keras.config import WorkFailedError, from_options
from trainer.commands.shared import fetch, require_root, run_config, say


def prepare(options: Namespace) -> None:
    """`python -m trainer prepare`."""
    require_root(options)

    from mss_keras import data

    fetch(options)
    output = options.output or data.beside(options.root)
    progress = sys.stderr.isatty()
    count = data.prepare(options.root, output, jobs=options.jobs, progress=progress, say=say)
    say(f"{count} tracks decoded, all are in {output}")


def check_data(options: Namespace) -> None:
    """`python -m trainer check-data`."""
    audio = from_options(config.AudioConfig, vars(options))
    dataset = from_options(config.DataConfig, vars(options))
    require_root(options)

    from mss_keras import data

    progress = sys.stderr.isatty()
    findings = data.check(options.root, dataset.sources, audio, progress=progress)
    for finding in findings:
        say(f"{'error' if finding.fatal else 'warning'}: {finding.path}: {finding.message}")
    errors = sum(finding.fatal for finding in findings)
    say(f"{errors} errors, {len(findings) - errors} warnings")
    if errors:
        raise WorkFailedError(f"{options.root} has errors")


def preview(options: Namespace) -> None:
    """`python -m trainer preview`."""
    run = run_config(options)
    settings = from_options(config.PreviewConfig, vars(options))
    require_root(options)

    from mss_keras.training.preview import preview

    output = Path(options.output)
    preview(run, settings, output, say=say, progress=sys.stderr.isatty())
    say(f"open {output / 'preview.html'}")
