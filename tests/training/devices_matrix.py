"""Real trainings of small separators on virtual devices, in a process of its own.

Run as `python devices_matrix.py DEVICES`; reads cases as JSON from standard input and prints, as
JSON, what came of each: weights, figures, number of updates.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from mss_keras import Separator, losses
from mss_keras.config import AudioConfig, ModelConfig
from mss_keras.data.padding import padded_batches
from mss_keras.models.vggish import DeepFeatures
from mss_keras.training.devices import choose

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
}


def compiled(kind, precision, clip):
    keras.utils.set_random_seed(0)
    network = ModelConfig(hidden_size=8, dropout=0.0, unidirectional=True)
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


def trained(used, case):
    kind, precision = case["kind"], case["precision"]
    with used.strategy.scope():
        model = compiled(kind, precision, case["clip"])
    sources = music(BATCH * STEPS, 1)
    examples = {"sources": sources}
    if kind == "adversarial":
        others = music(BATCH * STEPS, 2)
        examples |= {"unpaired_mixture": others.sum(1), "unpaired_sources": music(len(others), 3)}
    training = tf.data.Dataset.from_tensor_slices(examples).batch(BATCH, drop_remainder=True)
    validation = tf.data.Dataset.from_tensor_slices({"sources": music(case["validation"], 4)})
    before = [v.numpy() for v in model.trainable_variables]
    history = model.fit(
        used.prefetched(training.repeat()), steps_per_epoch=STEPS, epochs=2, shuffle=False,
        verbose=0,
        validation_data=used.prefetched(padded_batches(validation, BATCH)),
    ).history  # fmt: skip
    state = [v.numpy().astype(float) for part in model.objective.state().values() for v in part]
    after = [v.numpy() for v in model.variables if "seed" not in v.path]
    moved = zip(before, [v.numpy() for v in model.trainable_variables], strict=True)
    return {
        "weights": [v.astype(float).ravel().tolist() for v in (*after, *state)],
        "moved": max(float(np.abs(a - b).max()) for a, b in moved),
        "history": {name: [float(x) for x in values] for name, values in history.items()},
        "updates": int(model.optimizer.iterations.numpy()),
    }


if __name__ == "__main__":
    used = choose(sys.argv[1])
    results = [trained(used, case) for case in json.load(sys.stdin)]
    print(json.dumps({"gpus": used.gpus, "results": results}))
