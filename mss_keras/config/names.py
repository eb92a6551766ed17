"""Names that all rooms share: sources, networks, domains, losses, VGGish and its layers."""

import typing
from typing import Literal

SOURCES = ("vocals", "drums", "bass", "other")
# Sources that are sums of others, where they have no file of their own; see `mss_keras.data.sums`.
SUMS = {"accompaniment": ("drums", "bass", "other")}
# Networks that have a name; the table is in `mss_keras.models.network`.
OPENUNMIX = ("joint", "separate")
NETWORKS = (*OPENUNMIX, "spleeter")
DOMAINS = ("waveform", "magnitude", "phase_sensitive", "mask", "logits")
# Of the catalogue, in its order: here, so that a wrong name is told without TensorFlow.
LOSSES = (
    *("l1_time", "l2_time", "sisdr_time", "sdsdr_time", "logl1_time", "logl2_time"),
    *("multi_resolution_stft", "l1_freq", "l2_freq", "sisdr_freq", "logl1_freq", "logl2_freq"),
    *("dissimilarity_freq", "deep_feature", "adversarial", "psa", "snr_psa"),
    *("l1_mask", "l2_mask", "cross_entropy_mask", "binary_cross_entropy_mask"),
)
VGGISH = "https://tfhub.dev/google/vggish/1"
FeatureLayer = Literal["conv1", "conv2", "conv3_1", "conv3_2", "conv4_1", "conv4_2"]
FEATURE_LAYERS: tuple[FeatureLayer, ...] = typing.get_args(FeatureLayer)
