"""The catalogue: every loss by name. A new loss is one class and one line here."""

import inspect
import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from mss_keras.config import UserError
from mss_keras.losses.adversarial import Adversarial
from mss_keras.losses.base import SeparationLoss
from mss_keras.losses.deep_feature import DeepFeature
from mss_keras.losses.dissimilarity import Dissimilarity
from mss_keras.losses.logarithmic import LogL1, LogL2
from mss_keras.losses.masks import BinaryCrossEntropy, CrossEntropy
from mss_keras.losses.multi_resolution import MultiResolutionSTFT
from mss_keras.losses.network import NetworkLoss
from mss_keras.losses.regression import L1, L2
from mss_keras.losses.sdr import SDSDR, SISDR, ClippedSNR


@dataclass(frozen=True)
class Range:
    """Where a search looks for a number.

    Args:
        low: the smallest value.
        high: the largest value.
        log: whether factors count alike, not differences. Defaults to `True`.
    """

    low: float
    high: float
    log: bool = True


@dataclass(frozen=True)
class Entry:
    """One loss of the catalogue.

    Args:
        loss: the class.
        domain: what it compares; see `mss_keras.domains`.
        formula: the formula, in words.
        reference: where it is from.
        learning_rate: Adam's, in the paper's experiments.
        ranges: where a search looks for the weights among its hyper-parameters.
    """

    loss: type[SeparationLoss]
    domain: str
    formula: str
    reference: str
    learning_rate: float = 1e-3
    ranges: Mapping[str, Range] = field(default_factory=dict)

    @property
    def takes_network(self) -> bool:
        """Whether the loss compares through a network, which it takes as an argument."""
        return issubclass(self.loss, NetworkLoss)

    @property
    def alone(self) -> bool:
        """Whether the loss can be computed on a pair of tensors alone."""
        return not self.takes_network


_SURVEY = "Gusó et al. 2022"
_HALF_BAKED = "Le Roux et al. 2019"
_LOG = "Heitkaemper et al. 2020, Gusó et al. 2022"
_CODE = "Gusó et al. 2022, the code"

_W, _M, _MASK, _PSA = "waveform", "magnitude", "mask", "phase_sensitive"

CATALOGUE: dict[str, Entry] = {
    "l1_time": Entry(L1, _W, "mean of moduli of the error", _SURVEY, 1e-5),
    "l2_time": Entry(L2, _W, "mean of squares of the error", _SURVEY, 1e-5),
    "sisdr_time": Entry(SISDR, _W, "minus the scale-invariant SDR, dB", _HALF_BAKED),
    "sdsdr_time": Entry(SDSDR, _W, "minus the smaller of SNR and SNR + α², dB", _HALF_BAKED),
    "logl1_time": Entry(LogL1, _W, "mean of moduli of a source's error, dB", _SURVEY),
    "logl2_time": Entry(LogL2, _W, "mean of squares of a source's error, dB", _LOG),
    "multi_resolution_stft": Entry(
        MultiResolutionSTFT,
        _W,
        "spectral convergence plus error of log magnitudes, over three STFTs",
        "Yamamoto et al. 2020",
    ),
    "l1_freq": Entry(L1, _M, "mean of moduli of the error", _SURVEY),
    "l2_freq": Entry(L2, _M, "mean of squares of the error", _SURVEY),
    "sisdr_freq": Entry(SISDR, _M, "minus the scale-invariant SDR, dB", _SURVEY),
    "logl1_freq": Entry(LogL1, _M, "mean of moduli of a source's error, dB", _SURVEY),
    "logl2_freq": Entry(LogL2, _M, "mean of squares of a source's error, dB", _SURVEY),
    "dissimilarity_freq": Entry(
        Dissimilarity,
        _M,
        "mean of squares of the error less β times those from the other sources",
        "Huang et al. 2014",
        ranges={"beta": Range(1e-3, 0.3)},
    ),
    "deep_feature": Entry(
        DeepFeature,
        _M,
        "l2_freq plus δ times the error of VGGish's feature maps plus λ times that of their "
        "Gram matrices",
        _SURVEY,
        ranges={"delta": Range(1e-3, 1e3), "lambda": Range(1e-3, 1e3)},
    ),
    "adversarial": Entry(
        Adversarial,
        _M,
        "l2_freq plus γ times the squares by which discriminators' scores miss 0.9",
        _SURVEY,
        ranges={"gamma": Range(1e-4, 1e-1)},
    ),
    "psa": Entry(L2, _PSA, "mean of squares of the error", "Erdogan et al. 2015"),
    "snr_psa": Entry(
        ClippedSNR, _PSA, "minus the SNR, dB, softly clipped", "Erdogan and Yoshioka 2018"
    ),
    "l1_mask": Entry(L1, _MASK, "mean of moduli of the error", _SURVEY),
    "l2_mask": Entry(L2, _MASK, "mean of squares of the error", _SURVEY, 1e-4),
    "cross_entropy_mask": Entry(
        CrossEntropy, _MASK, "cross-entropy of the dominant source, masks as logits", _CODE
    ),
    "binary_cross_entropy_mask": Entry(
        BinaryCrossEntropy, _MASK, "binary cross-entropy of binary masks, masks as logits", _CODE
    ),
}


def names() -> list[str]:
    """Names of all losses."""
    return list(CATALOGUE)


def readable() -> list[str]:
    """Names of the losses that can be computed on a pair of tensors alone."""
    return [name for name, line in CATALOGUE.items() if line.alone]


def entry(name: str) -> Entry:
    """The catalogue's line for a loss.

    Raises:
        UserError: for an unknown name; lists those that exist.
    """
    if name not in CATALOGUE:
        raise UserError(f"--loss: found {name!r}, wanted one of {', '.join(names())}")
    return CATALOGUE[name]


def hyperparameters(name: str) -> dict[str, Any]:
    """Names and defaults of a loss's own hyper-parameters.

    One whose name is a word of Python has an underscore behind it there, not here: `lambda`.

    Raises:
        UserError: for an unknown name of a loss.
    """
    own = inspect.signature(entry(name).loss).parameters
    common = (*inspect.signature(SeparationLoss).parameters, "kwargs", "network")
    return {key.removesuffix("_"): own[key].default for key in own if key not in common}


def get(name: str, **arguments: Any) -> SeparationLoss:
    """A loss by its name.

    Args:
        name: a name of `names()`.
        **arguments: hyper-parameters, `reduction` and `dtype` as in Keras, and `network`
            where the loss needs one.

    Raises:
        UserError: for an unknown name or hyper-parameter, or a wrong value; lists
            those that exist.
    """
    found, own = entry(name), hyperparameters(name)
    for key in arguments:
        if key not in (*own, "reduction", "dtype", *(["network"] if found.takes_network else [])):
            wanted = ", ".join(own) or "none: this loss has no hyper-parameters"
            raise UserError(f"--loss-args: found {key!r} for {name}, wanted {wanted}")
    arguments = {
        f"{key}_" if keyword.iskeyword(key) else key: value for key, value in arguments.items()
    }
    try:
        return found.loss(domain=found.domain, name=name, **arguments)
    except (TypeError, ValueError) as error:
        raise UserError(f"--loss-args: {name}: {error}") from error


def get_all(chosen: Sequence[str], arguments: Mapping[str, Any]) -> list[SeparationLoss]:
    """Several losses by their names.

    Args:
        chosen: names.
        arguments: hyper-parameters, each for every chosen loss that has it; or, under
            the name of a loss, a mapping of hyper-parameters for that one.

    Raises:
        UserError: for an unknown name, or a hyper-parameter that no chosen loss has.
    """
    known = {name: hyperparameters(name) for name in chosen}
    for key, value in arguments.items():
        if key not in known and not any(key in own for own in known.values()):
            wanted = "; ".join(f"{name}: {', '.join(own) or 'none'}" for name, own in known.items())
            raise UserError(f"--loss-args: found {key!r}, wanted one of {wanted}")
        if key in known and not isinstance(value, Mapping):
            raise UserError(f"--loss-args.{key}: found {value!r}, wanted --loss-args.{key}.NAME")
    shared = {key: value for key, value in arguments.items() if key not in known}
    return [
        get(name, **{**{k: v for k, v in shared.items() if k in own}, **arguments.get(name, {})})
        for name, own in known.items()
    ]


def learning_rate(chosen: Sequence[str]) -> float:
    """Adam's in the paper's experiments; the smallest of several losses'."""
    return min(entry(name).learning_rate for name in chosen)


def serialize(loss: SeparationLoss) -> dict[str, Any]:
    """A loss as a plain dictionary."""
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
            f"`{key}` = {value}{_searched(line.ranges.get(key))}"
            for key, value in hyperparameters(name).items()
        )
        cells = (f"`{name}`", line.formula, line.domain, own, f"{line.learning_rate:g}")
        lines.append(f"| {' | '.join((*cells, line.reference))} |")
    return "\n".join(lines)


def _searched(span: Range | None) -> str:
    return f" ({span.low:g} to {span.high:g})" if span else ""
