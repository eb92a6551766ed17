"""What a separator is trained by: losses, their weights, companions and means."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from mss_keras import domains, losses
from mss_keras.domains import Pair, Scene
from mss_keras.losses import SeparationLoss
from mss_keras.training.companions import Surroundings, companion_of

_GRADIENT_NORM = "gradient_norm/"


class Objective:
    """A weighted sum of losses of any domains, each logged apart.

    A plain object, which Keras does not track: Keras would take no new state once a model is
    built, and would take the network of a loss for a part of the model.

    Args:
        chosen: sequence of SeparationLoss. Defaults to none.
        weights: sequence of float. A weight for each loss. Defaults to none.
        log_gradient_norms: bool. Whether the norm of each unweighted term's gradient with respect
            to the estimate that it compares is logged. Defaults to `False`.
        optimizer: mapping. Configuration of the optimiser of networks that are trained along,
            which `keras.optimizers.deserialize` knows. Defaults to Keras's Adam.
    """

    def __init__(
        self,
        chosen: Sequence[SeparationLoss] = (),
        weights: Sequence[float] = (),
        *,
        log_gradient_norms: bool = False,
        optimizer: Mapping[str, Any] | None = None,
    ):
        self.losses, self.weights = tuple(chosen), tuple(weights)
        self.companions = [companion_of(loss) for loss in self.losses]
        self.log_gradient_norms = log_gradient_norms
        self._optimizer = optimizer
        # What steps of a kind measure, which is known once such a step has been traced.
        self.measured: dict[tuple[bool, bool], set[str]] = {}
        names = []
        for loss in self.losses:
            terms = [_tag(loss, term) for term in loss.weights]
            names += [loss.name] if len(self.losses) > 1 else []
            names += terms if len(terms) > 1 else []
            names += [_GRADIENT_NORM + term for term in terms] if log_gradient_norms else []
        self.trackers = {name: keras.metrics.Mean(name=name) for name in names}

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs, of plain types."""
        return {
            "loss": [losses.serialize(loss) for loss in self.losses],
            "loss_weights": list(self.weights),
            "log_gradient_norms": self.log_gradient_norms,
            "discriminator_optimizer": self._optimizer,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Objective":
        """Inverse of `get_config`; networks of losses are had once they are bound."""
        return cls(
            [losses.deserialize(loss) for loss in config["loss"]],
            config["loss_weights"],
            log_gradient_norms=config.get("log_gradient_norms", False),
            optimizer=config["discriminator_optimizer"],
        )

    @property
    def unpaired(self) -> bool:
        """Whether a loss is trained by batches that hold unpaired music."""
        return any(companion.unpaired for companion in self.companions)

    def make_optimizer(self) -> keras.optimizers.Optimizer:
        """A new optimiser for a network that is trained along."""
        if self._optimizer is None:
            return keras.optimizers.Adam()
        # Keras takes the configuration of a LossScaleOptimizer to pieces.
        return keras.optimizers.deserialize(copy.deepcopy(self._optimizer))

    def bind(self, surroundings: Surroundings) -> None:
        """Makes all companions ready for a model; see `Companion.bind`."""
        for companion in self.companions:
            companion.bind(surroundings)

    def before_step(self, scene: Scene) -> None:
        """Lets all companions do what comes before the losses of a step."""
        for companion in self.companions:
            companion.before_step(scene)

    def total(
        self, scene: Scene, sample_weight: tf.Tensor | None = None, *, training: bool
    ) -> tf.Tensor:
        """The weighted sum of the losses of a batch, a scalar; tracks the means of its parts."""
        measured = self.measured.setdefault((training, scene.unpaired is not None), set())
        total = 0.0
        chosen = [companion.loss_for(scene) for companion in self.companions]
        pairs = domains.pairs({loss.domain for loss in chosen}, scene)
        for weight, loss, companion in zip(self.weights, chosen, self.companions, strict=True):
            norms = self.log_gradient_norms and training
            compared = pairs[loss.domain]
            if not (training or loss.hears_silence):
                compared = domains.without_leakage(compared, scene)
            terms = self._terms(loss, compared, sample_weight if norms else None, norms=norms)
            for name, values in companion.extra_terms(scene).items():
                terms[name] += values
            means = {loss.name: loss.reduced(loss.total(terms), sample_weight)}
            total += weight * means[loss.name]
            if len(terms) > 1:
                means |= {
                    _tag(loss, name): loss.reduced(values, sample_weight)
                    for name, values in terms.items()
                }
            self._track(means, scene, sample_weight)
            measured.update(means)
            if self.log_gradient_norms and training:
                measured.update(_GRADIENT_NORM + _tag(loss, name) for name in terms)
        return total

    def _track(
        self, means: Mapping[str, tf.Tensor], scene: Scene, weight: tf.Tensor | None
    ) -> None:
        for name, value in means.items():
            if name in self.trackers:
                found = mean_and_count(value, tf.shape(scene.waveforms)[0], weight)
                self.trackers[name].update_state(*found)

    def _terms(
        self, loss: SeparationLoss, compared: Pair, weight: tf.Tensor | None, *, norms: bool
    ) -> dict[str, tf.Tensor]:
        target, estimate = compared
        if not norms:
            return loss.terms(target, estimate)
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(estimate)
            terms = loss.terms(target, estimate)
        for term, values in terms.items():
            tracker = self.trackers.get(_GRADIENT_NORM + _tag(loss, term))
            if tracker is None:  # of the loss that stands in for another in pretraining
                continue
            gradient = tape.gradient(values, estimate)  # examples do not meet in a loss
            gradient = tf.reshape(gradient, [tf.shape(gradient)[0], -1])
            tracker.update_state(
                tf.norm(gradient, axis=1), None if weight is None else counted(weight)
            )
        return terms

    def state(self) -> dict[str, list[keras.Variable]]:
        """What a checkpoint has to hold besides the model, by the name of its part."""
        return {name: own for x in self.companions for name, own in x.state.items()}

    def reset_logs(self) -> None:
        """Begins the means of an epoch that `logs` gives anew."""
        for companion in self.companions:
            companion.reset_logs()

    def logs(self) -> dict[str, float]:
        """What companions tell of an epoch."""
        return {name: value for x in self.companions for name, value in x.logs().items()}


def mean_and_count(
    reduced: tf.Tensor, examples: tf.Tensor, weight: tf.Tensor | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """What a `keras.metrics.Mean` is to take of a loss that Keras has reduced.

    Keras divides by the number of replicas, since their gradients are added up, and by the
    number of examples, those of weight 0 included.

    Args:
        reduced: scalar, the sum of weighted losses by both numbers.
        examples: number of examples of the replica, scalar.
        weight: of each example, `[batch]`. Defaults to 1 each.

    Returns:
        The sum of the replica's weighted losses by the number of examples whose weight is not 0,
        and that number.
    """
    mean = reduced * tf.distribute.get_strategy().num_replicas_in_sync
    if weight is None:
        return mean, tf.cast(examples, mean.dtype)
    count = tf.reduce_sum(counted(weight, mean.dtype))
    return tf.math.divide_no_nan(mean * tf.cast(examples, mean.dtype), count), count


def counted(weight: tf.Tensor, dtype: Any = tf.float32) -> tf.Tensor:
    """1 for examples that count, 0 for those of weight 0; `[batch]` twice."""
    return tf.cast(tf.not_equal(tf.reshape(weight, [-1]), 0), dtype)


def _tag(loss: SeparationLoss, term: str) -> str:
    return loss.name if term == loss.name else f"{loss.name}/{term}"
