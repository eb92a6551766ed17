"""Names that all rooms share: sources, domains, VGGish and its layers."""

import typing
from typing import Literal

SOURCES = ("vocals", "drums", "bass", "other")
DOMAINS = ("waveform", "magnitude", "phase_sensitive", "mask", "logits")
VGGISH = "https://tfhub.dev/google/vggish/1"
FeatureLayer = Literal["conv1", "conv2", "conv3_1", "conv3_2", "conv4_1", "conv4_2"]
FEATURE_LAYERS: tuple[FeatureLayer, ...] = typing.get_args(FeatureLayer)
