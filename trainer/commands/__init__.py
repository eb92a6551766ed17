"""A function for each command: it makes specifications of options, calls the library and prints.

TensorFlow takes seconds to import, so the functions import the library after they have checked
the options.
"""

from trainer.commands.data_sets import check_data, prepare, preview
from trainer.commands.experiments import benchmark, tune
from trainer.commands.listeners import correlate, listen
from trainer.commands.models import export, import_openunmix, models, separate
from trainer.commands.scores import compare, evaluate
from trainer.commands.training import devices, train

__all__ = [
    "benchmark",
    "check_data",
    "compare",
    "correlate",
    "devices",
    "evaluate",
    "export",
    "import_openunmix",
    "listen",
    "models",
    "prepare",
    "preview",
    "separate",
    "train",
    "tune",
]
