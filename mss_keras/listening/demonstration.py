"""A complete analysis of listeners that are simulated, of the test that `listen --demo` makes.

OUTPUT/
    scores/     the evaluation of what the test plays
    simulated/  a file for each simulated listener
    ...         what `correlate` writes
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from mss_keras.config import CorrelationConfig, DataConfig, EvaluationConfig, UserError
from mss_keras.listening import correlate, simulation
from mss_keras.listening.analysis import Analysis, analyse
from mss_keras.listening.key import FILE, read_key
from mss_keras.listening.ratings import find_files, read_ratings
from mss_keras.listening.scores import read_scores
from mss_keras.listening.simulation import Simulation


def demonstrate(
    output: Path,
    test: Path,
    *,
    make: Callable[[Path], None],
    settings: CorrelationConfig = CorrelationConfig(),
    listeners: Simulation | None = None,
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> Analysis:
    """Scores what a test plays, simulates listeners, and finds the metric that they go by.

    Args:
        output: Path. Folder of all that is written.
        test: Path. Folder of the test.
        make: Callable. Makes a test in a folder; called if there is none.
        settings: CorrelationConfig. Rules, intervals and ranking.
        listeners: Simulation or None. How listeners rate. Defaults to `None`: as `Simulation` does.
        say: Callable. Called with a line for each thing that a user would want to know.
        progress: bool. Whether a bar is shown. Defaults to `False`.

    Raises:
        UserError: if the test cannot be read or scored, or the folder holds something else.
    """
    from mss_keras.evaluation import evaluate  # TensorFlow, which nothing else here needs

    if not (test / FILE).exists():
        make(test)
    key, listeners = read_key(test), listeners or Simulation()
    with correlate.claim(["simulated"], ["scores"], settings).alone(output):
        estimates = tuple(f"{name}={test / 'estimates' / name}" for name in key.systems)
        chosen = EvaluationConfig(estimates=estimates, oracle=("mixture",), metrics=("all",))
        excerpts = DataConfig(root=str(test / "excerpts"))
        _, failed = evaluate(
            output / "scores", chosen, dataset=excerpts, say=say, progress=progress
        )
        if failed:
            raise UserError(test, f"{failed} excerpts that cannot be scored", "a whole test")
        scores = read_scores([str(output / "scores")], key)
        folder = output / "simulated"
        shutil.rmtree(folder, ignore_errors=True)  # of another simulation
        simulation.write(simulation.simulate(key, scores, listeners), folder)
        found = analyse(read_ratings(find_files([folder]), key), scores, key, settings=settings)
        correlate.write(found, output)
    correlate.tell(found, say)
    say(f"The simulated listeners go by {listeners.metric}.")
    return found
