"""What is compared: models that are loaded when it is their turn, folders of stems, oracles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mss_keras.config import AudioConfig, SeparationConfig
from mss_keras.evaluation import estimates, systems
from mss_keras.evaluation.systems import System
from mss_keras.models.model import SeparationModel


@dataclass(frozen=True)
class Contestant:
    """Something whose estimates are compared.

    Args:
        name: str. Its name.
        open: Callable. Returns the system; what it holds, such as a model, is free when the
            system is.
        competes: bool. Whether it may be called the best: what knows the true sources, or
            separates nothing, does not. Defaults to `True`.
    """

    name: str
    open: Callable[[], System]
    competes: bool = True


def of_model(
    name: str,
    load: Callable[[], SeparationModel],
    *,
    audio: AudioConfig,
    separation: SeparationConfig = SeparationConfig(),
    field: str = "model",
) -> Contestant:
    """A model.

    Args:
        name: str. Its name.
        load: Callable. Returns the model.
        audio: AudioConfig. Sample rate and channels of the excerpts.
        separation: SeparationConfig. How it separates.
        field: str. As in `System`. Defaults to `model`.
    """

    def opened() -> System:
        return systems.of_model(name, load(), audio=audio, separation=separation, field=field)

    return Contestant(name, opened)


def of_folder(given: str, subset: str, audio: AudioConfig) -> Contestant:
    """Stems that are made already.

    Args:
        given: str. The folder, as in `mss_keras.evaluation.estimates.of_folder`.
        subset: str. Split of the data set.
        audio: AudioConfig. Sample rate and channels of the excerpts.

    Raises:
        UserError: as there.
    """
    method = estimates.of_folder(given, subset)
    system = systems.of_songs(
        method.name, method, said=given, audio=audio, made=True, field="estimates"
    )
    return Contestant(method.name, lambda: system)


def of_oracle(name: str, sources: Sequence[str], audio: AudioConfig) -> Contestant:
    """An oracle of the excerpts, or the mixture taken for every source.

    Args:
        name: str. As in `mss_keras.evaluation.estimates.of_oracle`.
        sources: sequence of str. Names of the sources of a track, in their order.
        audio: AudioConfig. Sample rate, channels and sizes of the STFT.

    Raises:
        UserError: as there.
    """
    system = systems.of_oracle(name, sources, audio)
    return Contestant(name, lambda: system, competes=False)
