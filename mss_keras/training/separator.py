"""Where model, domain and loss meet: the separator that trains."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from mss_keras import losses
from mss_keras.domains import Scene
from mss_keras.losses import SeparationLoss
from mss_keras.metrics import SISDR, SNR
from mss_keras.models.masking import MaskingModel
from mss_keras.training.companions import Surroundings
from mss_keras.training.objective import Objective


@keras.saving.register_keras_serializable(package="mss_keras")
class Separator(MaskingModel):
    """A `MaskingModel` that is compiled with losses of the catalogue and trained by `fit`.

    `fit` takes batches `{"mixture": [batch, samples, channels], "sources": [batch,
    sources, samples, channels]}` or pairs `(mixture, sources)`. Arguments as
    `MaskingModel`.

    With the adversarial loss the batches decide: a batch that holds `unpaired_mixture` and
    `unpaired_sources` too, of the same shapes, makes a step adversarial; a batch without them
    makes it a step of the pretraining by l2_freq, as every step of validation is.

    Attributes:
        objective: Objective. Losses, weights and companions; see `compile`.
        data_wait: float. Seconds that training steps have waited for data since the model was made.

    Example:
        >>> import numpy as np
        >>> from mss_keras.config import AudioConfig, ModelConfig
        >>> separator = Separator(("vocals", "other"), AudioConfig(nfft=256, nhop=64),
        ...                       ModelConfig(hidden_size=4))
        >>> separator.compile("adam", loss="l2_freq")
        >>> sources = np.random.default_rng(0).normal(size=(2, 2, 1000, 2)).astype("float32")
        >>> history = separator.fit(sources.sum(axis=1), sources, verbose=0)
        >>> separator.separate(sources[0].sum(axis=0))["vocals"].shape
        (1000, 2)
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.train_function: Any = None
        self.test_function: Any = None
        self.data_wait = 0.0
        self.objective = Objective()
        self._ratios = [SISDR(), SNR()]  # of waveforms, measured in validation alone
        self._step = (True, False)  # whether the last step was one of training, and unpaired

    @classmethod
    def of(cls, model: MaskingModel) -> "Separator":
        """A separator with the network, the sources and the weights of another model."""
        separator = cls.from_config(model.get_config())
        separator.build()
        separator.set_weights(model.get_weights())
        return separator

    def compile(
        self,
        optimizer: Any = "adam",
        loss: str | SeparationLoss | Sequence[str | SeparationLoss] = "l2_freq",
        loss_weights: Sequence[float] | None = None,
        *,
        log_gradient_norms: bool = False,
        discriminator_optimizer: keras.optimizers.Optimizer | None = None,
        **kwargs,
    ) -> None:
        """Sets optimiser and loss.

        Args:
            optimizer: a Keras optimiser or its name. Defaults to `"adam"`.
            loss: a loss of `mss_keras.losses` or its name, or several of them, of
                any domains, which are summed. Defaults to `"l2_freq"`.
            loss_weights: a weight for each loss. Defaults to 1 each.
            log_gradient_norms: whether the norm of each unweighted term's gradient with
                respect to the estimate that it compares is logged, averaged over examples.
                Defaults to `False`: it costs a backward pass a term.
            discriminator_optimizer: the optimiser whose copies train the discriminators of the
                adversarial loss. Defaults to Adam as DCGAN has it, 2e-4 and β₁ = 0.5.
            **kwargs: as in `keras.Model.compile`; `metrics` are not taken: SI-SDR
                and SNR of the waveforms are reported in validation.

        Raises:
            UserError: for an unknown name of a loss, or a network that cannot be had.
            ValueError: if weights and losses differ in number.
        """
        chosen = [loss] if isinstance(loss, (str, SeparationLoss)) else list(loss)
        resolved = [losses.get(x) if isinstance(x, str) else x for x in chosen]
        weights = [1.0] * len(resolved) if loss_weights is None else list(loss_weights)
        if len(weights) != len(resolved):
            raise ValueError(f"loss_weights: found {len(weights)}, wanted {len(resolved)}")
        super().compile(optimizer=optimizer, **kwargs)
        along = discriminator_optimizer or keras.optimizers.Adam(2e-4, beta_1=0.5)
        self.objective = Objective(
            resolved,
            weights,
            log_gradient_norms=log_gradient_norms,
            optimizer=keras.optimizers.serialize(along),
        )
        self._bind()

    def _bind(self) -> None:
        self.objective.bind(
            Surroundings(
                self.audio,
                sources=self.source_names,
                synchronized=self.synchronized,
                policy=self.policy,
                optimizer=self.objective.make_optimizer,
            )
        )

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Keras's, and the means of losses and of their terms where there are several."""
        return [*super().metrics, *self.objective.trackers.values()]

    def get_metrics_result(self) -> dict[str, Any]:
        """The metrics that the last step has measured, by name."""
        training, _ = self._step
        measured = {"loss"} | self.objective.measured.get(self._step, set())
        if not training:
            measured |= {ratio.name for ratio in self._ratios}
        results = super().get_metrics_result()
        return {name: value for name, value in results.items() if name in measured}

    def get_compile_config(self) -> dict[str, Any] | None:
        """Optimiser and losses, serialised; None for a model that was imported."""
        if not self.compiled:
            return None
        optimizer = keras.optimizers.serialize(self.optimizer)
        return {"optimizer": optimizer, **self.objective.get_config()}

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Inverse of `get_compile_config`; networks of losses wait until one is computed."""
        super().compile(keras.optimizers.deserialize(config["optimizer"]))
        self.objective = Objective.from_config(config)
        self.optimizer.build(self.trainable_variables)

    def call(self, mixture, training: bool = False) -> dict[str, Any]:
        """See `MaskingModel.call`; an adversarial step hands in a mapping of two mixtures."""
        if not isinstance(mixture, Mapping):
            return super().call(mixture, training)
        # Dropout and batch statistics are for the pairs; see `DiscriminatorsCompanion`.
        unpaired = super().call(mixture["unpaired"], training=False)
        return {**super().call(mixture["paired"], training), "unpaired": unpaired}

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):  # noqa: PLR0917
        """Weighted sum of the losses; serves `fit` and `evaluate`."""
        scene = self._scene(y, dict(y_pred))
        self.objective.before_step(scene)
        total = self.objective.total(scene, sample_weight, training=training)
        if not training:
            for ratio in self._ratios:
                ratio.update_state(scene.waveforms, scene.estimated_waveforms, sample_weight)
        return total

    def _scene(self, sources, parts: dict[str, Any]) -> Scene:
        if "unpaired" not in parts:
            return Scene(sources, **parts, audio=self.audio)
        others = Scene(sources["unpaired"], **parts.pop("unpaired"), audio=self.audio)
        return Scene(sources["paired"], **parts, audio=self.audio, unpaired=others)

    def train_step(self, data):
        """One step of training."""
        self._step = (True, _is_unpaired(data))
        return super().train_step(self._as_pair(data))

    def test_step(self, data):
        """One step of validation."""
        self._step = (False, False)
        return super().test_step(_pair(data))

    def _as_pair(self, data):
        if not _is_unpaired(data):
            return _pair(data)
        if not self.objective.unpaired:
            raise ValueError("found unpaired music, wanted it with the adversarial loss alone")
        return tuple(
            {"paired": data[kind], "unpaired": data[f"unpaired_{kind}"]}
            for kind in ("mixture", "sources")
        )

    def make_test_function(self, force: bool = False):
        """Keras's, which notes that the last step was one of validation."""
        if self.test_function is not None and not force:
            return
        self._bind()
        super().make_test_function(force)
        step = self.test_function

        def noted(iterator):
            self._step = (False, False)
            return step(iterator)

        self.test_function = noted

    def make_train_function(self, force: bool = False):
        """Keras's, with the time spent waiting for data added up in `data_wait`."""
        if self.train_function is not None and not force:
            return
        self._bind()
        self._build_optimizer()
        super().make_train_function(force)
        self.train_function = self._timed(self.train_function)

    def _timed(self, step: Callable[[Iterator], Any]) -> Callable[[Iterator], Any]:
        def timed(iterator):
            start = time.perf_counter()
            batches = list(itertools.islice(iterator, self.steps_per_execution))
            self.data_wait += time.perf_counter() - start
            if not batches:
                raise StopIteration
            self._step = (True, _is_unpaired(batches[0]))
            return step(iter(batches))

        return timed

    def _build_optimizer(self) -> None:
        # A step that made variables would be traced twice: to make them, and without.
        with self.distribute_strategy.scope():
            if not self.built:
                self.build()
            if not self.optimizer.built:
                self.optimizer.build(self.trainable_variables)

    def export(self, folder: str | Path, *args, **kwargs) -> Path:
        """Publishes a SavedModel for TensorFlow Serving; see `serving.export.export`."""
        from serving.export import export

        return export(self, Path(folder), *args, **kwargs)


def _pair(data):
    return (data["mixture"], data["sources"]) if isinstance(data, Mapping) else data


def _is_unpaired(data) -> bool:
    return isinstance(data, Mapping) and "unpaired_mixture" in data
