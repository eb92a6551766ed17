"""Stems are scored against the sources of a data set."""

from mss_keras.evaluation.evaluating import evaluate
from mss_keras.evaluation.evaluation import Evaluation
from mss_keras.evaluation.metric_names import resolve_metrics
from mss_keras.evaluation.readings import loss_readings

__all__ = ["Evaluation", "evaluate", "loss_readings", "resolve_metrics"]
