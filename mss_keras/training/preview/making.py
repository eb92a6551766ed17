"""The first examples of a run, listened to before it.

OUTPUT/
    preview.yaml   the settings
    preview.html   the page
    levels.csv     levels of all sounds of the examples, and where they are from
"""

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mss_keras import data
from mss_keras.config import PREVIEWED, PreviewConfig, RunConfig, UserError
from mss_keras.data import MusicSet, Unpaired
from mss_keras.data.alike import alike
from mss_keras.jobs.claims import Claim
from mss_keras.reports.pages import write_page
from mss_keras.reports.tables import write_csv
from mss_keras.training import companions, devices
from mss_keras.training.advice import Remark
from mss_keras.training.loop import Say, open_unpaired
from mss_keras.training.preview.findings import findings
from mss_keras.training.preview.levels import Sound, row_of, sounds_of, summarised
from mss_keras.training.preview.page import Heard, answer_of, page_of

_SUMMARISED = 200  # examples, at most, whose levels are told


def preview(
    config: RunConfig,
    settings: PreviewConfig,
    output: str | Path,
    *,
    say: Say = lambda line: None,
    progress: bool = False,
) -> list[Remark]:
    """Listens to the first examples of a run, and writes a page of them.

    Args:
        config: RunConfig. What would be trained on what; see `mss_keras.config.PREVIEWED`.
        settings: PreviewConfig. How much is shown.
        output: str or Path. Folder of the preview; another one in it is replaced.
        say: Callable. Is called with each line that a user would want to know, the findings
            among them.
        progress: bool. Whether bars are shown. Defaults to `False`.

    Returns:
        What is to be known of the examples, the serious first.

    Raises:
        UserError: if the data set cannot be read, or the folder holds something else.
    """
    output = Path(output)
    with contextlib.suppress(UserError):  # where TensorFlow is at work already
        devices.choose("cpu")  # the GPU stays free for a training beside this
    companions.refuse_unused(config, config.training.loss)
    dataset = data.as_wav(config.data, say=say, progress=progress)
    music = data.open_set(dataset, config.audio)
    unpaired = open_unpaired(config, say, progress=progress)
    with _claim(config, settings).alone(output):
        read = dataclasses.replace(config, data=dataset)
        sounds, shown = [], []
        for sound, waveform in _listen(read, settings, music, unpaired=unpaired, progress=progress):
            sounds.append(sound)
            if sound.example < settings.examples:
                shown.append((sound, waveform))
        heard = Heard(config, music, sounds, summarised(sounds), shown)
        found = findings(
            sounds,
            heard.summaries,
            tracks=music.train,
            data=config.data,
            sample_rate=config.audio.sample_rate,
            same=alike(music.train, config.data.sources),
        )
        rows = [row_of(sound, config.audio.sample_rate) for sound in sounds]
        write_csv(output / "levels.csv", rows, _columns(rows))
        write_page(page_of(heard, found), output / "preview.html")
    say(answer_of(heard, found))
    for finding in found:
        say(finding.line)
    return found


def _claim(config: RunConfig, settings: PreviewConfig) -> Claim:
    flat = config.to_flat()
    own = {**dataclasses.asdict(settings), **{name: flat[name] for name in PREVIEWED}}
    return Claim("preview", "preview.yaml", own, may_change=own.keys())


def _listen(
    config: RunConfig,
    settings: PreviewConfig,
    music: MusicSet,
    *,
    unpaired: Unpaired | None,
    progress: bool,
) -> Iterator[tuple[Sound, np.ndarray]]:
    own, seed = config.data, config.training.seed
    epoch = data.steps_per_epoch(music.train, own) * own.batch_size
    count = max(settings.examples, min(epoch, _SUMMARISED))
    batches = data.training_examples(
        music.train, own, config.audio, seed=seed, unpaired=unpaired
    ).as_numpy_iterator()
    examples = (
        {name: values[i] for name, values in batch.items()}
        for batch in batches
        for i in range(own.batch_size)
    )
    told = data.origins_of(
        range(count), music.train, own, audio=config.audio, seed=seed, unpaired=unpaired
    )
    bar = tqdm(told, desc="listening", unit="example", disable=not progress)
    for number, (origins, example) in enumerate(zip(bar, examples)):  # noqa: B905, endless
        yield from sounds_of(number, example, origins, sources=own.sources)


def _columns(rows: list[dict[str, object]]) -> list[str]:
    return list(dict.fromkeys(itertools.chain.from_iterable(rows)))
