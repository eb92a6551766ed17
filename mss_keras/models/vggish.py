"""VGGish, frozen: its feature maps of log-mel patches and of a separator's magnitudes."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mss_keras.config import FEATURE_LAYERS, AudioConfig
from mss_keras.signal.mel import BANDS, PATCH_FRAMES, MagnitudePatches

# Shape of the kernel of each layer, in the order of the layers.
KERNELS = {
    "conv1": (3, 3, 1, 64),
    "conv2": (3, 3, 64, 128),
    "conv3_1": (3, 3, 128, 256),
    "conv3_2": (3, 3, 256, 256),
    "conv4_1": (3, 3, 256, 512),
    "conv4_2": (3, 3, 512, 512),
    "fc1_1": (12288, 4096),
    "fc1_2": (4096, 4096),
    "fc2": (4096, 128),
}
_POOLED = ("conv1", "conv2", "conv3_2", "conv4_2")  # 2 × 2 max pools stand behind these

Weights = Mapping[str, tuple[np.ndarray, np.ndarray]]


class VGGish:
    """VGGish with given weights, frozen, in float32; the output of each layer can be read.

    It has 3×3 convolutions, 2×2 max pools behind the first, second, fourth and sixth of them,
    and dense layers; a ReLU stands behind all layers but the last. Variables are made under the
    distribution strategy in force.

    Args:
        weights: mapping. Kernel and bias of each layer, by name; the upper layers may be left
            out.

    Reference: Hershey et al., "CNN architectures for large-scale audio classification",
        ICASSP 2017.

    Example:
        >>> network = VGGish({"conv1": (np.zeros([3, 3, 1, 64]), np.ones(64))})
        >>> (maps,) = network.features(tf.zeros([2, 96, 64]), ["conv1"])
        >>> maps.shape.as_list()
        [2, 96, 64, 64]
    """

    def __init__(self, weights: Weights):
        self.layers: dict[str, keras.layers.Layer] = {}
        for name, (kernel, bias) in weights.items():
            kwargs = {"name": name, "dtype": "float32", "trainable": False}
            activation = None if name == "fc2" else "relu"
            layer: keras.layers.Layer
            if kernel.ndim == 4:
                layer = keras.layers.Conv2D(
                    kernel.shape[3], 3, padding="same", activation=activation, **kwargs
                )
                layer.build((None, None, None, kernel.shape[2]))
            else:
                layer = keras.layers.Dense(kernel.shape[1], activation=activation, **kwargs)
                layer.build((None, kernel.shape[0]))
            layer.set_weights([kernel, bias])
            self.layers[name] = layer

    def __call__(self, patches: tf.Tensor) -> tf.Tensor:
        """Log-mel patches `[patches, 96, 64]` → output of the last layer, `[patches, 128]`."""
        last = list(self.layers)[-1]
        return self.features(patches, [last])[0]

    def features(self, patches: tf.Tensor, layers: Sequence[str]) -> list[tf.Tensor]:
        """Outputs of some layers, behind their ReLU and before a pool.

        Args:
            patches: log-mel patches, float32 `[patches, 96, 64]`.
            layers: names of layers. Layers above the highest of them are not computed.

        Returns:
            `[patches, height, width, channels]` of each convolution, in the order of `layers`.
        """
        found: dict[str, tf.Tensor] = {}
        x = patches[..., tf.newaxis]
        for name, layer in self.layers.items():
            if isinstance(layer, keras.layers.Dense) and x.shape.rank == 4:
                x = tf.reshape(x, [tf.shape(x)[0], np.prod(x.shape[1:])])
            x = layer(x)
            found[name] = x
            if set(layers) <= set(found):
                break
            if name in _POOLED:
                x = tf.nn.max_pool2d(x, 2, 2, "SAME")
        return [found[name] for name in layers]


class DeepFeatures:
    """Feature maps of a separator's magnitudes: the network of `mss_keras.losses.DeepFeature`.

    Args:
        weights: mapping. As `VGGish`; layers above the highest chosen one are dropped.
        audio: AudioConfig. The separator's STFT.
        layers: sequence of str. Names of convolutions. Defaults to all six.
        description: mapping. Where the weights are from, in plain types; a saved loss keeps it.
        note: callable. As `MagnitudePatches`. Defaults to a warning.

    Example:
        >>> weights = {"conv1": (np.zeros([3, 3, 1, 64]), np.ones(64))}
        >>> network = DeepFeatures(weights, AudioConfig(), ["conv1"], description={})
        >>> (maps,) = network(tf.zeros([1, 4, 60, 2, 2049]))  # 1.4 s: one patch of 0.96 s
        >>> maps.shape.as_list()
        [1, 4, 1, 96, 64, 64]
    """

    def __init__(
        self,
        weights: Weights,
        audio: AudioConfig,
        layers: Sequence[str] = FEATURE_LAYERS,
        *,
        description: Mapping[str, Any],
        note: Callable[[str], None] = warnings.warn,
    ):
        self.chosen = tuple(layers)
        self.description = dict(description)
        self.patches = MagnitudePatches(audio, note)
        names = list(weights)
        last = max(names.index(name) for name in self.chosen)
        self.network = VGGish({name: weights[name] for name in names[: last + 1]})

    def __call__(self, magnitudes: tf.Tensor) -> list[tf.Tensor]:
        """Feature maps of each chosen layer.

        Args:
            magnitudes: `[batch, sources, frames, channels, bins]`.

        Returns:
            Float32 `[batch, sources, patches, height, width, channels]` for each layer.
        """
        patches = self.patches(magnitudes)
        leading = tf.shape(patches)[:3]
        flat = tf.reshape(patches, [-1, PATCH_FRAMES, BANDS])
        return [
            tf.reshape(x, tf.concat([leading, x.shape[1:]], 0))
            for x in self.network.features(flat, self.chosen)
        ]
