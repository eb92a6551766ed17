"""Pictures of a search, and TensorBoard's HParams."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from keras_tuner.engine.trial import Trial, TrialStatus
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from tensorboard.plugins.hparams import api as hparams

from mss_keras.experiments.search.space import Choices, Space
from mss_keras.jobs.files import appearing

_COLORS = "viridis"


def weights(trials: list[Trial], space: Space, objective: str) -> Figure:
    """The objective against each thing searched.

    Args:
        trials: completed, best first.
        space: what is searched.
        objective: its name.
    """
    count = len(space.ranges)
    figure = Figure(figsize=(max(6.0, 1 + 3.4 * count), 3.8), layout="constrained")
    panels = figure.subplots(1, count, sharey=True, squeeze=False)[0]
    scores = [trial.score for trial in trials]
    for panel, (name, span) in zip(panels, space.ranges.items(), strict=True):
        values = [trial.hyperparameters.values[name] for trial in trials]
        if isinstance(span, Choices):
            places: Any = [span.values.index(value) for value in values]
            panel.set_xticks(range(len(span.values)), span.values, rotation=45, ha="right")
            panel.set_xlim(-0.5, len(span.values) - 0.5)
        else:
            places = values
            panel.set_xscale("log" if span.log else "linear")
            panel.set_xlim(*_widened(span.low, span.high, span.log))
        panel.scatter(places, scores, s=22, alpha=0.8, label="trials")
        panel.scatter(places[:1], scores[:1], s=110, marker="*", color="C3", label="best")
        panel.set_xlabel(name)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel(_label(objective))
    panels[0].legend(loc="best", fontsize=8)
    return figure


def coordinates(trials: list[Trial], space: Space, objective: str) -> Figure:
    """A line for each trial through what was chosen to what came of it; arguments as above."""
    names = [*space.ranges, objective]
    figure = Figure(figsize=(2.5 + 2.2 * len(names), 4.5), layout="constrained")
    panel = figure.subplots()
    scores = np.array([trial.score for trial in trials], float)
    low, high = float(scores.min()), float(scores.max())
    norm = Normalize(low, high if high > low else low + 1)
    shades = ScalarMappable(norm, _COLORS)
    for trial in reversed(trials):  # the best on top
        heights = [
            _height(span, trial.hyperparameters.values[n]) for n, span in space.ranges.items()
        ]
        best = trial is trials[0]
        panel.plot(
            range(len(names)),
            [*heights, float(norm(trial.score))],
            color=shades.to_rgba(trial.score),
            linewidth=3 if best else 1.2,
            alpha=1 if best else 0.7,
        )
    for place, span in enumerate(space.ranges.values()):
        ticks = span.values if isinstance(span, Choices) else (span.low, _middle(span), span.high)
        _axis(panel, place, [(_height(span, tick), short(tick)) for tick in ticks])
    ends = [(0.0, f"{norm.vmin:.2f}"), (1.0, f"{norm.vmax:.2f}")]
    _axis(panel, len(names) - 1, ends)
    panel.set_xticks(range(len(names)), names)
    panel.set_yticks([])
    panel.set_xlim(-0.45, len(names) - 0.85)
    panel.set_ylim(-0.06, 1.06)
    for side in panel.spines.values():
        side.set_visible(False)
    figure.colorbar(shades, ax=panel, label=_label(objective))
    return figure


def over_trials(trials: list[Trial], objective: str) -> Figure:
    """The objective over trials, and the best so far.

    Args:
        trials: that have ended, in their order; one is completed at least.
        objective: its name.
    """
    figure = Figure(figsize=(8, 4), layout="constrained")
    panel = figure.subplots()
    scores = np.array(
        [trial.score if trial.status == TrialStatus.COMPLETED else np.nan for trial in trials],
        float,
    )
    numbers = np.arange(1, len(trials) + 1)
    best = np.fmax.accumulate(scores)
    panel.step(numbers, best, where="post", color="C3", label="best so far")
    panel.scatter(numbers, scores, s=22, label="trials", zorder=3)
    failed = numbers[np.isnan(scores)]
    if len(failed):
        bottom = float(np.nanmin(scores))
        panel.scatter(failed, [bottom] * len(failed), marker="x", color="black", label="failed")
    panel.set_xlabel("trial, in the order of their ends")
    panel.set_ylabel(_label(objective))
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.grid(alpha=0.3)
    panel.legend(loc="best", fontsize=8)
    return figure


def write_hparams(trials: list[Trial], space: Space, objective: str, folder: Path) -> None:
    """Writes the trials for TensorBoard's HParams page; arguments as in `weights`."""
    with appearing(folder) as partial:
        for trial in trials:
            values = {name: trial.hyperparameters.values[name] for name in space.ranges}
            with tf.summary.create_file_writer(str(partial / trial.trial_id)).as_default():
                hparams.hparams(values, trial_id=trial.trial_id)
                tf.summary.scalar(objective, trial.score, step=0)
        with tf.summary.create_file_writer(str(partial)).as_default():
            hparams.hparams_config(
                hparams=[
                    hparams.HParam(name, _domain(span)) for name, span in space.ranges.items()
                ],
                metrics=[hparams.Metric(objective)],
            )


def _domain(span: Any) -> Any:
    if isinstance(span, Choices):
        return hparams.Discrete(list(span.values))
    return hparams.RealInterval(float(span.low), float(span.high))


def _label(objective: str) -> str:
    return f"{objective}, dB"


def _widened(low: float, high: float, log: bool) -> tuple[float, float]:
    if log:
        factor = (high / low) ** 0.05
        return low / factor, high * factor
    return low - 0.05 * (high - low), high + 0.05 * (high - low)


def _middle(span: Any) -> float:
    return float(np.sqrt(span.low * span.high) if span.log else (span.low + span.high) / 2)


def _height(span: Any, value: Any) -> float:
    # 0 to 1 within a range.
    if isinstance(span, Choices):
        return span.values.index(value) / max(1, len(span.values) - 1)
    if span.log:
        return float(np.log(value / span.low) / np.log(span.high / span.low))
    return float((value - span.low) / (span.high - span.low))


def _axis(panel: Axes, place: int, ticks: list[tuple[float, str]]) -> None:
    panel.axvline(place, color="black", linewidth=0.8, zorder=0)
    for height, text in ticks:
        panel.text(
            place - 0.03, height, text, ha="right", va="center", fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1},
        )  # fmt: skip


def short(value: Any) -> str:
    """A chosen value in few digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
