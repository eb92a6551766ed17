"""Where model, domain and loss meet: the separator that trains."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from mss_keras import domains, losses
from mss_keras.losses import SeparationLoss
from mss_keras.metrics import SDR, SISDR
from mss_keras.models.masking import MaskingModel


@keras.saving.register_keras_serializable(package="mss_keras")
class Separator(MaskingModel):
    """A `MaskingModel` that is compiled with losses of the catalogue and trained by `fit`.

    `fit` takes batches `{"mixture": [batch, samples, channels], "sources": [batch,
    sources, samples, channels]}` or pairs `(mixture, sources)`. Arguments as
    `MaskingModel`.

    Example:
        >>> separator = Separator(("vocals", "drums", "bass", "other"))
        >>> separator.compile("adam", loss="l2_freq")
        >>> separator.fit(examples)
        >>> stems = separator.separate(waveform)
    """

    def __init__(self, *args, **kwargs):
        """See the class."""
        super().__init__(*args, **kwargs)
        self.train_function: Any = None
        self.data_wait = 0.0  # seconds that steps waited for data, ever
        self._ratios = [SISDR(), SDR()]  # of waveforms, in validation
        self._set_terms([], [])

    def compile(
        self,
        optimizer: Any = "adam",
        loss: str | SeparationLoss | Sequence[str | SeparationLoss] = "l2_freq",
        loss_weights: Sequence[float] | None = None,
        **kwargs,
    ) -> None:
        """Sets optimiser and loss.

        Args:
            optimizer: a Keras optimiser or its name. Defaults to `"adam"`.
            loss: a loss of `mss_keras.losses` or its name, or several of them, of
                any domains, which are summed. Defaults to `"l2_freq"`.
            loss_weights: a weight for each loss. Defaults to 1 each.
            **kwargs: as in `keras.Model.compile`; `metrics` are not taken: SI-SDR
                and SDR of the waveforms are reported in validation.

        Raises:
            UserError: for an unknown name of a loss.
            ValueError: if weights and losses differ in number.
        """
        chosen = [loss] if isinstance(loss, (str, SeparationLoss)) else list(loss)
        resolved = [losses.get(x) if isinstance(x, str) else x for x in chosen]
        weights = [1.0] * len(resolved) if loss_weights is None else list(loss_weights)
        if len(weights) != len(resolved):
            raise ValueError(f"loss_weights: found {len(weights)}, wanted {len(resolved)}")
        super().compile(optimizer=optimizer, **kwargs)
        self._set_terms(resolved, weights)

    def _set_terms(self, terms: Sequence[SeparationLoss], weights: Sequence[float]) -> None:
        several = len(terms) > 1
        # Past Keras's tracking, which takes no new state once the model is built.
        self.__dict__["_terms"] = list(zip(terms, weights, strict=True))
        self.__dict__["_trackers"] = {
            term.name: keras.metrics.Mean(name=term.name) for term in terms if several
        }

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Keras's, and with several losses the mean of each."""
        return [*super().metrics, *self._trackers.values()]

    def get_compile_config(self) -> dict[str, Any] | None:
        """Optimiser and losses, serialised; none of a model that was imported."""
        if not self.compiled:
            return None
        return {
            "optimizer": keras.optimizers.serialize(self.optimizer),
            "loss": [losses.serialize(loss) for loss, _ in self._terms],
            "loss_weights": [weight for _, weight in self._terms],
        }

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Inverse of `get_compile_config`."""
        self.compile(
            keras.optimizers.deserialize(config["optimizer"]),
            [losses.deserialize(loss) for loss in config["loss"]],
            config["loss_weights"],
        )
        self.optimizer.build(self.trainable_variables)

    def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
        """Weighted sum of the losses; serves `fit` and `evaluate`."""
        scene = domains.Scene(y, y_pred["mask"], y_pred["spectrogram"], self.audio)
        total = 0.0
        for loss, weight in self._terms:
            value = loss(*domains.pair(loss.domain, scene), sample_weight=sample_weight)
            total += weight * value
            if loss.name in self._trackers:
                replicas = tf.distribute.get_strategy().num_replicas_in_sync
                self._trackers[loss.name].update_state(value * replicas, tf.shape(x)[0])
        if not training:
            for ratio in self._ratios:
                ratio.update_state(scene.waveforms, scene.estimated_waveforms, sample_weight)
        return total

    def train_step(self, data):
        """One step; its logs leave out what only validation measures."""
        logs = super().train_step(_as_pair(data))
        unmeasured = {ratio.name for ratio in self._ratios}
        return {name: value for name, value in logs.items() if name not in unmeasured}

    def test_step(self, data):
        """One step of validation."""
        return super().test_step(_as_pair(data))

    def make_train_function(self, force: bool = False):
        """Keras's, with the time spent waiting for data added up in `data_wait`."""
        if self.train_function is not None and not force:
            return
        super().make_train_function(force)
        step = self.train_function

        def timed(iterator):
            start = time.perf_counter()
            batch = next(iterator)
            self.data_wait += time.perf_counter() - start
            return step(iter([batch]))

        self.train_function = timed

    def export(self, path: str | Path, **kwargs) -> None:
        """Writes a SavedModel for TensorFlow Serving; see `serving.export`."""
        from serving.export import export

        export(self, Path(path), **kwargs)


def _as_pair(data):
    return (data["mixture"], data["sources"]) if isinstance(data, Mapping) else data
