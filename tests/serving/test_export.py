"""The SavedModel gives what the separator gives, in a process without Keras."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from conftest import RATE

from serving import checks, warmup
from serving.export import versions
from tests_serving import AUDIO, OPTIONS, make_separator, signature_of
