"""A trained model, published for TensorFlow Serving with what is known of its training."""

from pathlib import Path

from mss_keras.config import SeparationConfig, ServingConfig, UserError
from mss_keras.training import runs


def publish(
    model: str | Path,
    folder: str | Path,
    separation: SeparationConfig,
    *,
    limits: ServingConfig,
) -> Path:
    """Publishes a trained model as the next version of a served model.

    Args:
        model: str or Path. Folder of a run, or a `.keras` file.
        folder: str or Path. Folder of the served model.
        separation: SeparationConfig. How songs are separated.
        limits: ServingConfig. What the served model offers.

    Returns:
        The folder of the version.

    Raises:
        UserError: if there is no such model, or the folder cannot be written.
        serving.checks.ExportError: if a server could not run the SavedModel.
    """
    separator, about = runs.load(model), runs.about(model)
    try:
        return separator.export(folder, separation, limits=limits, about=about)
    except OSError as error:
        found = error.strerror or str(error)
        raise UserError(Path(folder), found, "a folder to write to") from None
