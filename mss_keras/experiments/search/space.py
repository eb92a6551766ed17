"""What a search varies: weights of losses, and on request other settings of a run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras_tuner
import numpy as np

from mss_keras import losses
from mss_keras.config import RunConfig, UserError, fields
from mss_keras.experiments.search import ranges
from mss_keras.experiments.search.ranges import EVEN, SETTINGS, Choices, Span
from mss_keras.training.companions import unused_settings

_WEIGHT = "loss_weight."


@dataclass(frozen=True)
class Space:
    """What is searched, by name.

    A name is that of a hyper-parameter (`beta`, or `LOSS.beta` where two losses have one), of a
    setting of the run, or `loss_weight.LOSS`.

    Args:
        ranges: a `Range` or `Choices` for each name.

    Example:
        >>> from mss_keras.config import TrainingConfig
        >>> config = RunConfig(training=TrainingConfig(loss=("dissimilarity_freq",)))
        >>> space = Space.of(config, ["lr"])
        >>> space.ranges["beta"]
        Range(low=0.001, high=0.3, log=True)
        >>> trial = space.configuration(config, {"beta": 0.2, "lr": 1e-3})
        >>> dict(trial.training.loss_args), trial.training.lr
        ({'beta': 0.2}, 0.001)
    """

    ranges: Mapping[str, Span]

    @classmethod
    def of(cls, config: RunConfig, given: Sequence[str]) -> "Space":
        """The catalogue's ranges of the chosen losses, with the given ones in their place.

        Args:
            config: names the losses; a hyper-parameter among its `loss_args` is held, not searched.
            given: texts as `mss_keras.experiments.search.ranges.parse` reads them.

        Raises:
            UserError: if nothing is left to search, a name is unknown or held, or a text cannot
                be read.
        """
        chosen = config.training.loss
        own = _catalogued(chosen)
        weights = [f"{_WEIGHT}{name}" for name in chosen] if len(chosen) > 1 else []
        unused = unused_settings(chosen)
        others = [*weights, *(name for name in SETTINGS if name not in unused)]
        held = _held(config.training.loss_args)
        found = {name: span for name, span in own.items() if name not in held}
        for text in given:
            name = text.partition("=")[0].replace("-", "_")
            if name not in (*own, *others):
                raise UserError.unknown("range", name, [*own, *others])
            if name in held:
                raise UserError("range", f"{name} and `loss_args.{name}`", "one of the two")
            found[name] = ranges.parse(text, {**SETTINGS, **own}.get(name))
        if not found:
            searched = [name for name in losses.names() if losses.entry(name).ranges]
            raise UserError(
                "loss",
                f"{', '.join(chosen)}, without weights to search",
                f"{' or '.join(searched)}, or `range` of {', '.join(others)}",
            )
        return cls(found)

    def declare(self, hp: keras_tuner.HyperParameters) -> None:
        """Tells KerasTuner the ranges, for an Oracle that takes any value in them.

        Args:
            hp: gets them.
        """
        for name, span in self.ranges.items():
            if isinstance(span, Choices):
                hp.Choice(name, list(span.values))
                continue
            sampling = "log" if span.log else "linear"
            if name in EVEN:  # a step in a log range is a factor
                hp.Int(name, int(span.low), int(span.high), step=2, sampling=sampling)
            else:
                hp.Float(name, span.low, span.high, sampling=sampling)

    def declare_grid(self, hp: keras_tuner.HyperParameters, trials: int) -> int:
        """Tells KerasTuner the finest grid that a number of trials is enough for.

        Args:
            hp: gets the grid.
            trials: at most.

        Returns:
            Number of points of the grid.

        Raises:
            UserError: if there are more points at the ends of the ranges than trials.
        """
        count = ranges.points(self.ranges.values(), trials)
        grids = {name: ranges.grid(name, span, count) for name, span in self.ranges.items()}
        for name, values in grids.items():
            hp.Choice(name, values)
        return math.prod(map(len, grids.values()))

    def bounds(self) -> list[dict[str, Any]]:
        """The first values of all ranges, and the last ones."""
        ends = {name: ranges.ends(name, span) for name, span in self.ranges.items()}
        return [{name: values[end] for name, values in ends.items()} for end in (0, 1)]

    def configuration(self, config: RunConfig, values: Mapping[str, Any]) -> RunConfig:
        """The configuration of a run with chosen values in their places.

        Args:
            config: of the run but for the values.
            values: a value for each name of the space; other names are passed over.
        """
        flat = config.to_flat()
        chosen, arguments = config.training.loss, dict(flat["loss_args"])
        weights = dict(zip(chosen, config.training.loss_weight or [1.0] * len(chosen), strict=True))
        for name, span in self.ranges.items():
            value = values[name]
            if isinstance(value, np.generic):  # which the Bayesian Oracle gives now and then
                value = value.item()
            loss, _, key = name.rpartition(".")
            if isinstance(span, Choices):
                flat[name] = value.split("+")
            elif name in fields():
                flat[name] = value
            elif name.startswith(_WEIGHT):
                weights[key] = value
                flat["loss_weight"] = list(weights.values())
            elif loss:
                arguments[loss] = {**arguments.get(loss, {}), key: value}
            else:
                arguments[key] = value
        return RunConfig.from_flat({**flat, "loss_args": arguments})


def _catalogued(chosen: Sequence[str]) -> dict[str, Span]:
    # A hyper-parameter is named with its loss where several losses have it.
    owners = [key for name in chosen for key in losses.hyperparameters(name)]
    return {
        key if owners.count(key) == 1 else f"{name}.{key}": span
        for name in chosen
        for key, span in losses.entry(name).ranges.items()
    }


def _held(arguments: Mapping[str, Any]) -> set[str]:
    # With a loss's own `beta`, neither `LOSS.beta` nor `beta` is searched.
    nested = {
        f"{name}.{key}"
        for name, own in arguments.items()
        if isinstance(own, Mapping)
        for key in own
    }
    return nested | {name.rpartition(".")[2] for name in nested} | set(arguments)
