"""Times commands from their start: to the first training step, and the separation of a short song.

    python tests/benchmarks/start_up.py [--rounds 5]

The step is the first of `trainer train --demo` with the network's usual size, in an empty folder.
The model of the separation is a file as `import-openunmix` writes it, of random weights. The floor
is what Python takes to import TensorFlow and Keras. Nobody else is timed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from rows import row, tell
from sides import alternate, parser, serve

SECONDS = 10


def first_step(folder: Path, hidden_size: int) -> None:
    """Runs the command line until the first step of training has ended."""
    from mss_keras.training.callbacks import StopOnNaN
    from trainer.__main__ import main as trainer

    check = StopOnNaN.on_train_batch_end

    def stop(self, batch, logs=None) -> None:
        check(self, batch, logs)
        os._exit(0)

    options = ["--output", str(folder), "--hidden-size", str(hidden_size)]
    with mock.patch.object(StopOnNaN, "on_train_batch_end", stop):
        sys.exit(trainer(["train", "--demo", *options]) or "there was no step")


def prepare(folder: Path, hidden_size: int) -> None:
    """Writes a song and a model to separate it."""
    import numpy as np
    import soundfile

    from mss_keras import Separator
    from mss_keras.config import SOURCES, AudioConfig, ModelConfig

    network = ModelConfig("separate", hidden_size)
    model = Separator(SOURCES, AudioConfig(), network)
    model.build()
    model.save(folder / "model.keras")
    noise = 0.1 * np.random.default_rng(0).standard_normal((SECONDS * 44100, 2), np.float32)
    soundfile.write(folder / "song.wav", noise, 44100)


def make(options: argparse.Namespace) -> Callable[[], None]:
    """Starts a command a round, each with a folder of its own to write to."""
    folder = Path(options.folder)
    command = {
        "train": [__file__, "--hidden-size", options.hidden_size, "--first-step"],
        "separate": ["-m", "trainer", "separate", folder / "song.wav",
                     "--model", folder / "model.keras", "--output"],
        "imports": ["-c", "import tensorflow, keras"],
    }[options.side]  # fmt: skip

    def run() -> None:
        output = Path(tempfile.mkdtemp(dir=folder)) / "output"
        words = [sys.executable, *map(str, [*command, output])]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)

    return run


def main() -> None:
    made = parser(__doc__, rounds=5)
    made.add_argument("--hidden-size", type=int, default=512)
    made.add_argument("--folder", help=argparse.SUPPRESS)
    made.add_argument("--first-step", type=Path, help=argparse.SUPPRESS)
    made.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    options = made.parse_args()
    if options.prepare:
        return prepare(options.prepare, options.hidden_size)
    if options.first_step:
        return first_step(options.first_step, options.hidden_size)
    if options.side:
        return serve(make, options)
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--hidden-size", str(options.hidden_size)]
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        command = [sys.executable, __file__, *arguments, "--prepare", folder]
        subprocess.run(command, check=True, env=quiet)
        pythons = dict.fromkeys(("train", "separate", "imports"), sys.executable)
        arguments += ["--folder", folder]
        measured = alternate(__file__, pythons, arguments, rounds=options.rounds)
    hidden = options.hidden_size
    works = {
        "train": f"start-up: `train --demo` to the first step, hidden {hidden}",
        "separate": f"start-up: `separate` of a song of {SECONDS} s, 4 networks of {hidden}",
    }
    found = [row(work, measured, side=side, rounds=options.rounds) for side, work in works.items()]
    for each in found:
        each.floor = measured.sides["imports"]["wall"]
    tell(found, as_json=options.json)


if __name__ == "__main__":
    main()
