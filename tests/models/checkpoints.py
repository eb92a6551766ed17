"""Made-up open-unmix checkpoints, the same on every machine."""

from typing import Any

import numpy as np

FLAVOURS: dict[str, dict[str, Any]] = {
    "bidirectional": {"hidden": 512, "channels": 2, "bins": 2049, "max_bin": 1487},
    "unidirectional": {
        "hidden": 512,
        "channels": 2,
        "bins": 2049,
        "max_bin": 1487,
        "unidirectional": True,
    },
    "mono": {"hidden": 256, "channels": 1, "bins": 513, "max_bin": 513},
}
TARGETS = ("vocals", "drums")


def state(
    seed: int, *, hidden: int, channels: int, bins: int, max_bin: int, unidirectional: bool = False
) -> dict[str, np.ndarray]:
    """Arrays by open-unmix's names, float32, random as a trained network's might be."""
    rng = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return rng.uniform(-1, 1, [rows, columns]) / np.sqrt(columns)

    directions = ("",) if unidirectional else ("", "_reverse")
    cells = hidden // len(directions)
    arrays = {
        "input_mean": -rng.uniform(0, 2, max_bin),
        "input_scale": 1 / rng.uniform(0.5, 3, max_bin),
        "output_mean": rng.uniform(0, 0.5, bins),
        "output_scale": rng.uniform(0.2, 1, bins),
        "fc1.weight": 3 * matrix(hidden, channels * max_bin),
        "fc2.weight": matrix(hidden, 2 * hidden),
        "fc3.weight": matrix(channels * bins, hidden),
    }
    for layer in range(3):
        for direction in directions:
            for kind in ("ih", "hh"):
                suffix = f"{kind}_l{layer}{direction}"
                inputs = hidden if kind == "ih" else cells
                arrays[f"lstm.weight_{suffix}"] = 2 * matrix(4 * cells, inputs)
                arrays[f"lstm.bias_{suffix}"] = rng.uniform(-0.2, 0.2, 4 * cells)
    for number, size in ((1, hidden), (2, hidden), (3, channels * bins)):
        arrays[f"bn{number}.weight"] = rng.uniform(0.5, 1.5, size)
        arrays[f"bn{number}.bias"] = rng.uniform(-0.3, 0.3, size)
        arrays[f"bn{number}.running_mean"] = rng.uniform(-0.3, 0.3, size)
        arrays[f"bn{number}.running_var"] = rng.uniform(0.5, 2, size)
        arrays[f"bn{number}.num_batches_tracked"] = np.array(7)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def wiener_case() -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes [frames, bins, channels, sources] and a mixture, for the Wiener filter."""
    rng = np.random.default_rng(5)
    shape = (12, 9, 2)
    mixture = 30 * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
    return 30 * np.abs(rng.standard_normal((*shape, 3))), mixture
