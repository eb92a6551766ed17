"""Where model, domain and loss meet: the separator that trains."""

import copy
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from mss_keras import domains, losses
from mss_keras.losses import SeparationLoss
from mss_keras.metrics import SDR, SISDR
from mss_keras.models.masking import MaskingModel
from mss_keras.training import networks
from mss_keras.training.opponents import Opponents

_GRADIENT_NORM = "gradient_norm/"


@keras.saving.register_keras_serializable(package="mss_keras")
class Separator(MaskingModel):
    """A `MaskingModel` that is compiled with losses of the catalogue and trained by `fit`.

    `fit` takes batches `{"mixture": [batch, samples, channels], "sources": [batch,
    sources, samples, channels]}` or pairs `(mixture, sources)`. Arguments as
    `MaskingModel`.

    With the adversarial loss batches decide: where they hold `unpaired_mixture` and
    `unpaired_sources` too, of the same shapes, a step is adversarial; without, it is the
    pretraining by l2_freq, as validation is.

    Example:
        >>> separator = Separator(("vocals", "drums", "bass", "other"))
        >>> separator.compile("adam", loss="l2_freq")
        >>> separator.fit(examples)
        >>> stems = separator.separate(waveform)
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.train_function: Any = None
        self.data_wait = 0.0  # seconds that steps waited for data, ever
        self._ratios = [SISDR(), SDR()]  # of waveforms, in validation
        self.__dict__["opponents"] = None  # past Keras's tracking, as the losses
        self._set_losses([], [], log_gradient_norms=False)

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
                respect to the estimate it compares is logged, averaged over examples.
                Defaults to `False`: it costs a backward pass a term.
            discriminator_optimizer: of which every discriminator of the adversarial loss
                gets a copy. Defaults to Adam as DCGAN has it, 2e-4 and β₁ = 0.5.
            **kwargs: as in `keras.Model.compile`; `metrics` are not taken: SI-SDR
                and SDR of the waveforms are reported in validation.

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
        self._set_losses(resolved, weights, log_gradient_norms)
        self.__dict__["_discriminator_optimizer"] = keras.optimizers.serialize(
            discriminator_optimizer or keras.optimizers.Adam(2e-4, beta_1=0.5)
        )
        self._bind_networks()

    def _set_losses(
        self, chosen: Sequence[SeparationLoss], weights: Sequence[float], log_gradient_norms: bool
    ) -> None:
        names = []
        for loss in chosen:
            terms = [_tag(loss, term) for term in loss.weights]
            names += [loss.name] if len(chosen) > 1 else []
            names += terms if len(terms) > 1 else []
            names += [_GRADIENT_NORM + term for term in terms] if log_gradient_norms else []
        # Past Keras's tracking, which takes no new state once the model is built, and would
        # take the network of a loss for a part of this one.
        self.__dict__["_losses_and_weights"] = list(zip(chosen, weights, strict=True))
        self.__dict__["_trackers"] = {name: keras.metrics.Mean(name=name) for name in names}
        self.__dict__["_log_gradient_norms"] = log_gradient_norms

    def _bind_networks(self) -> None:
        for loss, _ in self._losses_and_weights:
            networks.bind(
                loss,
                self.audio,
                sources=len(self.source_names),
                synchronized=self.synchronized,
                policy=self.policy,
            )
            known = self.opponents and self.opponents.discriminators
            if loss.needs == "discriminators" and loss.network is not known:
                self.__dict__["opponents"] = Opponents(
                    loss.network,
                    self.source_names,
                    partial(_optimizer_of, self._discriminator_optimizer),
                )

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Keras's, and the means of losses and of their terms where there are several."""
        return [*super().metrics, *self._trackers.values()]

    def get_compile_config(self) -> dict[str, Any] | None:
        """Optimiser and losses, serialised; none of a model that was imported."""
        if not self.compiled:
            return None
        return {
            "optimizer": keras.optimizers.serialize(self.optimizer),
            "loss": [losses.serialize(loss) for loss, _ in self._losses_and_weights],
            "loss_weights": [weight for _, weight in self._losses_and_weights],
            "log_gradient_norms": self._log_gradient_norms,
            "discriminator_optimizer": self._discriminator_optimizer,
        }

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Inverse of `get_compile_config`; networks of losses wait until one is computed."""
        super().compile(keras.optimizers.deserialize(config["optimizer"]))
        self._set_losses(
            [losses.deserialize(loss) for loss in config["loss"]],
            config["loss_weights"],
            config.get("log_gradient_norms", False),
        )
        self.__dict__["_discriminator_optimizer"] = config["discriminator_optimizer"]
        self.optimizer.build(self.trainable_variables)

    def call(self, mixture, training: bool = False) -> dict[str, Any]:
        """See `MaskingModel.call`; an adversarial step hands in a mapping of two mixtures."""
        if not isinstance(mixture, Mapping):
            return super().call(mixture, training)
        # Dropout and batch statistics are for the pairs, see `opponents`.
        unpaired = super().call(mixture["unpaired"], training=False)
        return {**super().call(mixture["paired"], training), "unpaired": unpaired}

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        """Weighted sum of the losses; serves `fit` and `evaluate`.

        In an adversarial step the discriminators learn first.
        """
        unpaired = y_pred.get("unpaired")
        if unpaired is not None:
            others = domains.Scene(y["unpaired"], **unpaired, audio=self.audio)
            x, y = x["paired"], y["paired"]
        scene = domains.Scene(y, y_pred["mask"], y_pred["spectrogram"], audio=self.audio)
        if unpaired is not None:
            self.opponents.update(scene, others)
        total = 0.0
        for loss, weight in self._losses_and_weights:
            opposed = loss.needs == "discriminators"
            if opposed and unpaired is None:
                loss = loss.unopposed
            terms = self._terms(loss, domains.pair(loss.domain, scene), training)
            if opposed and unpaired is not None:
                terms["separator"] += loss.separator_term(others.estimated_magnitudes)
            value = loss.reduced(loss.total(terms), sample_weight)
            total += weight * value
            values = {loss.name: value}
            if len(terms) > 1:
                reduced = {term: loss.reduced(x, sample_weight) for term, x in terms.items()}
                values |= {_tag(loss, term): mean for term, mean in reduced.items()}
            self._track(values, tf.shape(x)[0])
        if not training:
            for ratio in self._ratios:
                ratio.update_state(scene.waveforms, scene.estimated_waveforms, sample_weight)
        return total

    def _track(self, values: Mapping[str, tf.Tensor], count: tf.Tensor) -> None:
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        for name, value in values.items():
            if name in self._trackers:
                self._trackers[name].update_state(value * replicas, count)

    def _terms(self, loss: SeparationLoss, pair: domains.Pair, training: bool) -> dict:
        target, estimate = pair
        if not (self._log_gradient_norms and training):
            return loss.terms(target, estimate)
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(estimate)
            terms = loss.terms(target, estimate)
        trackers = {term: self._trackers.get(_GRADIENT_NORM + _tag(loss, term)) for term in terms}
        for term, values in terms.items():
            if trackers[term] is None:  # of adversarial's pretraining
                continue
            gradient = tape.gradient(values, estimate)  # of each example: they do not meet
            norms = tf.norm(tf.reshape(gradient, [tf.shape(gradient)[0], -1]), axis=1)
            trackers[term].update_state(norms)
        return terms

    def train_step(self, data):
        """One step; its logs leave out what only validation measures."""
        logs = super().train_step(self._as_pair(data))
        unmeasured = {ratio.name for ratio in self._ratios}
        if not _is_adversarial(data):
            unmeasured |= self._opposed_terms()
        return {name: value for name, value in logs.items() if name not in unmeasured}

    def _as_pair(self, data):
        if not _is_adversarial(data):
            return _pair(data)
        if self.opponents is None:
            raise ValueError("found unpaired music, wanted it with the adversarial loss alone")
        return tuple(
            {"paired": data[kind], "unpaired": data[f"unpaired_{kind}"]}
            for kind in ("mixture", "sources")
        )

    def _opposed_terms(self) -> set[str]:
        opposed = [x for x, _ in self._losses_and_weights if x.needs == "discriminators"]
        return {_tag(loss, term) for loss in opposed for term in loss.weights}

    def test_step(self, data):
        """One step of validation; its logs leave out what only training measures."""
        logs = super().test_step(_pair(data))
        unmeasured = self._opposed_terms()
        return {
            name: value
            for name, value in logs.items()
            if not name.startswith(_GRADIENT_NORM) and name not in unmeasured
        }

    def make_test_function(self, force: bool = False):
        """Keras's."""
        self._bind_networks()
        super().make_test_function(force)

    def make_train_function(self, force: bool = False):
        """Keras's, with the time spent waiting for data added up in `data_wait`."""
        if self.train_function is not None and not force:
            return
        self._bind_networks()
        self._build_optimizer()
        super().make_train_function(force)
        step = self.train_function

        def timed(iterator):
            start = time.perf_counter()
            batch = next(iterator)
            self.data_wait += time.perf_counter() - start
            return step(iter([batch]))

        self.train_function = timed

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


def _tag(loss: SeparationLoss, term: str) -> str:
    return loss.name if term == loss.name else f"{loss.name}/{term}"


def _optimizer_of(config: Mapping[str, Any]) -> keras.optimizers.Optimizer:
    # Keras takes the configuration of a LossScaleOptimizer to pieces.
    return keras.optimizers.deserialize(copy.deepcopy(config))


def _pair(data):
    return (data["mixture"], data["sources"]) if isinstance(data, Mapping) else data


def _is_adversarial(data) -> bool:
    return isinstance(data, Mapping) and "unpaired_mixture" in data
