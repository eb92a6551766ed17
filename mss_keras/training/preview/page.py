"""The page of a preview."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mss_keras import data
from mss_keras.config import RunConfig, flag_name, respelled
from mss_keras.data import MusicSet, Origin
from mss_keras.reports.levels import Loudness, levels
from mss_keras.reports.pages import Example, Page, Picture, Section, Stimulus, Table, picture_of
from mss_keras.reports.tables import counted
from mss_keras.signal.silence import SILENCE_DBFS
from mss_keras.training.advice import Remark
from mss_keras.training.preview.levels import UNPAIRED, Sound, Summary

_SWAP = "channelswap"


@dataclass(frozen=True)
class Heard:
    """What was listened to.

    Args:
        config: RunConfig. What training would be by.
        music: MusicSet. The tracks.
        sounds: sequence of Sound. The sounds of all examples.
        summaries: sequence of Summary. Their summaries.
        shown: sequence of Sound and np.ndarray. The sounds that are on the page, with their
            waveforms, `[samples, channels]`.
    """

    config: RunConfig
    music: MusicSet
    sounds: Sequence[Sound]
    summaries: Sequence[Summary]
    shown: Sequence[tuple[Sound, np.ndarray]]


def page_of(heard: Heard, found: Sequence[Remark]) -> Page:
    """The page of a preview.

    Args:
        heard: Heard. What was listened to.
        found: sequence of Remark. What is to be known of it.
    """
    told = [respelled(finding.text, flag_name) for finding in found if not finding.serious]
    examples = _examples(heard)
    return Page(
        title=f"What training gets: {Path(heard.config.data.root or '').name}",
        answer=answer_of(heard, found),
        warnings=[respelled(finding.text, flag_name) for finding in found if finding.serious],
        sections=[
            *([Section("Worth knowing", [told])] if told else []),
            Section("Levels", [_picture(heard), _table(heard.summaries)]),
            Section(f"The first {counted(len(examples), 'example')}", [*_said(heard), *examples]),
        ],
        links={"levels of all examples": "levels.csv", "settings": "preview.yaml"},
    )


def answer_of(heard: Heard, found: Sequence[Remark]) -> str:
    """What a preview says, in two sentences."""
    count = max(summary.examples for summary in heard.summaries)
    steps = data.steps_per_epoch(heard.music.train, heard.config.data)
    serious = sum(finding.serious for finding in found)
    verdict = (
        f"{counted(serious, 'thing')} would spoil training"
        if serious
        else "Nothing that would spoil training was found"
    )
    return (
        f"{verdict} in {counted(count, 'example')} of {heard.config.data.seq_dur:g} s. An epoch "
        f"has {counted(steps * heard.config.data.batch_size, 'example')}, "
        f"{counted(steps, 'step')}, of {counted(len(heard.music.train), 'track')}."
    )


def _said(heard: Heard) -> list[str]:
    own = heard.config.data
    told = (
        "These are the first examples of a run with these settings, in its order: each source "
        "from a track and a place of its own, changed by "
        f"{' and '.join(own.augmentations) or 'nothing'}, and the mixture as their sum."
    )
    if not any(sound.name.startswith(UNPAIRED) for sound in heard.sounds):
        return [told]
    return [
        told,
        "Unpaired music is heard in the epochs of adversarial training, which come after those by "
        "l2_freq: there it goes with the examples of other numbers.",
    ]


def _picture(heard: Heard) -> Picture:
    rows = [
        Loudness(
            summary.name,
            [x.rms for x in heard.sounds if x.name == summary.name and x.finite and not x.silent],
            summary.silent,
            summary.clips,
        )
        for summary in heard.summaries
    ]
    count = max(summary.examples for summary in heard.summaries)
    return picture_of(
        levels(rows, silence=SILENCE_DBFS),
        alt="Levels of the mixture and of each source, and how often they are silent or beyond "
        "full scale; the table below has the numbers.",
        caption=f"Levels in {counted(count, 'example')}, after augmentation and mixing.",
    )


def _table(summaries: Sequence[Summary]) -> Table:
    columns = ["sound", "silent", "beyond full scale", "RMS, median", "RMS, 10 to 90 %", "peak"]
    rows = [
        [
            summary.name,
            f"{summary.silent:.0%}",
            f"{summary.clips:.0%}",
            _number(summary.rms[1]),
            f"{_number(summary.rms[0])} to {_number(summary.rms[2])}",
            _number(summary.peak),
        ]
        for summary in summaries
    ]
    return Table("Levels, dBFS; RMS of those that are not silent", columns, rows)


def _examples(heard: Heard) -> list[Example]:
    return [
        _example(number, list(own), heard.config)
        for number, own in itertools.groupby(heard.shown, key=lambda pair: pair[0].example)
    ]


def _example(number: int, own: Sequence[tuple[Sound, np.ndarray]], config: RunConfig) -> Example:
    unpaired = any(sound.name.startswith(UNPAIRED) for sound, _ in own)
    stimuli = []
    for sound, waveform in own:
        name = sound.name.removeprefix(UNPAIRED)
        half = "" if not unpaired else "paired" if name == sound.name else "unpaired"
        stimuli.append(Stimulus(name, half, waveform, _note(sound)))
    origins = _origins([sound for sound, _ in own], config)
    return Example(f"Example {number + 1}", stimuli, config.audio, tables=[origins])


def _note(sound: Sound) -> str:
    if not sound.finite:
        return "NaN or infinite"
    if sound.silent:
        return "silent"
    beyond = f", peak +{sound.peak:.1f}" if sound.clips else ""
    return f"{sound.rms:.1f} dBFS{beyond}"


def _origins(sounds: Sequence[Sound], config: RunConfig) -> Table:
    rows = []
    for sound in sounds:
        # The parts of a mixture that is told of beside it need no rows of their own.
        parts = sound.origins if sound.name != "mixture" else ()
        for origin in parts:
            rows.append(
                [sound.name, *_origin(origin, config), _number(sound.rms), _number(sound.peak)]
            )
    changes = [{"gain": "gain", _SWAP: "channels"}.get(x, x) for x in config.data.augmentations]
    columns = ["source", "track", "seconds", *changes, "RMS, dBFS", "peak, dBFS"]
    return Table("Where it is from", columns, rows, texts=["track", "seconds", "channels"])


def _origin(origin: Origin, config: RunConfig) -> list[str]:
    rate = config.audio.sample_rate
    changes = [
        ("swapped" if origin.changes[name] else "as they are")
        if name == _SWAP
        else f"{origin.changes[name]:.2f}"
        for name in config.data.augmentations
    ]
    return [origin.name, f"{origin.start / rate:.2f} to {origin.end / rate:.2f}", *changes]


def _number(value: float) -> str:
    return "none" if not np.isfinite(value) else f"{value:.1f}"
