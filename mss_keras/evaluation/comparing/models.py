"""Trained models that are compared: their names, and what they have in common."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mss_keras.config import AudioConfig, SeparationConfig, UserError, named_folder
from mss_keras.evaluation.estimates import name_of_model
from mss_keras.models.model import SeparationModel

Described = tuple[Sequence[str], AudioConfig]  # names of a model's sources, and its audio


@dataclasses.dataclass(frozen=True)
class Models:
    """Trained models that are compared.

    Args:
        paths: mapping of str to Path. The folder of a run, or the `.keras` file, of each name.
        describe: Callable. Returns the names of a model's sources and its audio, given its path.
        load: Callable. Returns the model, given its path.
        separation: SeparationConfig. How they separate.
    """

    paths: Mapping[str, Path]
    describe: Callable[[Path], Described]
    load: Callable[[Path], SeparationModel]
    separation: SeparationConfig = SeparationConfig()


def in_common(described: Mapping[str, Described]) -> Described:
    """The sources of all models, and the audio of all that is heard.

    What is heard has two channels if one of the models has, and the STFT of the first.

    Args:
        described: mapping of str. The sources and the audio of each model, one at least.

    Raises:
        UserError: if models have different sample rates.
    """
    first, (_, audio) = next(iter(described.items()))
    others = [
        f"{name} of {one.sample_rate} Hz"
        for name, (_, one) in described.items()
        if one.sample_rate != audio.sample_rate
    ]
    if others:
        wanted = f"{audio.sample_rate} Hz, as {first} has: sounds are compared at one rate"
        raise UserError("models", ", ".join(others), wanted)
    sources = dict.fromkeys(name for names, _ in described.values() for name in names)
    channels = max(one.nb_channels for _, one in described.values())
    return tuple(sources), dataclasses.replace(audio, nb_channels=channels)


def named_models(given: Sequence[str]) -> dict[str, Path]:
    """The paths of models by name, which is that of the folder or file unless it is given.

    Args:
        given: sequence of str. Folders of runs and `.keras` files, each as `[NAME=]PATH`.

    Raises:
        UserError: if two have one name.

    Example:
        >>> named_models(["runs/l2_freq", "best=models/a.keras"])
        {'l2_freq': PosixPath('runs/l2_freq'), 'best': PosixPath('models/a.keras')}
    """
    paths: dict[str, Path] = {}
    for text in given:
        name, path = (None, Path(text)) if Path(text).exists() else named_folder(text)
        plain = path.absolute()
        name = name_of_model(name or (plain.stem if plain.suffix == ".keras" else plain.name))
        if name in paths:
            found = f"two called {name}: {paths[name]} and {path}"
            raise UserError("models", found, "NAME=PATH with a name of its own for one of them")
        paths[name] = path
    return paths


def differences(
    described: Mapping[str, Described], sources: Sequence[str], audio: AudioConfig
) -> list[str]:
    """What is to be known of models that differ, in sentences.

    Args:
        described: mapping of str. The sources and the audio of each model.
        sources: sequence of str. The sources of all of them.
        audio: AudioConfig. What is heard, as `in_common` has it.
    """
    notes = []
    for name, (own, sizes) in described.items():
        if set(own) != set(sources):
            notes.append(f"{name} separates {', '.join(own)} alone: it has no mean of sources.")
        if sizes.nb_channels != audio.nb_channels:
            notes.append(f"{name} is mono: its stems are heard and scored in both channels.")
        if (sizes.nfft, sizes.nhop) != (audio.nfft, audio.nhop):
            read = f"losses are read with {audio.nfft}/{audio.nhop} of all"
            notes.append(f"{name} has an STFT of {sizes.nfft}/{sizes.nhop}; {read}.")
    return notes
