"""What a search is asked for: the runs, what varies in them, and the Oracle that chooses."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras_tuner
import yaml
from keras_tuner.engine.trial import Trial

from mss_keras.config import RunConfig, SearchConfig, UserError
from mss_keras.experiments import shared
from mss_keras.experiments.search.oracle import Oracle
from mss_keras.experiments.search.oracles import ORACLES, make_oracle
from mss_keras.experiments.search.space import Space
from mss_keras.jobs.claims import Claim, read_mapping
from mss_keras.jobs.files import appearing
from mss_keras.training import loop
from mss_keras.training.companions import phases
from mss_keras.training.state import RENAMED

OBJECTIVES = ("val_si_sdr", "val_snr")
_FILE = "search.yaml"


class RunModel(keras_tuner.HyperModel):
    """What KerasTuner takes for a model: it builds the configuration of a trial's run.

    Args:
        config: of the run but for what is searched.
        space: what is searched.
        epochs: of a trial.
    """

    def __init__(self, config: RunConfig, space: Space, epochs: int):
        super().__init__()
        self.config, self.space, self.epochs = config, space, epochs

    def build(self, hp: keras_tuner.HyperParameters) -> RunConfig:
        """The configuration of a trial's run, whose epochs Hyperband chooses, too."""
        epochs = self.epochs
        if "tuner/epochs" in hp.values:
            epochs = hp.values["tuner/epochs"] + (self.config.adversarial.pretrain_epochs or 0)
        training = dataclasses.replace(self.config.training, epochs=epochs)
        config = dataclasses.replace(self.config, training=training)
        return self.space.configuration(config, hp.values)


@dataclasses.dataclass(frozen=True)
class Search:
    """A search, which is wrong in nothing that can be known before anything is read.

    Args:
        config: of the runs, but for what is searched.
        settings: how it is searched.
        output: folder of the search.
        demonstration: whether table and figures say that they are a demonstration. Defaults
            to `False`.

    Raises:
        UserError: for anything the user can mend.

    Example:
        >>> from mss_keras.config import TrainingConfig
        >>> config = RunConfig(training=TrainingConfig(loss=("dissimilarity_freq",)))
        >>> search = Search(config, SearchConfig(trials=10, trial_epochs=50), Path("search"))
        >>> search.epochs, list(search.space.ranges)
        (50, ['beta'])
    """

    config: RunConfig
    settings: SearchConfig
    output: Path
    demonstration: bool = False

    def __post_init__(self):
        shared.refuse_machines(self.config)
        self._check_objective()
        self._check_epochs()
        for values in self.space.bounds():
            loop.resolve(self.space.configuration(self.config, values))
        self.oracle()

    @property
    def space(self) -> Space:
        """What is searched."""
        return Space.of(self.config, self.settings.range)

    @property
    def objective(self) -> str:
        """The metric that decides, one of `OBJECTIVES`."""
        return RENAMED.get(self.settings.objective, self.settings.objective)

    @property
    def epochs(self) -> int:
        """Number of epochs of a trial at most."""
        return self.settings.trial_epochs or self.config.training.epochs

    def oracle(self) -> Oracle:
        """A new Oracle for this search."""
        return make_oracle(
            self.settings,
            self.space,
            objective=self.objective,
            epochs=self.epochs - (self.config.adversarial.pretrain_epochs or 0),
            seed=self.config.training.seed,
        )

    def claim(self) -> Claim:
        """What the trials depend on, for the folder of the search."""
        settings = self.settings
        wanted = {
            **self.config.binding("search"),
            "tuner": settings.tuner,
            "objective": self.objective,
            "trial_epochs": self.epochs,
            "ranges": {name: str(span) for name, span in self.space.ranges.items()},
            **({"trials": settings.trials} if ORACLES[settings.tuner].keeps_trials else {}),
        }
        return Claim("search", _FILE, wanted)

    def with_decoded_data(self, *, say: Callable[[str], None], progress: bool) -> "Search":
        """This search on data that are decoded; see `mss_keras.experiments.shared`."""
        config = shared.with_decoded_data(
            self.config, splits=("train", "valid"), say=say, progress=progress
        )
        return dataclasses.replace(self, config=config)

    def with_statistics(self, *, progress: bool) -> "Search":
        """This search with the statistics that all trials share."""
        config = shared.with_statistics(self.config, self.output, progress=progress)
        return dataclasses.replace(self, config=config)

    def model(self) -> RunModel:
        """What builds the trials' runs."""
        return RunModel(self.config, self.space, self.epochs)

    def best(self, trial: Trial) -> RunConfig:
        """The configuration to train fully, with the values of the best trial."""
        return self.space.configuration(self.config, trial.hyperparameters.values)

    def _check_objective(self) -> None:
        if self.objective == "val_loss":
            found = "val_loss, which a smaller weight lowers by itself"
            raise UserError("objective", found, f"one of {', '.join(OBJECTIVES)}")
        if self.objective not in OBJECTIVES:
            raise UserError.unknown("objective", self.objective, OBJECTIVES)

    def _check_epochs(self) -> None:
        pretraining = self.config.adversarial.pretrain_epochs
        unknown = pretraining is None and len(phases(self.config)) > 1
        if ORACLES[self.settings.tuner].deals_epochs and unknown:
            raise UserError(
                "tuner",
                f"{self.settings.tuner} with `loss` {' '.join(self.config.training.loss)}",
                "`pretrained` or `pretrain_epochs` besides: the epochs that it deals out come "
                "after pretraining",
            )
        if (pretraining or 0) >= self.epochs:
            raise UserError(
                "trial_epochs", self.epochs, f"more than `pretrain_epochs` {pretraining}"
            )


def bring_up_to_date(folder: Path) -> None:
    """Puts today's name of the objective into the folder of a search from before.

    Args:
        folder: of a search; another folder, or none, is left as it is.
    """
    path = folder / _FILE
    if not path.exists():
        return
    wanted = read_mapping(path, "the file of a search")
    if wanted.get("objective") in RENAMED:
        wanted["objective"] = RENAMED[wanted["objective"]]
        with appearing(path) as partial:
            partial.write_text(yaml.safe_dump(wanted, sort_keys=False))
