"""Times a training step through networks beside one of l2_freq, and measures their memory.

    python tests/benchmarks/steps.py [--batch-size 4] [--hidden-size 512] [--devices auto]

Weights of VGGish are random: they do not change the time. Every variant runs in a process
of its own, so that its peak of memory, of the GPU or of the process, is its own; the variants
run in turns.
"one pass" sends estimates and targets through VGGish as one batch, "two passes" is what
the loss does; "low layers" compares conv1 and conv2 only. A step of "adversarial" has an
unpaired batch besides, and updates the discriminators.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

VARIANTS = (
    *("l2_freq", "adversarial"),
    *("deep_feature, two passes", "deep_feature, one pass", "low layers"),
)


def measure(variant: str, options: argparse.Namespace) -> dict[str, float]:
    """Seconds of a step, the shortest of several, and peak memory in GiB, of this process."""
    import keras
    import numpy as np
    import tensorflow as tf
    from vggish_module import conv_weights

    from mss_keras import Separator, losses
    from mss_keras.config import SOURCES, AudioConfig, ModelConfig
    from mss_keras.losses import deep_feature
    from mss_keras.models.vggish import DeepFeatures
    from mss_keras.training.devices import choose

    class OnePass(losses.DeepFeature):
        def summands(self, y_true, y_pred):
            assert callable(self.network)
            maps = [tf.split(x, 2) for x in self.network(tf.concat([y_true, y_pred], 0))]
            maps = [(tf.stop_gradient(true), pred) for true, pred in maps]
            return {
                "l2_freq": deep_feature.feature(y_true, y_pred),
                "feature": tf.add_n([deep_feature.feature(*pair) for pair in maps]),
                "style": tf.add_n([deep_feature.style(*pair) for pair in maps]),
            }

    audio, used = AudioConfig(), choose(options.devices)
    keras.utils.set_random_seed(0)
    loss = losses.get("l2_freq")
    if variant == "adversarial":
        loss = losses.get("adversarial")
    elif variant != "l2_freq":
        layers = ("conv1", "conv2") if variant == "low layers" else tuple(conv_weights())
        features = DeepFeatures(conv_weights(), audio, layers, description={})
        kind = OnePass if "one pass" in variant else losses.DeepFeature
        loss = kind("magnitude", network=features)
    with used.strategy.scope():
        network = ModelConfig(hidden_size=options.hidden_size)
        separator = Separator(SOURCES, audio, network, synchronized=used.replicas > 1)
        separator.build()
        separator.compile("adam", loss)
    samples = round(options.seq_dur * audio.sample_rate)
    shape = (options.batch_size, len(SOURCES), samples, 2)
    sources = 0.1 * np.random.default_rng(0).standard_normal(shape, np.float32)
    batch = {"mixture": sources.sum(1), "sources": sources}
    if variant == "adversarial":
        batch |= {f"unpaired_{name}": waveforms for name, waveforms in batch.items()}
    data = used.prefetched(tf.data.Dataset.from_tensors(batch).repeat())
    times = []
    separator.fit(data, steps_per_epoch=1, shuffle=False, verbose=0)  # tracing
    for _ in range(options.repeats):
        start = time.perf_counter()
        separator.fit(data, steps_per_epoch=1, shuffle=False, verbose=0)
        times.append(time.perf_counter() - start)
    return {"seconds": min(times), "peak": used.peak_bytes() / 2**30}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--seq-dur", type=float, default=6.0)
    parser.add_argument("--hidden-size", type=int, default=512)
    parser.add_argument("--devices", default="auto", help="as of 'python -m trainer train'")
    parser.add_argument("--repeats", type=int, default=3, help="steps a process")
    parser.add_argument("--rounds", type=int, default=2, help="processes a variant")
    parser.add_argument("--variants", nargs="*", default=VARIANTS, choices=VARIANTS)
    parser.add_argument("--measure", choices=VARIANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options)))
        return
    found: dict[str, list[dict[str, float]]] = {
        variant: [] for variant in dict.fromkeys(["l2_freq", *options.variants])
    }
    for _ in range(options.rounds):
        for variant, results in found.items():
            command = [sys.executable, *sys.argv, "--measure", variant]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            results.append(json.loads(output.splitlines()[-1]))
    base = min(each["seconds"] for each in found["l2_freq"])
    print(f"{'':<26}{'step, s':>9}{'to l2_freq':>12}{'peak, GiB':>11}")
    for variant, results in found.items():
        seconds = min(each["seconds"] for each in results)
        peak = min(each["peak"] for each in results)
        print(f"{variant:<26}{seconds:>9.2f}{seconds / base:>12.2f}{peak:>11.2f}")


if __name__ == "__main__":
    main()
