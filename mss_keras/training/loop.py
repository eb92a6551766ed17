"""A training run from configuration to report; run again, it goes on where it was."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mss_keras import data, losses
from mss_keras.config import RunConfig, ServingConfig, UserError
from mss_keras.data import MusicSet, Statistics
from mss_keras.jobs.interrupt import interruptible
from mss_keras.losses import SeparationLoss
from mss_keras.reports.tables import write_csv
from mss_keras.training import callbacks, devices, networks, runs
from mss_keras.training.checkpoints import Checkpoints
from mss_keras.training.optimizer import AdamL2
from mss_keras.training.phases import Phase, phases
from mss_keras.training.report import Score, write_report
from mss_keras.training.separator import Separator

_REPORT_SECONDS = 30.0


def resolve(config: RunConfig) -> RunConfig:
    """Fills in what depends on the loss.

    Raises:
        UserError: for an unknown loss or hyper-parameter, or no VGGish at its path.
    """
    lr = config.training.lr or losses.learning_rate(config.training.loss)
    networks.losses_of(config.training, config.adversarial)
    return dataclasses.replace(config, training=dataclasses.replace(config.training, lr=lr))


def train(
    config: RunConfig,
    folder: str | Path,
    *,
    say: Callable[[str], None] = lambda line: None,
    verbose: int = 0,
    report: bool = True,
) -> list[Score]:
    """Trains, or goes on training, the run in a folder, and writes its report.

    Args:
        config: what to train on what.
        folder: of the run; see `mss_keras.training.runs`.
        say: called with a line for each thing that a user would want to know.
        verbose: Keras's progress: 0 none, 1 a bar, 2 a line an epoch.
        report: whether pictures, stems and SavedModel are made. Defaults to `True`.

    Returns:
        SI-SDR of up to 30 s of the first training and the first validation track; nothing
        without a report.

    Raises:
        UserError: for anything the user can mend.
        DivergedError: if the loss is NaN or infinite.
    """
    config, folder = resolve(config), Path(folder)
    settings = config.training
    if settings.deterministic:
        tf.config.experimental.enable_op_determinism()
    strategy, device = devices.choose(settings.devices)
    replicas = strategy.num_replicas_in_sync
    chosen = networks.losses_of(settings, config.adversarial)
    with strategy.scope():
        for loss in chosen:
            if loss.companion == "vggish":  # which may not be there; better told now than later
                networks.bind(loss, config.audio, say)
    if config.data.batch_size % replicas:
        raise UserError(
            f"--batch-size: found {config.data.batch_size}, wanted a multiple of {replicas} devices"
        )
    music = data.open_set(data.as_wav(config.data, say=say, progress=verbose == 1), config.audio)
    runs.claim(folder, config)
    precision = f"mixed {settings.mixed_precision}" if settings.mixed_precision else "float32"
    say(f"training on {device}, {precision}{', XLA' if settings.jit_compile else ''}")
    say(f"{len(music.train)} tracks to train on, {len(music.valid)} to validate on")
    say(f"loss {describe(config)}, learning rate {settings.lr:g}, run folder {folder}")
    unpaired = None
    if phases(config)[-1].unpaired:
        options: dict[str, Any] = {"say": say, "progress": verbose == 1}
        unpaired = data.open_unpaired(config.adversarial, config.data, config.audio, **options)
    statistics = _statistics(config, music, folder, verbose)

    keras.utils.set_random_seed(settings.seed)
    with strategy.scope():
        separator = runs.build(config, replicas)
        separator.network.set_statistics(statistics.mean, statistics.std)
        compile_for(separator, config, chosen)
    history = fit(separator, config, music, folder, unpaired=unpaired, say=say, verbose=verbose)
    if not report:
        return []

    best = runs.load(folder)
    excerpts = {
        name: data.excerpt(tracks[0], config.audio, _REPORT_SECONDS)
        for name, tracks in (("train", music.train), ("valid", music.valid))
    }
    scores = write_report(best, folder, excerpts, history, describe(config))
    about, limits = runs.about(folder, scores), ServingConfig(("serving_default",))
    best.export(folder / "saved_model", limits=limits, version=1, about=about)
    return scores


def describe(config: RunConfig) -> str:
    """The loss of a run, as `0.5·l2_freq + 1·psa`."""
    names, weights = config.training.loss, config.training.loss_weight
    if not weights:
        return " + ".join(names)
    return " + ".join(f"{weight:g}·{name}" for name, weight in zip(names, weights, strict=True))


def compile_for(separator: Separator, config: RunConfig, chosen: Sequence[SeparationLoss]) -> None:
    """Compiles a separator with the optimiser of a configuration and its losses."""
    settings = resolve(config).training
    assert settings.lr is not None  # resolved
    adversarial = config.adversarial
    optimizer: keras.optimizers.Optimizer = AdamL2(
        settings.lr, l2=settings.weight_decay, global_clipnorm=settings.clip
    )
    opposing: keras.optimizers.Optimizer = keras.optimizers.Adam(
        adversarial.discriminator_lr, beta_1=0.5, global_clipnorm=adversarial.discriminator_clip
    )
    if settings.mixed_precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        opposing = keras.optimizers.LossScaleOptimizer(opposing)
    separator.compile(
        optimizer,
        chosen,
        settings.loss_weight or None,
        log_gradient_norms=settings.log_gradient_norms,
        discriminator_optimizer=opposing,
        jit_compile=settings.jit_compile,
    )
    optimizer.build(separator.trainable_variables)


def fit(
    separator: Separator,
    config: RunConfig,
    music: MusicSet,
    folder: Path,
    *,
    unpaired: data.Unpaired | None = None,
    say: Callable[[str], None],
    verbose: int,
) -> list[dict[str, float]]:
    """Trains from the last checkpoint, or from the start, to the end.

    Returns:
        The history, a row an epoch, of all its sessions together.
    """
    settings = config.training
    checkpoints = Checkpoints(folder / "checkpoints", say)
    state = checkpoints.restore(separator)
    if state:
        say(f"going on after epoch {state['epoch']}")
        write_csv(folder / "history.csv", state["history"])  # a killed run may lack a row
    elif config.adversarial.pretrained is not None:
        separator.set_weights(_pretrained(config, separator))
        say(f"beginning with the weights of {config.adversarial.pretrained}")
    with interruptible() as interrupt:
        for number, phase in enumerate(phases(config)):
            if state and (
                state["phase"] > number
                or state["epoch"] >= phase.epochs
                or (state["phase"] == number and state["stopped"])
            ):
                continue
            if phase.unpaired:
                say("adversarial training begins")
            if number and state and state["phase"] < number:
                assert settings.lr is not None  # resolved
                separator.optimizer.learning_rate = settings.lr  # it fell at the plateau
            run = _Run(separator, config, music, folder, unpaired if phase.unpaired else None)
            state = run.fit(
                number, phase, state, checkpoints, [callbacks.CheckInterrupt(interrupt)], verbose
            )
    assert state is not None  # there is an epoch at least
    return state["history"]


@dataclasses.dataclass(frozen=True)
class _Run:
    # What the phases of a run have in common.
    separator: Separator
    config: RunConfig
    music: MusicSet
    folder: Path
    unpaired: data.Unpaired | None

    def fit(
        self,
        number: int,
        phase: Phase,
        state: dict[str, Any] | None,
        checkpoints: Checkpoints,
        others: Sequence[keras.callbacks.Callback],
        verbose: int,
    ) -> dict[str, Any]:
        """Trains a phase, from the state of a checkpoint on; returns the state at its end."""
        config, settings, train = self.config, self.config.training, self.music.train
        done = state["epoch"] if state else 0
        steps, batch = data.steps_per_epoch(train, config.data), config.data.batch_size
        start = done * steps * batch
        examples = data.training_examples(
            train,
            config.data,
            config.audio,
            seed=settings.seed,
            start=start,
            unpaired=self.unpaired,
        )
        validation = data.validation_examples(self.music.valid, config.data, config.audio)

        def tracks_of_step(step: int) -> list[str]:
            indices = range(step * batch, (step + 1) * batch)
            drawn = data.tracks_of(indices, train, config.data, settings.seed)
            return sorted({name for names in drawn for name in names})

        plateau = keras.callbacks.ReduceLROnPlateau(
            factor=settings.lr_decay_gamma,
            patience=settings.lr_decay_patience,
            cooldown=settings.lr_decay_cooldown,
            min_delta=0.0,
        )
        stopping = keras.callbacks.EarlyStopping(patience=phase.patience)
        save = callbacks.SaveState(
            checkpoints, plateau, stopping, folder=self.folder, phase=number, state=state
        )
        example = {name: value[0].numpy() for name, value in next(iter(validation)).items()}
        log = callbacks.TensorBoardLog(self.folder / "tensorboard", example, stopping)
        guard = callbacks.StopOnNaN(tracks_of_step, steps)
        self.separator.fit(
            examples,
            validation_data=validation,
            initial_epoch=done,
            epochs=phase.epochs,
            steps_per_epoch=steps,
            shuffle=False,  # the examples are random already
            callbacks=[guard, *others, plateau, stopping, save, log],
            verbose=verbose,
        )
        return {"epoch": len(save.history), "phase": number, "history": save.history}


def _pretrained(config: RunConfig, separator: Separator) -> list[np.ndarray]:
    path = config.adversarial.pretrained
    assert path is not None
    before = runs.load(path)
    found, wanted = ([tuple(w.shape) for w in x.weights] for x in (before, separator))
    same = found == wanted and before.source_names == separator.source_names
    if not same or before.audio != separator.audio:
        raise UserError(
            f"--pretrained: {path} found {before.network_config}, {before.audio}, sources "
            f"{', '.join(before.source_names)}; wanted those of this run"
        )
    return before.get_weights()


def _statistics(config: RunConfig, music: MusicSet, folder: Path, verbose: int) -> Statistics:
    own = folder / "statistics.npz"
    given = Path(config.data.statistics) if config.data.statistics else None
    if own.exists():
        return Statistics.load(own, config.audio.bins)
    if given:
        statistics = Statistics.load(given, config.audio.bins)
    else:
        statistics = data.compute_statistics(music.train, config.audio, progress=verbose == 1)
    statistics.save(own)
    return statistics
