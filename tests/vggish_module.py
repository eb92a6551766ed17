"""A SavedModel with the interface, the names and the shapes of the TF-Hub module, untrained."""

import tarfile
from pathlib import Path

import numpy as np
import tensorflow as tf

# Written out again: what the real module has, not what our loader looks for.
SHAPES = {
    "vggish/conv1": (3, 3, 1, 64),
    "vggish/conv2": (3, 3, 64, 128),
    "vggish/conv3/conv3_1": (3, 3, 128, 256),
    "vggish/conv3/conv3_2": (3, 3, 256, 256),
    "vggish/conv4/conv4_1": (3, 3, 256, 512),
    "vggish/conv4/conv4_2": (3, 3, 512, 512),
    "vggish/fc1/fc1_1": (12288, 4096),
    "vggish/fc1/fc1_2": (4096, 4096),
    "vggish/fc2": (4096, 128),
}
POOLED = ("conv1", "conv2", "conv3_2", "conv4_2")


def random_weights(seed=0, only="vggish/"):
    """He's initialisation, `{path: (kernel, bias)}`: embeddings have a deviation near 0.4."""
    rng = np.random.default_rng(seed)
    weights = {}
    for path, shape in SHAPES.items():
        if path.startswith(only):
            scale = np.sqrt(2 / np.prod(shape[:-1])) * (0.05 if path == "vggish/fc2" else 1.0)
            kernel = rng.standard_normal(shape, np.float32) * np.float32(scale)
            weights[path] = kernel, 0.05 * rng.standard_normal(shape[-1], np.float32)
    return weights


def conv_weights(seed=0):
    """The convolutions alone, by their layers' names, as `VGGish` takes them."""
    weights = random_weights(seed, "vggish/conv")
    return {path.split("/")[-1]: pair for path, pair in weights.items()}


class Module(tf.Module):
    """Waveform `[samples]` at 16 kHz → embeddings `[patches, 128]`, by TensorFlow's own ops."""

    def __init__(self, weights):
        super().__init__()
        self._variables = [
            tf.Variable(value, trainable=False, name=f"{path}/{kind}")
            for path, pair in weights.items()
            for kind, value in zip(("weights", "biases"), pair, strict=True)
        ]

    def features(self, waveform):
        magnitude = tf.abs(tf.signal.stft(waveform, 400, 160, 512))
        bands = tf.signal.linear_to_mel_weight_matrix(64, 257, 16000, 125.0, 7500.0)
        return tf.signal.frame(tf.math.log(magnitude @ bands + 0.01), 96, 96, axis=0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def __call__(self, waveform):
        x = self.features(waveform)[..., tf.newaxis]
        for kernel, bias in zip(self._variables[::2], self._variables[1::2], strict=True):
            layer = kernel.name.split("/")[-2]
            if layer.startswith("conv"):
                x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") + bias)
                if layer in POOLED:
                    x = tf.nn.max_pool2d(x, 2, 2, "SAME")
            else:
                x = tf.reshape(x, [tf.shape(x)[0], kernel.shape[0]]) @ kernel + bias
                x = x if layer == "fc2" else tf.nn.relu(x)
        return x


def save(folder: Path, module=None) -> Path:
    """Writes the SavedModel, of 288 MB."""
    tf.saved_model.save(module or Module(random_weights()), str(folder))
    return folder


def archive(folder: Path, path: Path) -> Path:
    """The SavedModel as the hub serves it; not compressed, which would take a minute."""
    with tarfile.open(path, "w") as tar:
        tar.add(folder, arcname=".")
    return path
