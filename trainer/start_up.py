"""A shorter start: Keras does without packages that it takes where they are installed."""

import sys
from importlib.abc import MetaPathFinder

# Keras has them for its wrappers, its galleries of pictures and tables of data. Importing them
# takes a second of each command, and 60 MB.
OPTIONAL = frozenset({"matplotlib", "pandas", "sklearn"})


class _NotForKeras(MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None) -> None:
        keras = sys.modules.get("keras")
        if fullname in OPTIONAL and keras and not hasattr(keras, "__version__"):
            raise ModuleNotFoundError(f"{fullname}, which Keras can do without", name=fullname)


def quicken() -> None:
    """Hides optional packages from Keras while it is imported, and from nobody else."""
    if not any(isinstance(finder, _NotForKeras) for finder in sys.meta_path):
        sys.meta_path.insert(0, _NotForKeras())
