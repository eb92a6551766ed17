"""A complete listening test of the six seconds of music that stempeg ships.

Its systems are masks that know the sources, in different strength, and two small networks that have
heard a part of the song for half a minute each: some are good, some are not, and metrics need not
agree about them.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from mss_keras import data
from mss_keras.config import AudioConfig, DataConfig, ListeningConfig
from mss_keras.evaluation.estimates import of_oracle
from mss_keras.evaluation.excerpts import Excerpt
from mss_keras.evaluation.reading import mixture_of
from mss_keras.evaluation.systems import System, of_model, of_songs
from mss_keras.listening.building import Building
from mss_keras.listening.systems import blended
from mss_keras.models.model import SeparationModel

# Losses of the two networks; the survey found them far apart.
LOSSES = ("l1_time", "logl1_freq")

SETTINGS = ListeningConfig(
    subset="train",
    duration=1.5,
    per_source=2,
    title="Demonstration of a listening test",
    below_loudest=20.0,
    below_mixture=30.0,
)

Train = Callable[[str, Path, Path], SeparationModel]


def make(
    folder: Path,
    *,
    train: Train,
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> None:
    """Makes the test.

    Args:
        folder: Path. The folder of the test. The music goes to FOLDER-data, and the runs to
            FOLDER-runs.
        train: Callable. Trains a network for about half a minute, given the name of a loss, the
            data set and the folder of the run, and returns it.
        say: Callable. Is called with a line for each thing that a user would want to know.
        progress: bool. Whether bars are shown. Defaults to `False`.

    Raises:
        UserError: if a folder cannot be made, or is another test's.
    """
    audio = AudioConfig()
    root = data.make_demo(folder.with_name(f"{folder.name}-data"))
    dataset = DataConfig(root=str(root))
    runs = folder.with_name(f"{folder.name}-runs")
    networks = [of_model(x, train(x, root, runs / x), audio=audio) for x in LOSSES]
    systems = [*_masks(dataset.sources, audio), *networks]
    Building(SETTINGS, systems, dataset, audio, demonstration=True, say=say, progress=progress).run(
        folder
    )
    say(
        "This is a demonstration: all its excerpts are of six seconds of one song, which the "
        "networks have heard, and the masks know the sources. It says nothing of any loss."
    )


def _masks(sources: tuple[str, ...], audio: AudioConfig) -> list[System]:
    ratio, binary = (
        of_songs(name, of_oracle(oracle, sources, audio), said="knows the sources", audio=audio)
        for name, oracle in (("ratio_mask", "irm"), ("binary_mask", "ibm"))
    )
    mixture = partial(_mixture, audio=audio)
    weak = blended("ratio_mask_weak", ratio, 0.3, mixture=mixture)
    return [ratio, weak, binary]


def _mixture(excerpt: Excerpt, *, audio: AudioConfig) -> np.ndarray:
    start = round(excerpt.start * audio.sample_rate)
    with mixture_of(excerpt.track, audio.nb_channels) as recording:
        return recording.read(start, start + round(excerpt.seconds * audio.sample_rate))
