"""The phases of a run through `Separator.fit`, from its last checkpoint to its end."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from mss_keras import data
from mss_keras.config import RunConfig, UserError
from mss_keras.data import MusicSet, Unpaired
from mss_keras.jobs.interrupt import Interrupt, interruptible
from mss_keras.models.catalogue import fetched_path
from mss_keras.reports.tables import write_csv
from mss_keras.training import callbacks, companions, runs
from mss_keras.training.checkpoints import Checkpoints, all_variables
from mss_keras.training.companions import Phase
from mss_keras.training.devices import Devices
from mss_keras.training.separator import Separator
from mss_keras.training.state import Row, RunState
from mss_keras.training.waiting import TellWaiting, advice


@dataclass(frozen=True)
class Fitting:
    """The training of a separator that is built and compiled.

    Args:
        separator: Separator. The model.
        config: RunConfig. Configuration of the run, resolved.
        music: MusicSet. Tracks to train and to validate on.
        folder: Path. Folder of the run.
        devices: Devices. Devices of the run.
        unpaired: Unpaired or None. Source of unpaired music, where a phase wants it.
        say: Callable. Is called with each line that a user would want to know.
    """

    separator: Separator
    config: RunConfig
    music: MusicSet
    folder: Path
    devices: Devices
    unpaired: Unpaired | None
    say: Callable[[str], None]

    def run(self, *, progress: bool) -> list[Row]:
        """Trains from the last checkpoint, or from the start, to the end.

        Args:
            progress: bool. Whether bars are shown.

        Returns:
            The history, a row for each epoch of all sessions of the run together.
        """
        checkpoints = Checkpoints(self.folder / "checkpoints", self.say)
        state = self._begin_together(checkpoints)
        with interruptible() as interrupt:
            for number, phase in enumerate(companions.phases(self.config)):
                if state and state.ends(number, phase.epochs):
                    continue
                self._announce(number, phase, state)
                state = self._fit(
                    number,
                    phase,
                    state,
                    checkpoints=checkpoints,
                    interrupt=interrupt,
                    progress=progress,
                )
        assert state is not None  # a run has one epoch at least
        return state.history

    def _begin_together(self, checkpoints: Checkpoints) -> RunState | None:
        # Only the chief of several machines reads the folder of the run.
        workers, found = self.devices.workers, None

        def begin() -> str | None:
            nonlocal found
            found = self._begin(checkpoints)
            return None if found is None else found.to_json()

        told = workers.from_chief(begin)
        workers.spread(all_variables(self.separator), self.devices.strategy)
        return found if workers.is_chief or told is None else RunState.from_json(told)

    def _begin(self, checkpoints: Checkpoints) -> RunState | None:
        state, pretrained = checkpoints.restore(self.separator), self.config.adversarial.pretrained
        if state:
            self.say(f"going on after epoch {state.epoch}")
            # A run that was killed may lack the last row.
            write_csv(self.folder / "history.csv", state.history)
        elif pretrained is not None:
            self.separator.set_weights(pretrained_weights(pretrained, self.separator))
            self.say(f"beginning with the weights of {pretrained}")
        return state

    def _announce(self, number: int, phase: Phase, state: RunState | None) -> None:
        if phase.unpaired:
            self.say("adversarial training begins")
        if state and state.phase < number:
            lr = self.config.training.lr
            assert lr is not None  # resolved
            self.separator.optimizer.learning_rate = lr  # it fell in the phase before

    def _fit(
        self,
        number: int,
        phase: Phase,
        state: RunState | None,
        *,
        checkpoints: Checkpoints,
        interrupt: Interrupt,
        progress: bool,
    ) -> RunState:
        config, training, tracks = self.config, self.config.training, self.music.train
        done = state.epoch if state else 0
        steps = data.steps_per_epoch(tracks, config.data)
        examples = data.training_examples(
            tracks,
            config.data,
            config.audio,
            seed=training.seed,
            start=done * steps * config.data.batch_size,
            unpaired=self.unpaired if phase.unpaired else None,
            mixed=False,
            share=self.devices.share,
        )
        validation = data.validation_examples(
            self.music.valid, config.data, config.audio, share=self.devices.share
        )
        writes, validation_steps = self.devices.workers.is_chief, int(validation.cardinality())
        plateau = keras.callbacks.ReduceLROnPlateau(
            factor=training.lr_decay_gamma,
            patience=training.lr_decay_patience,
            cooldown=training.lr_decay_cooldown,
            min_delta=0.0,
        )
        stopping = keras.callbacks.EarlyStopping(patience=phase.patience)
        save = callbacks.SaveState(
            checkpoints if writes else None,
            plateau,
            stopping,
            folder=self.folder,
            phase=number,
            state=state,
        )
        times = callbacks.EpochTimes()
        show = callbacks.ShowProgress(
            times,
            stopping,
            phase,
            epochs=training.epochs,
            validation_steps=validation_steps,
            say=self.say,
            live=progress,
        )
        example = {name: value[0].numpy() for name, value in next(iter(validation)).items()}
        log = callbacks.TensorBoardLog(
            self.folder / "tensorboard" if writes else None,
            times,
            example,
            audio_every=training.audio_every,
        )
        self.separator.sparse_logs = True
        with contextlib.closing(show):
            self.separator.fit(
                self.devices.prefetched(examples),
                validation_data=self.devices.prefetched(validation),
                # Where the batches come again, `fit` has to know where they end.
                validation_steps=validation_steps if self.devices.workers.count > 1 else None,
                initial_epoch=done,
                epochs=phase.epochs,
                steps_per_epoch=steps,
                shuffle=False,  # the examples are random already
                callbacks=[
                    callbacks.StopOnNaN(
                        self._tracks_of_steps, steps, lambda: data.not_finite(self.music.valid)
                    ),
                    times,
                    callbacks.CheckInterrupt(interrupt),
                    plateau,
                    stopping,
                    show,
                    TellWaiting(advice(config.data, self.music), self.say),
                    save,
                    log,
                ],
                verbose=0,  # `show` takes the place of Keras's bar
            )
        assert save.state is not None  # a phase has one epoch at least
        return save.state

    def _tracks_of_steps(self, first: int, last: int) -> list[str]:
        config, batch = self.config, self.config.data.batch_size
        indices = range(first * batch, (last + 1) * batch)
        tracks, seed = self.music.train, config.training.seed
        drawn = data.origins_of(indices, tracks, config.data, audio=config.audio, seed=seed)
        return sorted({origin.name for each in drawn for origin in each["sources"]})


def pretrained_weights(given: str, separator: Separator) -> list[np.ndarray]:
    """The weights of a run, `.keras` file or published model, for a separator of the same network.

    Raises:
        UserError: if there is no such model here, or if it has other sources, another network or
            another STFT.
    """
    before = runs.load(fetched_path(given, "pretrained"), field="pretrained")
    found, wanted = ([tuple(w.shape) for w in x.weights] for x in (before, separator))
    same = found == wanted and before.source_names == separator.source_names
    same &= before.network_config.network_args == separator.network_config.network_args
    kinds = {
        (x.flow.domain, getattr(x.network, "mask_activation", None)) for x in (before, separator)
    }
    if not same or len(kinds) > 1 or before.audio != separator.audio:
        raise UserError(
            "pretrained",
            f"{before.network_config}, {before.audio}, sources {', '.join(before.source_names)} "
            f"in {given}",
            "those of this run",
        )
    return before.get_weights()
