"""Typed, frozen specifications, one file a room, and the errors and names that all rooms share."""

from mss_keras.config.audio import AudioConfig
from mss_keras.config.comparing import CompareConfig
from mss_keras.config.correlation import CorrelationConfig
from mss_keras.config.data import DataConfig
from mss_keras.config.errors import UserError, WorkFailedError, flag_name, respelled
from mss_keras.config.evaluation import EvaluationConfig
from mss_keras.config.fields import (
    SECTIONS,
    choices,
    named_folder,
    option,
    optional,
    require,
    require_known,
)
from mss_keras.config.flat import RENAMED, default_of, from_options, renewed
from mss_keras.config.listening import HostingConfig, ListeningConfig
from mss_keras.config.machines import MachinesConfig
from mss_keras.config.model import ModelConfig
from mss_keras.config.names import (
    DOMAINS,
    FEATURE_LAYERS,
    LOSSES,
    NETWORKS,
    OPENUNMIX,
    SOURCES,
    SUMS,
    VGGISH,
    FeatureLayer,
)
from mss_keras.config.preview import PREVIEWED, PreviewConfig
from mss_keras.config.run import GROUPS, RunConfig, fields
from mss_keras.config.search import SearchConfig
from mss_keras.config.separation import SeparationConfig, SongConfig
from mss_keras.config.serving import ServingConfig
from mss_keras.config.training import AdversarialConfig, TrainingConfig

__all__ = [
    "DOMAINS",
    "FEATURE_LAYERS",
    "GROUPS",
    "LOSSES",
    "NETWORKS",
    "OPENUNMIX",
    "PREVIEWED",
    "RENAMED",
    "SECTIONS",
    "SOURCES",
    "SUMS",
    "VGGISH",
    "AdversarialConfig",
    "AudioConfig",
    "CompareConfig",
    "CorrelationConfig",
    "DataConfig",
    "EvaluationConfig",
    "FeatureLayer",
    "HostingConfig",
    "ListeningConfig",
    "MachinesConfig",
    "ModelConfig",
    "PreviewConfig",
    "RunConfig",
    "SearchConfig",
    "SeparationConfig",
    "ServingConfig",
    "SongConfig",
    "TrainingConfig",
    "UserError",
    "WorkFailedError",
    "choices",
    "default_of",
    "fields",
    "flag_name",
    "from_options",
    "named_folder",
    "option",
    "optional",
    "renewed",
    "require",
    "require_known",
    "respelled",
]
