"""Losses by their names in the catalogue."""

import keyword
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from mss_keras.config import UserError
from mss_keras.losses.base import SeparationLoss
from mss_keras.losses.catalogue import CATALOGUE, Entry


def names() -> list[str]:
    """Names of all losses.

    Example:
        >>> names()[:3]
        ['l1_time', 'l2_time', 'sisdr_time']
    """
    return list(CATALOGUE)


def readable() -> list[str]:
    """Names of the losses that can be computed on a pair of tensors alone.

    Example:
        >>> sorted(set(names()) - set(readable()))
        ['adversarial', 'deep_feature']
    """
    return [name for name, line in CATALOGUE.items() if line.alone]


def entry(name: str) -> Entry:
    """The catalogue's entry of a loss.

    Raises:
        UserError: if the name is unknown; it lists those that exist.
    """
    if name not in CATALOGUE:
        raise UserError.unknown("loss", name, names())
    return CATALOGUE[name]


def hyperparameters(name: str) -> dict[str, Any]:
    """Names and defaults of a loss's own hyper-parameters; see `Entry.hyperparameters`.

    Raises:
        UserError: if the name of the loss is unknown.
    """
    return entry(name).hyperparameters


def get(name: str, **arguments: Any) -> SeparationLoss:
    """A loss by its name.

    Args:
        name: str. A name of `names`.
        **arguments: hyper-parameters, `reduction` and `dtype` as in Keras, and `network`
            where the loss takes one.

    Raises:
        UserError: if the name or a hyper-parameter is unknown, or a value is wrong.

    Example:
        >>> loss = get("dissimilarity_freq", beta=0.2)
        >>> loss.name, loss.domain, loss.beta
        ('dissimilarity_freq', 'magnitude', 0.2)
    """
    found = entry(name)
    own = found.hyperparameters
    network = ("network",) if found.takes_network else ()
    for key in arguments:
        if key not in (*own, "reduction", "dtype", *network):
            wanted = ", ".join(own) or "none: this loss has no hyper-parameters"
            raise UserError("loss_args", f"{key!r} for {name}", wanted)
    named = {f"{key}_" if keyword.iskeyword(key) else key: arguments[key] for key in arguments}
    try:
        return found.loss(domain=found.domain, name=name, **named)
    except UserError as error:
        raise UserError(f"loss_args.{error.field}", error.found, error.wanted) from error
    except (TypeError, ValueError) as error:
        given = ", ".join(f"{key} {value!r}" for key, value in arguments.items())
        raise UserError("loss_args", f"{given} for {name}", f"values that fit: {error}") from error


def get_all(chosen: Sequence[str], arguments: Mapping[str, Any]) -> list[SeparationLoss]:
    """Several losses by their names.

    Args:
        chosen: sequence of str. Names.
        arguments: mapping. Hyper-parameters, each for every chosen loss that has it; or,
            under the name of a loss, a mapping of hyper-parameters for that loss.

    Raises:
        UserError: if a name is unknown, or no chosen loss has a hyper-parameter.

    Example:
        >>> [x.name for x in get_all(["l2_freq", "dissimilarity_freq"], {"beta": 0.2})]
        ['l2_freq', 'dissimilarity_freq']
    """
    known = {name: hyperparameters(name) for name in chosen}
    for key, value in arguments.items():
        if key not in known and not any(key in own for own in known.values()):
            wanted = "; ".join(f"{name}: {', '.join(own) or 'none'}" for name, own in known.items())
            raise UserError("loss_args", repr(key), f"one of {wanted}")
        if key in known and not isinstance(value, Mapping):
            raise UserError(f"loss_args.{key}", repr(value), "a mapping of hyper-parameters")
    shared = {key: value for key, value in arguments.items() if key not in known}
    return [
        get(name, **{**{k: v for k, v in shared.items() if k in own}, **arguments.get(name, {})})
        for name, own in known.items()
    ]


def for_training(
    chosen: Sequence[str], given: Mapping[str, Any], *, before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Hyper-parameters of a training run: those that are given, and what training sets by itself.

    Args:
        chosen: sequence of str. Names of losses.
        given: mapping. As the arguments of `get_all`.
        before: mapping or None. The result for a run that goes on: it keeps what training set
            then. Defaults to `None`, a new run.

    Example:
        >>> for_training(["sisdr_time"], {})
        {'sisdr_time': {'soft_threshold': 30.0}}
        >>> for_training(["sisdr_time"], {"soft_threshold": None}), for_training(["l2_freq"], {})
        ({'soft_threshold': None}, {})
    """
    arguments = dict(given)
    for name in chosen:
        set_by_training, own = entry(name).in_training, given.get(name, {})
        if before is not None:
            then = before.get(name, {})
            set_by_training = {key: then[key] for key in set_by_training if key in then}
        missing = {k: v for k, v in set_by_training.items() if k not in (*given, *own)}
        if missing:
            arguments[name] = {**own, **missing}
    return arguments


def mask_activation(chosen: Sequence[str]) -> str:
    """What makes masks of a network that is trained by some losses; `relu` if none has a wish.

    Raises:
        UserError: if two losses wish for different ones.

    Example:
        >>> mask_activation(["l2_freq"]), mask_activation(["l2_freq", "cross_entropy_mask"])
        ('relu', 'softmax')
    """
    wishes = {name: entry(name).loss.mask_activation for name in chosen}
    found = {wish for wish in wishes.values() if wish}
    if len(found) > 1:
        names = [name for name, wish in wishes.items() if wish]
        raise UserError("loss", " and ".join(names), "losses of masks that are made alike")
    return found.pop() if found else "relu"


def learning_rate(chosen: Sequence[str]) -> float:
    """Adam's learning rate in the paper's experiments; of several losses the smallest."""
    return min(entry(name).learning_rate for name in chosen)


def serialize(loss: SeparationLoss) -> dict[str, Any]:
    """A loss as a dictionary of plain types."""
    return keras.saving.serialize_keras_object(loss)


def deserialize(config: Mapping[str, Any]) -> SeparationLoss:
    """Inverse of `serialize`."""
    return keras.saving.deserialize_keras_object(dict(config))


def table() -> str:
    """The catalogue as a Markdown table."""
    lines = [
        "| name | formula, in words | domain | hyper-parameters | learning rate | reference |",
        "| --- " * 6 + "|",
    ]
    for name, line in CATALOGUE.items():
        own = ", ".join(
            f"`{key}` = {value}{_noted(key, line)}" for key, value in line.hyperparameters.items()
        )
        cells = (f"`{name}`", line.formula, line.domain, own, f"{line.learning_rate:g}")
        lines.append(f"| {' | '.join((*cells, line.reference))} |")
    return "\n".join(lines)


def _noted(key: str, line: Entry) -> str:
    if span := line.ranges.get(key):
        return f" ({span.low:g} to {span.high:g})"
    return f" (in training {line.in_training[key]:g})" if key in line.in_training else ""
