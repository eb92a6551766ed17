"""Where model, domain and loss meet: the separator that trains."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from mss_keras import domains, losses
from mss_keras.config import require
from mss_keras.domains import SCENES, Scene
from mss_keras.losses import SeparationLoss
from mss_keras.metrics import SISDR, SNR
from mss_keras.models.model import SeparationModel
from mss_keras.training.companions import Surroundings
from mss_keras.training.gradients import take_over, update
from mss_keras.training.machines.steps import function_of, on_machines
from mss_keras.training.objective import Objective, mean_and_count
from mss_keras.training.steps import StepFunction


@keras.saving.register_keras_serializable(package="mss_keras")
class Separator(SeparationModel):
    """A `SeparationModel` that is compiled with losses of the catalogue and trained by `fit`.

    `fit` takes batches `{"mixture": [batch, samples, channels], "sources": [batch,
    sources, samples, channels]}` or pairs `(mixture, sources)`. Without a mixture the sum of the
    sources is taken. `weight`, `[batch]`, or a third member of the pair weighs examples, and means
    are taken over the examples whose weight is not 0. On several devices every batch has to be
    divisible by their number; `mss_keras.data.padding.padded_batches` fills up the last one.
    Arguments as `SeparationModel`.

    With the adversarial loss the batches decide: a batch that holds `unpaired_mixture` and
    `unpaired_sources` too, of the same shapes, makes a step adversarial; a batch without them
    makes it a step of the pretraining by l2_freq, as every step of validation is.

    Attributes:
        objective: Objective. Losses, weights and companions; see `compile`.
        sparse_logs: bool. Whether most steps give callbacks no logs, so that the host need not
            wait for the device. Defaults to `False`; runs set it.

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
        self.objective = Objective()
        self.sparse_logs = False
        self._ratios = [SISDR(), SNR()]  # of waveforms, measured in validation alone
        self._step = (True, False)  # whether the last step was one of training, and unpaired

    @classmethod
    def of(cls, model: SeparationModel, **changes: Any) -> "Separator":
        """A separator with the network, the sources and the weights of another model.

        Args:
            model: the other model.
            **changes: entries of its configuration that are to be different, such as `policy`.
        """
        separator = cls.from_config({**model.get_config(), **changes})
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
        jit_compile: bool = False,
        **kwargs,
    ) -> None:
        """Sets optimiser and loss.

        Args:
            optimizer: a Keras optimiser or its name. Defaults to `"adam"`. From then on it is
                for models of this kind alone; see `take_over`.
            loss: a loss of `mss_keras.losses` or its name, or several of them, of
                any domains, which are summed. Cross-entropies are of logits: the model has to be
                made with the `mask_activation` that they name. Defaults to `"l2_freq"`.
            loss_weights: a weight for each loss. Defaults to 1 each.
            log_gradient_norms: whether the norm of each unweighted term's gradient with
                respect to the estimate that it compares is logged, averaged over examples.
                Defaults to `False`: it costs a backward pass a term.
            discriminator_optimizer: the optimiser whose copies train the discriminators of the
                adversarial loss. Defaults to Adam as DCGAN has it, 2e-4 and β₁ = 0.5.
            jit_compile: whether XLA compiles the steps. Defaults to `False`, where Keras decides by
                itself: on CPUs XLA makes LSTM layers several times slower, and on GPUs it
                cannot compile cuDNN's.
            **kwargs: as in `keras.Model.compile`; `metrics` are not taken: SI-SDR
                and SNR of the waveforms are reported in validation.

        Raises:
            UserError: for an unknown name of a loss, another kind of loss, one that cannot be read
                of what the network estimates, weights that do not fit, metrics, or a network that
                cannot be had.
        """
        require("metrics" not in kwargs, "metrics", found="some", wanted="none: see `compile`")
        resolved = _resolved(loss)
        domains.require_readable({x.name: x.domain for x in resolved}, self.flow.domain)
        weights = [1.0] * len(resolved) if loss_weights is None else loss_weights
        fits = isinstance(weights, Sequence) and len(weights) == len(resolved)
        wanted = f"a number for each of the {len(resolved)} losses"
        require(fits, "loss_weights", found=loss_weights, wanted=wanted)
        for weight in weights:
            require(0 <= weight < math.inf, "loss_weights", found=weight, wanted="0 or more")
        require(any(weights), "loss_weights", found=list(weights), wanted="one above 0")
        super().compile(jit_compile=jit_compile, **kwargs)
        self.optimizer = take_over(self._scaled(keras.optimizers.get(optimizer)))
        along = self._scaled(discriminator_optimizer or keras.optimizers.Adam(2e-4, beta_1=0.5))
        self.objective = Objective(
            resolved,
            weights,
            log_gradient_norms=log_gradient_norms,
            optimizer=keras.optimizers.serialize(along),
        )
        self._bind()

    def _scaled(self, optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
        # Small gradients are 0 in float16 unless the loss is scaled.
        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if self.policy != "mixed_float16" or scaled:
            return optimizer
        return keras.optimizers.LossScaleOptimizer(optimizer)

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

    @property
    def data_wait(self) -> float:
        """Seconds that training steps have waited for data since the step was compiled."""
        return self.train_function.wait if self.train_function else 0.0

    def _get_metrics_result_or_logs(self, logs: Any) -> dict[str, Any]:
        # Most steps give no logs, and of several replicas' Keras would take the last step's.
        return self.get_metrics_result()

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
        optimizer = take_over(keras.optimizers.deserialize(config["optimizer"]))
        super().compile(optimizer, jit_compile=False)
        self.objective = Objective.from_config(config)
        self.optimizer.build(self.trainable_variables)

    def call(self, mixture, training: bool = False) -> dict[str, Any]:
        """See `SeparationModel.call`; an adversarial step hands in a mapping of two mixtures."""
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
        scene: Any = SCENES[self.flow.domain]
        if "unpaired" not in parts:
            return scene(sources, **parts, audio=self.audio)
        others = scene(sources["unpaired"], **parts.pop("unpaired"), audio=self.audio)
        return scene(sources["paired"], **parts, audio=self.audio, unpaired=others)

    def train_step(self, data):
        """One step of training: the losses, and one update from the gradients of all replicas."""
        mixture, sources, weight = self._unpacked(data)
        with tf.GradientTape() as tape:
            parts = self(mixture, training=True)
            loss = self.compute_loss(mixture, sources, parts, weight, training=True)
            scaled = self.optimizer.scale_loss(loss)
        self._count_loss(loss, sources, weight)
        variables = self.trainable_variables
        update(self.optimizer, tape.gradient(scaled, variables), variables)
        return self.get_metrics_result()

    def test_step(self, data):
        """One step of validation, in which examples of weight 0 count for nothing.

        Unpaired music is passed over.
        """
        data = _batch(data)
        if isinstance(data, Mapping):
            data = {name: data[name] for name in data if not name.startswith("unpaired_")}
        mixture, sources, weight = self._unpacked(data)
        parts = self(mixture, training=False)
        loss = self.compute_loss(mixture, sources, parts, weight, training=False)
        self._count_loss(loss, sources, weight)
        return self.get_metrics_result()

    def _count_loss(self, loss: tf.Tensor, sources: Any, weight: tf.Tensor | None = None):
        paired = sources["paired"] if isinstance(sources, Mapping) else sources
        self._loss_tracker.update_state(*mean_and_count(loss, tf.shape(paired)[0], weight))

    def _unpacked(self, data):
        # Mixture, sources and the weight of each example; see the class.
        data = _batch(data)
        if not isinstance(data, Mapping):
            return keras.utils.unpack_x_y_sample_weight(data)
        sources, weight = data["sources"], data.get("weight")
        mixture = data.get("mixture")
        if mixture is None:
            mixture = tf.reduce_sum(sources, axis=1)
        if not _is_unpaired(data):
            return mixture, sources, weight
        if not self.objective.unpaired:
            raise ValueError("found unpaired music, wanted it with the adversarial loss alone")
        mixtures = {"paired": mixture, "unpaired": data["unpaired_mixture"]}
        return mixtures, {"paired": sources, "unpaired": data["unpaired_sources"]}, weight

    def make_test_function(self, force: bool = False):
        """Keras's; see `StepFunction`."""
        if self.test_function is not None and not force:
            return
        self._bind()
        super().make_test_function(force)
        self.test_function = self._step_function(self.test_function, training=False)

    def make_train_function(self, force: bool = False):
        """Keras's; see `StepFunction`."""
        if self.train_function is not None and not force:
            return
        self._bind()
        self._build_optimizer()
        super().make_train_function(force)
        self.train_function = self._step_function(self.train_function, training=True)

    def _step_function(self, step, *, training: bool) -> StepFunction:
        def begin(batch):
            self._step = (training, training and _is_unpaired(batch))

        return StepFunction(
            step,
            begin,
            steps_per_execution=self.steps_per_execution,
            sparse=lambda: self.sparse_logs,
            together=on_machines(self.distribute_strategy),
        )

    def _make_function(self, step_function):
        # All that `fit` and `evaluate` do in a step; Keras's own fails on several machines.
        strategy = self.distribute_strategy
        if on_machines(strategy):
            return function_of(step_function, strategy)
        return super()._make_function(step_function)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras would build the model from a batch, and cannot on several machines.
        self._build_optimizer()

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


def _resolved(loss: Any) -> list[SeparationLoss]:
    chosen = [loss] if isinstance(loss, (str, SeparationLoss)) else loss
    right = isinstance(chosen, Sequence) and len(chosen) > 0
    right = right and all(isinstance(x, (str, SeparationLoss)) for x in chosen)
    wanted = "a loss of mss_keras.losses, its name, or a list of them"
    require(right, "loss", found=loss, wanted=wanted)
    resolved = [losses.get(x) if isinstance(x, str) else x for x in chosen]
    different = len({x.name for x in resolved}) == len(resolved)
    require(different, "loss", found=[x.name for x in resolved], wanted="different names")
    return resolved


def _batch(data):
    # `train_on_batch` puts into a tuple what `fit` hands on as it is.
    alone = isinstance(data, tuple) and isinstance(data[0], Mapping) and "sources" in data[0]
    return data[0] if alone else data


def _is_unpaired(data) -> bool:
    data = _batch(data)
    return isinstance(data, Mapping) and "unpaired_mixture" in data
