"""The half of adversarial training in which discriminators learn.

One step of the separator is, in this order: estimates of a paired and of an unpaired
mixture; an update of every D_k by L_k, in which the estimates are constants; the
separator's losses, in which the discriminators are. The paired mixtures go through the
separator as in any training. The unpaired ones go through it as it is used, without
dropout and with its moving statistics, which they leave alone: with γ = 0 it is trained
exactly as by l2_freq.
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from mss_keras.domains import Scene
from mss_keras.losses import discriminator_terms
from mss_keras.models.discriminator import Discriminators

_SCORES = ("score_real", "score_fake")


class Opponents:
    """Discriminators, one a source, each with an optimiser of its own.

    Args:
        discriminators: them.
        names: of the sources.
        optimizer: makes an optimiser.
    """

    def __init__(
        self,
        discriminators: Discriminators,
        names: tuple[str, ...],
        optimizer: Callable[[], keras.optimizers.Optimizer],
    ):
        self.discriminators = discriminators
        self.names = names
        self.optimizers = [optimizer() for _ in discriminators.each]
        for own, each in zip(self.optimizers, discriminators.each, strict=True):
            own.build(each.trainable_variables)
        kinds = ("real_paired", "real_unpaired", "fake_paired", "fake_unpaired", *_SCORES)
        self._means = {
            (name, kind): keras.metrics.Mean(name=f"discriminator/{name}/{kind}")
            for name in names
            for kind in kinds
        }

    @property
    def variables(self) -> dict[str, list[keras.Variable]]:
        """All that a checkpoint has to hold, by part."""
        own = [variable for optimizer in self.optimizers for variable in optimizer.variables]
        return {"discriminators": self.discriminators.variables, "discriminator_optimizers": own}

    def update(self, paired: Scene, unpaired: Scene) -> None:
        """One step of every discriminator by its L_k.

        Reals and fakes, paired and unpaired, make one batch, whose statistics normalise
        all of them: by those of its own a batch of fakes would look like one of reals.

        Args:
            paired: mixtures with their sources.
            unpaired: other mixtures' estimates, other recordings as the sources.
        """
        parts = [
            *(paired.magnitudes, unpaired.magnitudes),
            *(paired.estimated_magnitudes, unpaired.estimated_magnitudes),
        ]
        batches = [tf.unstack(tf.stop_gradient(part), len(self.names), axis=1) for part in parts]
        for source, together in enumerate(zip(*batches, strict=True)):
            self._update(source, tf.concat(together, axis=0))

    def _update(self, source: int, magnitudes: tf.Tensor) -> None:
        discriminator, optimizer = self.discriminators.each[source], self.optimizers[source]
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        variables = discriminator.trainable_variables
        with tf.GradientTape() as tape:
            scores = tf.reshape(discriminator(magnitudes, training=True), [4, -1])
            real, fake = scores[:2], scores[2:]
            terms = discriminator_terms(real, fake)
            # Gradients of replicas are added.
            loss = 0.25 * tf.reduce_mean(tf.add_n(list(terms.values()))) / replicas
            loss = optimizer.scale_loss(loss)
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        found = {**terms, **dict(zip(_SCORES, (real, fake), strict=True))}
        for kind, values in found.items():
            self._means[self.names[source], kind].update_state(values)

    def reset(self) -> None:
        """Begins the means of an epoch."""
        for mean in self._means.values():
            mean.reset_state()

    def means(self) -> dict[str, float]:
        """Since `reset`: the four squares of L_k and the mean scores of each source.

        Empty where there was no step.
        """
        means = [mean for mean in self._means.values() if mean.count.numpy()]
        return {mean.name: float(mean.result()) for mean in means}
