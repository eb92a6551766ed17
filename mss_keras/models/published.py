"""Weights of open-unmix (PyTorch) in our layers.

    open-unmix                     OpenUnmix
    input_mean, input_scale        input_affine.shift, input_affine.scale
    fc1, bn1                       encode, encode_norm
    lstm.*_l0 to _l2, _reverse     lstms, forward and backward
    fc2, bn2                       merge, merge_norm
    fc3, bn3                       heads[0], head_norms[0]
    output_scale, output_mean      output_affine.scale, output_affine.shift

Kernels are transposed and LSTM biases added up; the gates are in the same order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from mss_keras.config import UserError
from mss_keras.models.openunmix import OpenUnmix

State = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Flavour:
    """Sizes of an open-unmix network, which its weights show.

    Args:
        hidden_size: int. Width of the network, units.
        nb_channels: int. Audio channels.
        nb_bins: int. Frequency bins of the spectrogram.
        max_bin: int. Number of bins that the network reads.
        unidirectional: bool. Whether the LSTM layers have one direction.
    """

    hidden_size: int
    nb_channels: int
    nb_bins: int
    max_bin: int
    unidirectional: bool

    @classmethod
    def of(cls, state: State, origin: str | Path = "state") -> "Flavour":
        """Reads the sizes off the arrays of a checkpoint.

        Args:
            state: arrays by open-unmix's names.
            origin: the checkpoint's file, which errors name. Defaults to `"state"`.

        Raises:
            UserError: if arrays are missing, or no network has such sizes.
        """
        axes = {
            "fc1.weight": 2,
            "fc2.weight": 2,
            "fc3.weight": 2,
            "input_mean": 1,
            "output_mean": 1,
        }
        _require(state, axes, origin)
        for name, count in axes.items():
            if state[name].ndim != count or not state[name].size:
                found = f"{name} of shape {state[name].shape}"
                raise UserError(origin, found, f"{count} axes, none of length 0")
        hidden, nb_bins = len(state["fc1.weight"]), len(state["output_mean"])
        if state["fc2.weight"].shape != (hidden, 2 * hidden):
            found = f"fc2.weight of shape {state['fc2.weight'].shape}"
            raise UserError(origin, found, str((hidden, 2 * hidden)))
        return cls(
            hidden_size=hidden,
            nb_channels=len(state["fc3.weight"]) // nb_bins,
            nb_bins=nb_bins,
            max_bin=len(state["input_mean"]),
            unidirectional=not any(key.endswith("_reverse") for key in state),
        )


def load(network: OpenUnmix, state: State, origin: str | Path = "state") -> None:
    """Sets the weights of a built network of one source.

    Args:
        network: a network of the checkpoint's `Flavour`.
        state: arrays by open-unmix's names; arrays of other names are ignored.
        origin: the checkpoint's file, which errors name. Defaults to `"state"`.

    Raises:
        UserError: if arrays are missing or of another shape.
    """
    variables = _variables(network)
    _require(state, [name for names in variables for name in names], origin)
    for names, variable in variables.items():
        # Matrices of torch have outputs first.
        wanted = tuple(variable.shape)[::-1]
        for name in names:
            if state[name].shape != wanted:
                raise UserError(origin, f"{name} of shape {state[name].shape}", str(wanted))
    for names, variable in variables.items():
        variable.assign(np.sum([state[name] for name in names], axis=0, dtype=np.float32).T)


def _variables(network: OpenUnmix) -> dict[tuple[str, ...], keras.Variable]:
    # Each variable under the names of the arrays that are added up in it.
    single = {
        "input_mean": network.input_affine.shift,
        "input_scale": network.input_affine.scale,
        "output_mean": network.output_affine.shift,
        "output_scale": network.output_affine.scale,
    }
    dense = (network.encode, network.merge, network.heads[0])
    norms = (network.encode_norm, network.merge_norm, network.head_norms[0])
    for number, (layer, norm) in enumerate(zip(dense, norms, strict=True), start=1):
        single[f"fc{number}.weight"] = layer.kernel
        single[f"bn{number}.weight"] = norm.gamma
        single[f"bn{number}.bias"] = norm.beta
        single[f"bn{number}.running_mean"] = norm.moving_mean
        single[f"bn{number}.running_var"] = norm.moving_variance
    variables: dict[tuple[str, ...], keras.Variable] = {(k,): v for k, v in single.items()}
    for suffix, cell in _cells(network).items():
        variables[f"lstm.weight_ih{suffix}",] = cell.kernel
        variables[f"lstm.weight_hh{suffix}",] = cell.recurrent_kernel
        variables[f"lstm.bias_ih{suffix}", f"lstm.bias_hh{suffix}"] = cell.bias
    return variables


def _cells(network: OpenUnmix) -> dict:
    # LSTM cells by the suffix of the names of their arrays.
    cells = {}
    for number, lstm in enumerate(network.lstms):
        if network.unidirectional:
            cells[f"_l{number}"] = lstm.cell
        else:
            cells[f"_l{number}"] = lstm.forward_layer.cell
            cells[f"_l{number}_reverse"] = lstm.backward_layer.cell
    return cells


def _require(state: State, names: Iterable[str], origin: str | Path) -> None:
    missing = [name for name in names if name not in state]
    if missing:
        raise UserError(origin, f"no {', '.join(missing)}", "a checkpoint of open-unmix")
