"""Commands that score."""

import sys
from functools import partial
from pathlib import Path

from jsonargparse import Namespace

from mss_keras import config
from mss_keras.config import WorkFailedError, from_options
from trainer.commands.shared import model_path, require_root, say


def evaluate(options: Namespace) -> None:
    """`python -m trainer evaluate`."""
    values = vars(options)
    settings = from_options(config.EvaluationConfig, values)
    separation = from_options(config.SeparationConfig, values)
    dataset = from_options(config.DataConfig, values)
    audio = from_options(config.AudioConfig, values)
    require_root(options)

    from mss_keras.evaluation import evaluate
    from mss_keras.training import runs

    model, name = None, Path(options.model or "model").stem
    if options.model:
        model = runs.load(model_path(options.model), precision=options.precision)
        name = "-".join(filter(None, [name, options.precision]))
    summary, failed = evaluate(
        Path(options.output),
        settings,
        dataset=dataset,
        audio=audio,
        model=model,
        name=name,
        separation=separation,
        say=say,
        progress=sys.stderr.isatty(),
    )
    if summary:
        say(summary)
    if failed:
        raise WorkFailedError(f"{failed} tracks; the same command tries them again")


def compare(options: Namespace) -> None:
    """`python -m trainer compare`."""
    values = vars(options)
    settings = from_options(config.CompareConfig, values)
    separation = from_options(config.SeparationConfig, values)
    dataset = from_options(config.DataConfig, values)
    audio = from_options(config.AudioConfig, values)
    require_root(options)

    from mss_keras.evaluation.comparing import models, pages
    from mss_keras.evaluation.comparing.compare import compare as heard
    from mss_keras.training import runs

    paths = models.named_models(options.models)
    compared = models.Models(
        {name: model_path(path, "models") for name, path in paths.items()},
        partial(runs.describe, field="models"),
        partial(runs.load, precision=options.precision, field="models"),
        separation,
    )
    output = Path(options.output)
    found = heard(
        output,
        compared,
        settings,
        dataset=dataset,
        audio=audio,
        say=say,
        progress=sys.stderr.isatty(),
    )
    say(pages.answer(found))
    say(f"\nIn {output}: {pages.PAGE}, to be opened in a browser, and {pages.TABLE}")
