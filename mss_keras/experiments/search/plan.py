"""What a search is asked for: runs, what varies in them, and by which Oracle."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras_tuner
from keras_tuner.engine.trial import Trial

from mss_keras import data, losses
from mss_keras.config import RunConfig, SearchConfig, UserError
from mss_keras.experiments.search.oracles import Oracle, make_oracle
from mss_keras.experiments.search.space import Space
from mss_keras.jobs.claims import Claim
from mss_keras.training import loop

OBJECTIVES = ("val_si_sdr", "val_sdr")
_SHARED = "statistics.npz"


class RunModel(keras_tuner.HyperModel):
    """The configuration of a run, with hyper-parameters in it.

    Args:
        config: of the run but for what is searched.
        space: what is searched.
        epochs: of a trial.
    """

    def __init__(self, config: RunConfig, space: Space, epochs: int):
        super().__init__()
        self.config, self.space, self.epochs = config, space, epochs

    def build(self, hp: keras_tuner.HyperParameters) -> RunConfig:
        """The configuration of a trial's run; Hyperband says its epochs."""
        pretraining = self.config.adversarial.pretrain_epochs or 0
        epochs = hp.values.get("tuner/epochs")
        epochs = self.epochs if epochs is None else pretraining + epochs
        training = dataclasses.replace(self.config.training, epochs=epochs)
        return self.space.configuration(
            dataclasses.replace(self.config, training=training), hp.values
        )


@dataclasses.dataclass(frozen=True)
class Search:
    """A search, resolved: what is asked of whom.

    Args:
        config: of the runs, but for what is searched.
        settings: how it is searched.
        output: folder.
        demonstration: whether its table and pictures say that they are one.
    """

    config: RunConfig
    settings: SearchConfig
    output: Path
    demonstration: bool = False

    def __post_init__(self):
        """Checks what can be checked before anything is read.

        Raises:
            UserError: for anything the user can mend.
        """
        objective, adversarial = self.settings.objective, self.config.adversarial
        if objective == "val_loss":
            raise UserError(
                "--objective: found val_loss, which a smaller weight lowers by itself, wanted "
                f"{' or '.join(OBJECTIVES)}"
            )
        if objective not in OBJECTIVES:
            raise UserError(f"--objective: found {objective!r}, wanted {' or '.join(OBJECTIVES)}")
        opposed = any(
            losses.entry(name).loss.companion == "discriminators"
            for name in self.config.training.loss
        )
        given = adversarial.pretrain_epochs is not None or adversarial.pretrained is not None
        if self.settings.tuner == "hyperband" and opposed and not given:
            raise UserError(
                "--tuner hyperband: found with --loss adversarial, wanted --pretrained or "
                "--pretrain-epochs besides: the epochs it deals out come after pretraining"
            )
        if (adversarial.pretrain_epochs or 0) >= self.epochs:
            raise UserError(
                f"--trial-epochs: found {self.epochs}, wanted more than --pretrain-epochs "
                f"{adversarial.pretrain_epochs}"
            )
        for values in self.space.bounds():
            loop.resolve(self.space.configuration(self.config, values))
        self.oracle()

    @property
    def space(self) -> Space:
        """What is searched."""
        return Space.of(self.config, self.settings.range)

    @property
    def epochs(self) -> int:
        """Of a trial at most."""
        return self.settings.trial_epochs or self.config.training.epochs

    def oracle(self) -> Oracle:
        """A new Oracle."""
        epochs = self.epochs - (self.config.adversarial.pretrain_epochs or 0)
        seed = self.config.training.seed
        return make_oracle(self.settings, self.space, epochs=epochs, seed=seed)

    def claim(self) -> Claim:
        """What the trials depend on, for the folder."""
        settings = self.settings
        shaped = settings.tuner in ("grid", "hyperband")  # by their number; others can go on
        asked = {
            **self.config.binding("search"),
            "tuner": settings.tuner,
            "objective": settings.objective,
            "trial_epochs": self.epochs,
            "ranges": {name: str(span) for name, span in self.space.ranges.items()},
            **({"trials": settings.trials} if shaped else {}),
        }
        return Claim("search", "search.yaml", asked)

    def opened(self, say: Callable[[str], None], progress: bool) -> "Search":
        """With data that is decoded and can be read."""
        music = data.as_wav(self.config.data, say=say, progress=progress)
        data.open_set(music, self.config.audio)
        return dataclasses.replace(self, config=dataclasses.replace(self.config, data=music))

    def with_statistics(self, progress: bool) -> "Search":
        """With the statistics that all trials share; made where they are not there."""
        config, shared = self.config, self.output / _SHARED
        if config.data.statistics is not None:
            return self
        if not shared.exists():
            train = data.open_set(config.data, config.audio).train
            data.compute_statistics(train, config.audio, progress=progress).save(shared)
        music = dataclasses.replace(config.data, statistics=str(shared))
        return dataclasses.replace(self, config=dataclasses.replace(config, data=music))

    def best(self, trial: Trial) -> RunConfig:
        """The configuration to train fully, of the best trial."""
        return self.space.configuration(self.config, trial.hyperparameters.values)
