"""The companion of the adversarial loss: discriminators, which learn before the separator does.

One step is, in this order: estimates of a paired and of an unpaired mixture; an update of every
discriminator D_k by L_k, in which the estimates are constants; the separator's losses, in which
the discriminators are constants. The paired mixtures go through the separator as in any training.
The unpaired ones go through it as it is used, without dropout and with its moving statistics,
which they do not change: with γ = 0 the separator is trained exactly as by l2_freq.
"""

from dataclasses import fields
from typing import cast

import keras
import tensorflow as tf

from mss_keras.config import AdversarialConfig, RunConfig
from mss_keras.domains import Scene
from mss_keras.losses import Adversarial, SeparationLoss, discriminator_terms
from mss_keras.models.discriminator import Discriminators
from mss_keras.training.companions.base import Companion, Phase, Surroundings
from mss_keras.training.gradients import take_over, update

_SCORES = ("score_real", "score_fake")
_KINDS = ("real_paired", "real_unpaired", "fake_paired", "fake_unpaired", *_SCORES)


class DiscriminatorsCompanion(Companion):
    """Trains a discriminator for each source, each with an optimiser of its own.

    Args:
        loss: Adversarial. Its `network` may be `Discriminators`, or describe them by `filters`.

    Attributes:
        discriminators: Discriminators or None. None until they are bound.
        optimizers: list of keras.optimizers.Optimizer. One for each discriminator.
    """

    settings = tuple(field.name for field in fields(AdversarialConfig))
    unpaired = True
    loss: Adversarial

    def __init__(self, loss: Adversarial):
        super().__init__(loss)
        self.discriminators: Discriminators | None = None
        self.optimizers: list[keras.optimizers.Optimizer] = []
        self._sources: tuple[str, ...] = ()
        self._means: dict[tuple[str, str], keras.metrics.Mean] = {}

    @classmethod
    def configure(cls, loss: SeparationLoss, config: RunConfig) -> None:
        """Names the size of the discriminators; see `Companion.configure`."""
        loss.network = {"filters": config.adversarial.discriminator_filters}

    @classmethod
    def phases(cls, config: RunConfig) -> list[Phase]:
        """Pretraining by l2_freq, unless weights are given, then adversarial training.

        Adversarial training costs some L2_freq, and a best epoch of the pretraining would never
        be passed: so each phase counts improvement anew.
        """
        run, own = config.training, config.adversarial
        adversarial = Phase(run.epochs, run.patience, unpaired=True)
        epochs, patience = own.pretrain_epochs, run.patience
        if epochs is None:
            epochs, patience = run.epochs // 2, run.lr_decay_patience
        if own.pretrained is not None or epochs == 0:
            return [adversarial]
        return [Phase(epochs, patience), adversarial]

    def bind(self, surroundings: Surroundings) -> None:
        """Makes discriminators, unless the loss has them, and optimisers for them."""
        if self.discriminators is not None and self.loss.network is self.discriminators:
            return
        if not callable(self.loss.network):
            defaults = {"filters": AdversarialConfig().discriminator_filters}
            audio = surroundings.audio
            self.loss.network = Discriminators(
                len(surroundings.sources),
                (audio.nb_channels, audio.bins),
                {**defaults, **(self.loss.network or {})},
                synchronized=surroundings.synchronized,
                policy=surroundings.policy,
            )
        self._sources = surroundings.sources
        self.discriminators = cast(Discriminators, self.loss.network)
        self.optimizers = [take_over(surroundings.optimizer()) for _ in self.discriminators.each]
        for optimizer, each in zip(self.optimizers, self.discriminators.each, strict=True):
            optimizer.build(each.trainable_variables)
        self._means = {
            (source, kind): keras.metrics.Mean(name=f"discriminator/{source}/{kind}")
            for source in surroundings.sources
            for kind in _KINDS
        }

    def before_step(self, scene: Scene) -> None:
        """Updates every discriminator by its L_k, where the batch holds unpaired music.

        Reals and fakes, paired and unpaired, make one batch, whose statistics normalise all of
        them: normalised by statistics of its own, a batch of fakes would look like one of reals.
        """
        if scene.unpaired is None:
            return
        scenes = (scene, scene.unpaired)
        parts = [x.magnitudes for x in scenes] + [x.estimated_magnitudes for x in scenes]
        batches = [tf.unstack(tf.stop_gradient(x), len(self._sources), axis=1) for x in parts]
        for index, together in enumerate(zip(*batches, strict=True)):
            self._update(index, tf.concat(together, axis=0))

    def _update(self, index: int, magnitudes: tf.Tensor) -> None:
        assert self.discriminators is not None  # bound
        discriminator, optimizer = self.discriminators.each[index], self.optimizers[index]
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        variables = discriminator.trainable_variables
        with tf.GradientTape() as tape:
            scores = tf.reshape(discriminator(magnitudes, training=True), [4, -1])
            real, fake = scores[:2], scores[2:]
            terms = discriminator_terms(real, fake)
            # The gradients of all replicas are added up.
            loss = 0.25 * tf.reduce_mean(tf.add_n(list(terms.values()))) / replicas
            loss = optimizer.scale_loss(loss)
        update(optimizer, tape.gradient(loss, variables), variables)
        found = {**terms, **dict(zip(_SCORES, (real, fake), strict=True))}
        for kind, values in found.items():
            self._means[self._sources[index], kind].update_state(values)

    def loss_for(self, scene: Scene) -> SeparationLoss:
        """L2_freq where the batch holds no unpaired music, in pretraining and validation."""
        return self.loss.pretraining if scene.unpaired is None else self.loss

    def extra_terms(self, scene: Scene) -> dict[str, tf.Tensor]:
        """The squares by which the scores of the unpaired mixture's estimates miss 0.9."""
        if scene.unpaired is None:
            return {}
        return {"separator": self.loss.separator_term(scene.unpaired.estimated_magnitudes)}

    @property
    def state(self) -> dict[str, list[keras.Variable]]:
        """Weights and statistics of the discriminators, and their optimisers' variables."""
        if self.discriminators is None:
            return {}
        own = [variable for optimizer in self.optimizers for variable in optimizer.variables]
        return {"discriminators": self.discriminators.variables, "discriminator_optimizers": own}

    def reset_logs(self) -> None:
        """Begins the means of an epoch anew."""
        for mean in self._means.values():
            mean.reset_state()

    def logs(self) -> dict[str, float]:
        """The four squares of L_k and the mean scores of each source; empty without a step."""
        means = [mean for mean in self._means.values() if mean.count.numpy()]
        return {mean.name: float(mean.result()) for mean in means}
