"""Typed, frozen specifications, and the names everything else agrees on.

Field names are the command line's flags (with `-` for `_`) and the keys of a
run's `config.yaml`. Units stand in each field's help.

names.py       sources, domains, layers of VGGish
errors.py      what goes wrong
fields.py      fields of a specification
audio.py       waveforms and their STFT
model.py       the network
data.py        data sets and examples
training.py    training, and what the adversarial loss takes besides
run.py         all of a run
separation.py  separating songs
serving.py     exported models
evaluation.py  scoring
search.py      searching the weights of losses
"""

from mss_keras.config.audio import AudioConfig
from mss_keras.config.data import DataConfig
from mss_keras.config.errors import UserError, WorkFailedError, flag_name
from mss_keras.config.evaluation import EvaluationConfig
from mss_keras.config.fields import option, require
from mss_keras.config.model import ModelConfig
from mss_keras.config.names import DOMAINS, FEATURE_LAYERS, SOURCES, VGGISH, FeatureLayer
from mss_keras.config.run import GROUPS, RunConfig, default_of, fields, from_options
from mss_keras.config.search import SearchConfig
from mss_keras.config.separation import SeparationConfig, SongConfig
from mss_keras.config.serving import ServingConfig
from mss_keras.config.training import AdversarialConfig, TrainingConfig

__all__ = [
    "DOMAINS",
    "FEATURE_LAYERS",
    "GROUPS",
    "SOURCES",
    "VGGISH",
    "AdversarialConfig",
    "AudioConfig",
    "DataConfig",
    "EvaluationConfig",
    "FeatureLayer",
    "ModelConfig",
    "RunConfig",
    "SearchConfig",
    "SeparationConfig",
    "ServingConfig",
    "SongConfig",
    "TrainingConfig",
    "UserError",
    "WorkFailedError",
    "default_of",
    "fields",
    "flag_name",
    "from_options",
    "option",
    "require",
]
