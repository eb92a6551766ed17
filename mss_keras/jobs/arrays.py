"""Arrays as .npz files."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def write_arrays(path: Path, arrays: Iterable[tuple[str, np.ndarray]]) -> None:
    """Writes an .npz file that `np.load` reads.

    Args:
        path: Path. The file.
        arrays: iterable of pairs. Names and arrays, one after the other in memory.

    Raises:
        OSError: if it cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "weights.npz"
        >>> write_arrays(path, [("bias", np.zeros(2))])
        >>> np.load(path)["bias"]
        array([0., 0.])
    """
    # Not np.savez, whose archive complains from its destructor where the disk is full.
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array)
