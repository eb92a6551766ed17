"""Real trainings of small separators on virtual devices, in a process of its own.

Run as `python devices_matrix.py DEVICES`; reads cases as JSON from standard input and prints, as
JSON, what came of each: weights, figures, losses of the steps, number of updates. With TF_CONFIG it
is one of several workers.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from mss_keras import Separator, losses
from mss_keras.config import AudioConfig, MachinesConfig, ModelConfig
from mss_keras.data.padding import padded_batches
from mss_keras.models.vggish import DeepFeatures
from mss_keras.training.devices import choose, together

AUDIO = AudioConfig(nfft=256, nhop=128)
SOURCES = ("vocals", "drums")
BATCH = 4
STEPS = 2
POLICIES = {"float32": "float32", "float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}


def music(count, seed):
    """[count, sources, samples, channels] of noise in bands, one of the sources silent at times."""
    noise = np.random.default_rng(seed).normal(size=(count, len(SOURCES), 2600, 2))
    noise[::3, 1] = 0
    return (0.1 * noise).astype(np.float32)


def deep_feature():
    import vggish_module

    network = DeepFeatures(
        vggish_module.conv_weights(), AUDIO, ("conv1",), description={"vggish": "random"},
        note=lambda line: None,
    )  # fmt: skip
    return losses.get("deep_feature", network=network, delta=0.01, **{"lambda": 0.01})


KINDS = {
    "plain": lambda: "l2_freq",
    "two": lambda: ["l2_freq", "l1_time"],
    "norms": lambda: ["l2_freq", "l1_time"],
    "adversarial": lambda: losses.get("adversarial", network={"filters": 2}, gamma=0.1),
    "deep": deep_feature,
    "waves": lambda: ["l1_freq", "l1_time"],  # by a network of waveforms
}


def compiled(kind, precision, clip):
    keras.utils.set_random_seed(0)
    network = ModelConfig(hidden_size=8, dropout=0.0, unidirectional=True)
    if kind == "waves":
        network = ModelConfig("waveform_layers:Filter")
    model = Separator(SOURCES, AUDIO, network, synchronized=True, policy=POLICIES[precision])
    model.build()
    model.network.set_statistics(np.full(129, 0.5), np.full(129, 1.0))
    # By SGD: Adam's first steps are the gradient's sign, which is noise where that is nearly 0.
    # Clipped so that every step is, by the norm of what all devices found together; the rate makes
    # up for it, for what does not move cannot differ.
    rate, norm = (2.0, 1e-2) if clip else (0.02, None)
    optimizers = [keras.optimizers.SGD(rate, global_clipnorm=norm) for _ in range(2)]
    if precision == "float16":
        optimizers = [keras.optimizers.LossScaleOptimizer(x, 1024.0) for x in optimizers]
    model.compile(
        optimizers[0], KINDS[kind](), discriminator_optimizer=optimizers[1],
        log_gradient_norms=kind == "norms",
    )  # fmt: skip
    return model


class Losses(keras.callbacks.Callback):
    """The loss of each step, of the means of the epoch that the step's logs are."""

    def __init__(self):
        super().__init__()
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(float(logs["loss"]))


def shared(examples, share):
    """Of each batch the examples that this worker reads, in batches of its devices."""
    count = len(examples["sources"])
    indices = [share.index(i, BATCH) for i in range(-(-count // BATCH) * BATCH // share.workers)]
    own = [i for i in indices if i < count]
    return tf.data.Dataset.from_tensor_slices({name: x[own] for name, x in examples.items()})


def trained(used, case):
    kind, precision = case["kind"], case["precision"]
    with used.strategy.scope():
        model = compiled(kind, precision, case["clip"])
    sources = music(BATCH * STEPS, 1)
    examples = {"sources": sources}
    if kind == "adversarial":
        others = music(BATCH * STEPS, 2)
        examples |= {"unpaired_mixture": others.sum(1), "unpaired_sources": music(len(others), 3)}
    share, each = used.share, used.share.batch(BATCH)
    training = shared(examples, share).batch(each, drop_remainder=True)
    validation = shared({"sources": music(case["validation"], 4)}, share)
    steps = -(-case["validation"] // BATCH)
    losses = Losses()
    before = [v.numpy() for v in model.trainable_variables]
    history = model.fit(
        used.prefetched(training.repeat()), steps_per_epoch=STEPS, epochs=2, shuffle=False,
        verbose=0, callbacks=[losses],
        validation_data=used.prefetched(
            padded_batches(validation, each, batches=steps * BATCH // share.workers // each)
        ),
        validation_steps=steps if share.workers > 1 else None,
    ).history  # fmt: skip
    state = [v.numpy().astype(float) for part in model.objective.state().values() for v in part]
    after = [v.numpy() for v in model.variables if "seed" not in v.path]
    moved = zip(before, [v.numpy() for v in model.trainable_variables], strict=True)
    return {
        "weights": [v.astype(float).ravel().tolist() for v in (*after, *state)],
        "moved": max(float(np.abs(a - b).max()) for a, b in moved),
        "history": {name: [float(x) for x in values] for name, values in history.items()},
        "losses": losses.losses,
        "updates": int(model.optimizer.iterations.numpy()),
    }


if __name__ == "__main__":
    many = "TF_CONFIG" in os.environ
    used = together(sys.argv[1], MachinesConfig(), print) if many else choose(sys.argv[1])
    results = [trained(used, case) for case in json.load(sys.stdin)]
    print(json.dumps({"gpus": used.gpus, "results": results}))
