"""A training run from configuration to report; run again, it goes on where it was."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mss_keras import data, losses
from mss_keras.config import DataConfig, RunConfig, ServingConfig, require
from mss_keras.data import MusicSet, Statistics, Unpaired
from mss_keras.domains import require_readable
from mss_keras.losses import SeparationLoss
from mss_keras.models.network import Traits, refuse_idle, traits_of
from mss_keras.reports.pages import write_page
from mss_keras.training import companions, devices, pretrained, resuming, runs
from mss_keras.training.advice import advice
from mss_keras.training.checkpoints import Checkpoints
from mss_keras.training.devices import Devices
from mss_keras.training.fitting import Fitting
from mss_keras.training.machines import Workers, agreed, agreed_unpaired
from mss_keras.training.optimizer import AdamL2
from mss_keras.training.report import separate_excerpts, write_excerpts
from mss_keras.training.report_page import Finished, page_of
from mss_keras.training.scores import Score
from mss_keras.training.separator import Separator
from mss_keras.training.state import Row

Say = Callable[[str], None]


def resolve(config: RunConfig, folder: Path | None = None) -> RunConfig:
    """Fills in what depends on the loss, and refuses what does not go together.

    Args:
        config: RunConfig. What is trained on what.
        folder: Path or None. Folder of the run; one that goes on keeps the hyper-parameters and
            the activation of masks that were set when it began. Defaults to `None`, a new run.

    Raises:
        UserError: for an unknown loss or hyper-parameter, no VGGish at its path, a loss that cannot
            be read of what the network estimates, or settings that the network does not take.
    """
    training, traits = config.training, check_network(config, config.training.loss)
    lr = training.lr or losses.learning_rate(training.loss)
    companions.losses_of(config)
    begun = runs.begun(folder) if folder else None
    before = None if begun is None else begun.get("loss_args") or {}
    arguments = losses.for_training(training.loss, training.loss_args, before=before)
    follows: Any = None
    if begun is not None:  # and runs from before there was a choice go on without one
        follows = begun.get("mask_activation")
    elif "mask_activation" in traits.settings:
        follows = losses.mask_activation(training.loss)
    model = config.model
    return dataclasses.replace(
        config,
        model=dataclasses.replace(model, mask_activation=model.mask_activation or follows),
        training=dataclasses.replace(training, lr=lr, loss_args=arguments),
    )


def check_network(config: RunConfig, chosen: Sequence[str]) -> Traits:
    """Refuses what does not go with the network of a configuration.

    Args:
        config: RunConfig. Network, data and STFT.
        chosen: sequence of str. Names of losses.

    Returns:
        What is known of the network.

    Raises:
        UserError: for an unknown loss or one that cannot be read of what the network estimates,
            or for settings that the network does not take.
    """
    compared = {name: losses.entry(name).domain for name in chosen}
    traits = traits_of(config.model.network)
    require_readable(compared, traits.domain)
    refuse_idle(config.model, config.audio)
    found, wanted = config.data.statistics, "none: the network takes no statistics"
    require(traits.takes_statistics or found is None, "statistics", found=found, wanted=wanted)
    return traits


def train(
    config: RunConfig,
    folder: str | Path,
    *,
    say: Say = lambda line: None,
    progress: bool = False,
    report: bool = True,
) -> list[Score]:
    """Trains, or goes on training, the run in a folder, and writes its report.

    Args:
        config: RunConfig. What is trained on what.
        folder: str or Path. Folder of the run; see `mss_keras.training.runs`.
        say: Callable. Is called with each line that a user would want to know, one an epoch among
            them.
        progress: bool. Whether bars are shown. Defaults to `False`.
        report: bool. Whether page, pictures, stems and SavedModel are made. Defaults to `True`.

    Returns:
        SI-SDR of up to 20 s of the first training and the first validation track; an empty list
        without a report, and from a machine that is not the chief of several.

    Raises:
        UserError: for anything that the user can mend.
        DivergedError: if the loss is NaN or infinite.
        WorkersLateError: if machines are missing.
        WorkerLostError: if one is lost.
    """
    folder, given = Path(folder), config
    config = resolve(config, folder)
    used = set_up(config, say)
    workers = used.workers
    if not workers.is_chief:
        say(f"{workers.cluster.name(0)} writes the run and tells how it goes; this worker does not")
        say, progress = _say_nothing, False
    with workers.naming_lost(), contextlib.ExitStack() as held:
        chosen = fetched_losses(config, say)
        music = _open(config, workers, say=say, progress=progress)
        config = agreed(given, config, music, workers=workers, devices=used.own)

        def take() -> None:
            resuming.check(folder, config, music, say=say, progress=progress)
            pretrained.check(folder, config)
            held.enter_context(runs.claimed(folder, config))
            resuming.remember(folder, music, config.data.statistics)

        workers.from_chief(take)
        say(on_what(config, used))
        _announce(config, folder, music, say=say)
        unpaired = _open_unpaired(config, workers, say, progress=progress)
        separator = make_separator(config, chosen, used)
        if traits_of(config.model.network).takes_statistics:
            mean, std = workers.from_chief(
                lambda: _statistics(config, music, folder, progress=progress)
            )
            separator.network.set_statistics(np.float32(mean), np.float32(std))
        fitting = Fitting(separator, config, music, folder, used, unpaired, say)
        history = fitting.run(progress=progress)
        if not (report and workers.is_chief):
            return []
        return _report(config, folder, music=music, history=history, used=used, say=say)


def _say_nothing(line: str) -> None:
    """For workers whose chief says the same."""


def _open(config: RunConfig, workers: Workers, *, say: Say, progress: bool) -> MusicSet:
    def decode() -> DataConfig:
        return data.as_wav(config.data, say=say, progress=progress)

    def first() -> None:
        decode()

    if workers.count > 1:  # what they share, the chief decodes, and the others find it
        workers.from_chief(first)
    return data.open_set(decode(), config.audio)


def _open_unpaired(
    config: RunConfig, workers: Workers, say: Say, *, progress: bool
) -> Unpaired | None:
    def first() -> None:
        open_unpaired(config, say, progress=progress)

    if workers.count > 1:  # as the music is
        workers.from_chief(first)
    unpaired = open_unpaired(config, say, progress=progress)
    agreed_unpaired(unpaired, workers=workers)
    return unpaired


def set_up(config: RunConfig, say: Say = lambda line: None) -> Devices:
    """Sets up the devices of a run, and waits for other machines where there are several.

    Args:
        config: RunConfig. Its configuration.
        say: Callable. Is called with a line if others have to be waited for.

    Raises:
        UserError: if they are not there, or cannot do what is asked of them.
    """
    training = config.training
    if training.deterministic:
        tf.config.experimental.enable_op_determinism()
    if config.machines.strategy:
        used = devices.together(training.devices, config.machines, say)
    else:
        used = devices.choose(training.devices)
    with used.workers.naming_lost():
        used.check(training, config.data.batch_size)
    return used


def on_what(config: RunConfig, used: Devices) -> str:
    """A line that tells the devices of a run."""
    return f"training on {_devices(config, used)}"


def _devices(config: RunConfig, used: Devices) -> str:
    training = config.training
    precision = f"mixed {training.mixed_precision}" if training.mixed_precision else "float32"
    return f"{used.name}, {precision}{', XLA' if training.jit_compile else ''}"


def fetched_losses(config: RunConfig, say: Say) -> list[SeparationLoss]:
    """The losses of a run, with what may be missing: better told now than later.

    Raises:
        UserError: if something is missing.
    """
    chosen = companions.losses_of(config)
    for loss in chosen:
        companions.companion_of(loss).fetch(say)
    return chosen


def _announce(config: RunConfig, folder: Path, music: MusicSet, *, say: Say) -> None:
    say(f"{len(music.train)} tracks to train on, {len(music.valid)} to validate on")
    say(f"loss {describe(config)}, learning rate {config.training.lr:g}, run folder {folder}")


def open_unpaired(config: RunConfig, say: Say, *, progress: bool) -> Unpaired | None:
    """Unpaired music, where a phase of the run wants it; see `mss_keras.data.open_unpaired`."""
    if not any(phase.unpaired for phase in companions.phases(config)):
        return None
    return data.open_unpaired(
        config.adversarial, config.data, config.audio, say=say, progress=progress
    )


def _statistics(
    config: RunConfig, music: MusicSet, folder: Path, *, progress: bool
) -> list[list[float]]:
    # Mean and standard deviation, as JSON knows them.
    own = folder / "statistics.npz"
    if own.exists():
        statistics = Statistics.load(own, config.audio.bins)
    else:
        given = config.data.statistics
        if given:
            statistics = Statistics.load(Path(given), config.audio.bins)
        else:
            statistics = data.compute_statistics(music.train, config.audio, progress=progress)
        statistics.save(own)
    return [statistics.mean.tolist(), statistics.std.tolist()]


def make_separator(config: RunConfig, chosen: list[SeparationLoss], used: Devices) -> Separator:
    """The separator of a run, built and compiled, without the statistics of the data."""
    keras.utils.set_random_seed(config.training.seed)
    with used.strategy.scope():
        separator = runs.build(config, used.replicas)
        compile_for(separator, config, chosen)
    return separator


def compile_for(separator: Separator, config: RunConfig, chosen: list[SeparationLoss]) -> None:
    """Compiles a separator with the optimiser of a configuration and its losses."""
    training, adversarial = resolve(config).training, config.adversarial
    assert training.lr is not None  # resolved
    optimizer: keras.optimizers.Optimizer = AdamL2(
        training.lr, l2=training.weight_decay, global_clipnorm=training.clip
    )
    along: keras.optimizers.Optimizer = keras.optimizers.Adam(
        adversarial.discriminator_lr, beta_1=0.5, global_clipnorm=adversarial.discriminator_clip
    )
    if training.mixed_precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        along = keras.optimizers.LossScaleOptimizer(along)
    separator.compile(
        optimizer,
        chosen,
        training.loss_weight or None,
        log_gradient_norms=training.log_gradient_norms,
        discriminator_optimizer=along,
        jit_compile=training.jit_compile,
    )
    optimizer.build(separator.trainable_variables)


def _report(
    config: RunConfig,
    folder: Path,
    *,
    music: MusicSet,
    history: list[Row],
    used: Devices,
    say: Say,
) -> list[Score]:
    best = runs.load(folder)
    separated = separate_excerpts(best, music)
    write_excerpts(separated, folder, config.audio)
    finished = Finished(
        config,
        folder,
        music,
        history=history,
        best_epoch=int(Checkpoints(folder / "checkpoints", say).best_row()["epoch"]),
        loss=describe(config),
        devices=_devices(config, used),
        parameters=sum(math.prod(x.shape) for x in best.trainable_variables),
        separated=separated,
    )
    scores = finished.scores
    about, limits = runs.about(folder, scores), ServingConfig(("serving_default", "separate_wav"))
    best.export(folder / "saved_model", limits=limits, version=1, about=about)
    tracks = len(music.train)
    remarks = advice(config, scores, history=history, best_epoch=finished.best_epoch, tracks=tracks)
    for remark in remarks:
        say(remark.line)
    write_page(page_of(finished, remarks), folder / "report.html")
    return scores


def describe(config: RunConfig) -> str:
    """The loss of a run, as `0.5·l2_freq + 1·psa`."""
    names, weights = config.training.loss, config.training.loss_weight
    if not weights:
        return " + ".join(names)
    return " + ".join(f"{weight:g}·{name}" for name, weight in zip(names, weights, strict=True))
