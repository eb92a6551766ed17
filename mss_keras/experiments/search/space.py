"""What a search varies: weights of losses, and on request other settings of a run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras_tuner
import numpy as np

from mss_keras import losses
from mss_keras.config import FEATURE_LAYERS, RunConfig, UserError, fields
from mss_keras.losses import Range


@dataclass(frozen=True)
class Choices:
    """Values without an order.

    Args:
        values: as said.
    """

    values: tuple[str, ...]


# Settings that may be searched besides, with their usual values.
SETTINGS: dict[str, Range | Choices] = {
    "lr": Range(1e-5, 1e-2),
    "hidden_size": Range(128, 1024),
    "seq_dur": Range(2, 8, log=False),
    "feature_layers": Choices((*FEATURE_LAYERS, "+".join(FEATURE_LAYERS))),
}
_WEIGHT = "loss_weight."


@dataclass(frozen=True)
class Space:
    """What is searched, by name: `beta`, `LOSS.beta` where two losses have one, a setting's
    name, or `loss_weight.LOSS`.

    Args:
        ranges: a `Range` or `Choices` for each.
    """

    ranges: Mapping[str, Range | Choices]

    @classmethod
    def of(cls, config: RunConfig, given: Sequence[str]) -> "Space":
        """The catalogue's ranges of the chosen losses, with those given in their place.

        Args:
            config: names the losses; a weight among its `loss_args` is held.
            given: `NAME=LOW:HIGH` or `NAME=LOW:HIGH:log|linear`; where not said, log as in
                the catalogue, or for positive numbers. `feature_layers=A+B:C` are choices.
                A setting's name alone is its usual range.

        Raises:
            UserError: for losses without weights and nothing else to search, a name that
                none of them has, or an empty or reversed range.
        """
        chosen = config.training.loss
        own: dict[str, Range | Choices] = {
            key if _unique(key, chosen) else f"{name}.{key}": span
            for name in chosen
            for key, span in losses.entry(name).ranges.items()
        }
        held = _held(config.training.loss_args)
        ranges = {name: span for name, span in own.items() if name not in held}
        weights = [f"{_WEIGHT}{name}" for name in chosen] if len(chosen) > 1 else []
        settings = [key for key in SETTINGS if key != "feature_layers" or _has_features(chosen)]
        for text in given:
            name, _, values = text.partition("=")
            name = name.replace("-", "_")
            if name not in (*own, *weights, *settings):
                wanted = ", ".join([*own, *weights, *settings])
                raise UserError(f"--range: found {name!r}, wanted one of {wanted}")
            if name in held:
                raise UserError(
                    f"--range: found {name} and --loss-args.{name}, wanted one of the two"
                )
            ranges[name] = _parse(text, values, {**SETTINGS, **own}.get(name))
        if not ranges:
            some = [name for name in losses.names() if losses.entry(name).ranges]
            raise UserError(
                f"--loss: {', '.join(chosen)} has no weights to search, wanted "
                f"{' or '.join(some)}, or --range of {', '.join([*weights, *settings])}"
            )
        return cls(ranges)

    def declare(self, hp: keras_tuner.HyperParameters, trials: int | None = None) -> int:
        """Says to KerasTuner what there is to choose.

        Args:
            hp: gets the ranges.
            trials: a grid of so many points at most. Defaults to none: any value.

        Returns:
            Points of the grid, or 0.
        """
        if trials is not None:
            count = _points(list(self.ranges.values()), trials)
            grids = {name: _grid(name, span, count) for name, span in self.ranges.items()}
            for name, grid in grids.items():
                hp.Choice(name, grid)
            return math.prod(map(len, grids.values()))
        for name, span in self.ranges.items():
            if isinstance(span, Choices):
                hp.Choice(name, list(span.values))
                continue
            sampling = "log" if span.log else "linear"
            if name == "hidden_size":  # doublings, or even numbers for two directions
                hp.Int(name, int(span.low), int(span.high), step=2, sampling=sampling)
            else:
                hp.Float(name, span.low, span.high, sampling=sampling)
        return 0

    def bounds(self) -> list[dict[str, Any]]:
        """Values at the ends of all ranges."""
        return [
            {name: _ends(name, span)[end] for name, span in self.ranges.items()} for end in (0, 1)
        ]

    def configuration(self, config: RunConfig, values: Mapping[str, Any]) -> RunConfig:
        """A run's configuration with chosen values in their places.

        Args:
            config: the run's but for them.
            values: a value for each name of the space; others are passed over.
        """
        flat = config.to_flat()
        chosen, arguments = config.training.loss, dict(flat["loss_args"])
        weights = dict(zip(chosen, config.training.loss_weight or [1.0] * len(chosen), strict=True))
        for name in self.ranges:
            value = values[name]
            if isinstance(value, np.generic):  # as the Bayesian Oracle has them at times
                value = value.item()
            loss, _, key = name.rpartition(".")
            if name == "feature_layers":
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


def _unique(key: str, chosen: Sequence[str]) -> bool:
    return sum(key in losses.hyperparameters(name) for name in chosen) == 1


def _has_features(chosen: Sequence[str]) -> bool:
    return any(losses.entry(name).loss.companion == "vggish" for name in chosen)


def _held(arguments: Mapping[str, Any]) -> set[str]:
    nested = {
        f"{name}.{key}"
        for name, own in arguments.items()
        if isinstance(own, Mapping)
        for key in own
    }
    return nested | {name.rpartition(".")[2] for name in nested} | set(arguments)


def _parse(text: str, values: str, usual: Range | Choices | None) -> Range | Choices:
    if not values and "=" not in text and usual is not None:
        return usual
    parts = values.split(":")
    if isinstance(usual, Choices):
        layers = [layer for part in parts for layer in part.split("+")]
        if unknown := set(layers) - set(FEATURE_LAYERS):
            raise UserError(
                f"--range: found {sorted(unknown)} in {text!r}, wanted alternatives as "
                f"conv1+conv2:conv4_2 of {', '.join(FEATURE_LAYERS)}"
            )
        return Choices(tuple(dict.fromkeys(parts)))
    try:
        low, high, rest = float(parts[0]), float(parts[1]), parts[2:]
        if rest not in ([], ["log"], ["linear"]):
            raise ValueError
    except (ValueError, IndexError):
        raise UserError(
            f"--range: found {text!r}, wanted NAME=LOW:HIGH or NAME=LOW:HIGH:log, say "
            "gamma=1e-4:1e-1:log"
        ) from None
    log = rest == ["log"] if rest else low > 0 and (usual.log if usual else True)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UserError(f"--range: found {text!r}, wanted a smaller number before a larger one")
    if log and low <= 0:
        raise UserError(f"--range: found {text!r}, wanted numbers above 0 for a log range")
    return Range(low, high, log)


def _points(spans: Sequence[Range | Choices], trials: int) -> int:
    # As many values of each range as the trials allow; all of what is chosen from.
    fixed = math.prod(len(span.values) for span in spans if isinstance(span, Choices))
    free = sum(isinstance(span, Range) for span in spans)
    if trials < fixed * 2**free:
        raise UserError(
            f"--trials: found {trials}, wanted at least {fixed * 2**free} for a grid with both "
            "ends of each range"
        )
    count = 2
    while free and fixed * (count + 1) ** free <= trials:
        count += 1
    return count


def _ends(name: str, span: Range | Choices) -> tuple[Any, Any]:
    if isinstance(span, Choices):
        return span.values[0], span.values[-1]
    return (int(span.low), int(span.high)) if name == "hidden_size" else (span.low, span.high)


def _grid(name: str, span: Range | Choices, count: int) -> list[Any]:
    if isinstance(span, Choices):
        return list(span.values)
    steps = [i / (count - 1) for i in range(count)]
    if span.log:
        values = [span.low * (span.high / span.low) ** step for step in steps]
    else:
        values = [span.low + (span.high - span.low) * step for step in steps]
    if name == "hidden_size":
        return list(dict.fromkeys(2 * round(value / 2) for value in values))
    return values
