"""Commands that use a trained model."""

import dataclasses
import sys
from pathlib import Path

from jsonargparse import Namespace

from mss_keras import config
from mss_keras.config import WorkFailedError, from_options, require
from trainer.commands.shared import model_path, say


def separate(options: Namespace) -> None:
    """`python -m trainer separate`."""
    separation = from_options(config.SeparationConfig, vars(options))
    files = from_options(config.SongConfig, vars(options))
    if options.two_stems:
        separation = separation.two_stems(options.two_stems)

    from mss_keras.data import find_songs

    songs, output = find_songs(options.inputs), Path(options.output)
    path = model_path(options.model)

    from mss_keras.separation.songs import separate_songs
    from mss_keras.training import runs

    separator = runs.load(path, precision=options.precision)
    failed = separate_songs(separator, songs, output, options=separation, files=files, say=say)
    if failed:
        raise WorkFailedError(f"{failed} of {len(songs)} songs")


def models(options: Namespace) -> None:
    """`python -m trainer models`."""
    from mss_keras.models import catalogue
    from mss_keras.separation import fetch

    config.require_known(options.fetch, "fetch", catalogue.MODELS)
    for name in options.fetch:
        source, progress = options["from"], sys.stderr.isatty()
        path = fetch(name, source=source, say=say, progress=progress, field="fetch")
        say(f"{name} is in {path}")
    if not options.fetch:
        say(catalogue.table())


def import_openunmix(options: Namespace) -> None:
    """`python -m trainer import-openunmix`."""
    from mss_keras.separation import importing

    separator = importing.import_openunmix(options.inputs, Path(options.output))
    model, audio = separator.network_config, separator.audio
    say(
        f"{', '.join(separator.source_names)}: hidden size {model.hidden_size}, "
        f"{'unidirectional' if model.unidirectional else 'bidirectional'}, "
        f"{audio.nb_channels} channels at {audio.sample_rate} Hz, in {options.output}"
    )


def import_spleeter(options: Namespace) -> None:
    """`python -m trainer import-spleeter`."""
    count = len(options.inputs)
    require(count == 1, "inputs", found=options.inputs, wanted="one folder")

    from mss_keras.separation import spleeter_import

    folder, output = Path(options.inputs[0]), Path(options.output)
    model = spleeter_import.import_to(folder, output, options.configuration)
    say(f"{', '.join(model.source_names)}: {model.network.value_bins} bins read, in {output}")


def export(options: Namespace) -> None:
    """`python -m trainer export`."""
    separation = from_options(config.SeparationConfig, vars(options))
    limits = from_options(config.ServingConfig, vars(options))
    model = model_path(options.model)

    from mss_keras.models.catalogue import licence_of
    from mss_keras.training.publishing import publish

    licence = limits.licence or licence_of(options.model)
    limits = dataclasses.replace(limits, licence=licence)
    path = publish(
        model,
        options.output,
        separation,
        limits=limits,
        precision=options.precision,
    )
    say(f"version {path.name} in {path}")
