"""Commands that train, and what they would train on."""

import sys
from pathlib import Path

from jsonargparse import Namespace

from mss_keras import config
from mss_keras.config import WorkFailedError, from_options
from trainer.commands.shared import fetch_pretrained, require_root, run_config, say, with_music


def train(options: Namespace) -> None:
    """`python -m trainer train`."""
    run = run_config(options)
    require_root(options)

    from mss_keras.training import loop, next_steps, scores
    from mss_keras.training.report_page import DEMONSTRATION

    loop.resolve(run)  # a wrong loss fails before anything is made
    default = "demo" if options.demo else "+".join(run.training.loss)
    output = Path(options.output or f"runs/{default}")
    fetch_pretrained(run, output)
    run = with_music(run, options, output)
    if options.dry_run:
        from mss_keras.training.dry_run import dry_run

        for line in dry_run(run, say=say, progress=sys.stderr.isatty()).lines():
            say(line)
        return
    if options.tensorboard:
        command = next_steps.tensorboard_command(output / "tensorboard")
        print(f"TensorBoard: {command}", flush=True)
    try:
        found = loop.train(run, output, say=say, progress=sys.stderr.isatty())
    except WorkFailedError as error:
        if any(output.glob("checkpoints/epoch-*")):
            error.add_note(f"the last checkpoint is in {output}")
        raise
    if not found:  # this machine is not the chief of several, which tells the rest
        return
    say(f"\n{scores.table(found)}")
    print(f"\n{next_steps.as_text(run, output)}")  # commands and names as they are
    if options.demo:
        say(f"\n{DEMONSTRATION}")
    print(f"\nIn {output}: {', '.join(sorted(path.name for path in output.iterdir()))}")


def devices(options: Namespace) -> None:
    """`python -m trainer devices`."""
    training = from_options(config.TrainingConfig, vars(options))

    from mss_keras.training import devices

    facts = devices.facts(training)
    width = max(map(len, facts))
    for name, fact in facts.items():
        say(f"{name:<{width}}  {fact}")
