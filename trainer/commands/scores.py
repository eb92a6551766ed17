"""Commands that score."""

import sys
from pathlib import Path

from jsonargparse import Namespace

from mss_keras import config
from mss_keras.config import WorkFailedError, from_options
from trainer.commands.shared import require_root, say


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
        say=say,
        progress=sys.stderr.isatty(),
    )
    if summary:
        say(summary)
    if failed:
        raise WorkFailedError(f"{failed} tracks; the same command tries them again")
