"""All that is wrong with a data set, found before hours are spent on training."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from mss_keras.config import SUMS, AudioConfig, DataConfig, UserError
from mss_keras.data.musdb import stem_ids
from mss_keras.data.stems import prepared_folders, stem_blocks
from mss_keras.data.sums import paths_of
from mss_keras.data.tracks import (
    STEM_SUFFIX,
    AudioFile,
    Split,
    divide,
    find_kind,
    open_set,
    track_folders,
)
from mss_keras.jobs.machine import cores

_BLOCK = 1 << 18


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a data set.

    Args:
        path: the file or folder concerned.
        message: what was found, and what was wanted or follows from it.
        fatal: whether training would fail because of it.
    """

    path: str
    message: str
    fatal: bool


def check(
    root: str | Path, sources: Sequence[str], audio: AudioConfig, *, progress: bool = True
) -> list[Finding]:
    """Reads all of a data set and lists what is wrong with it.

    Args:
        root: folder of the data set.
        sources: names of the sources wanted.
        audio: sample rate and channels wanted.
        progress: whether a bar is shown. Defaults to `True`.

    Returns:
        The findings, which are none for a data set that can be trained on.

    Raises:
        UserError: if the root holds no data set at all.
    """
    root = Path(root)
    findings = []
    if find_kind(root) == "stems":
        stems = sorted(root.glob(f"*/*{STEM_SUFFIX}"))
        jobs = [partial(_check_stem, stem, audio) for stem in stems]
        decoded = prepared_folders(root, root).values()
        splits: tuple[Split, ...] = ("train", "valid", "test")
        folders = {split: [x for x in decoded if x.parent.name == split] for split in splits}
        known = [name for name in stem_ids() if name != "mixture"]
        for name in sources:
            if not {*SUMS.get(name, (name,))} <= {*known}:
                findings.append(_fatal(UserError.unknown("sources", name, known), root))
    else:
        folders = track_folders(root)
        jobs = [
            partial(_check_track, path, sources, audio)
            for split in folders.values()
            for path in split
        ]
    try:
        divide(folders, root, ("train", "valid"))
    except UserError as error:
        findings.append(_fatal(error, root))
    with ThreadPoolExecutor(cores()) as pool:
        results = pool.map(lambda job: list(job()), jobs)
        bar = tqdm(results, total=len(jobs), desc="checking", unit="track", disable=not progress)
        for found in bar:
            findings += found
    if not any(finding.fatal for finding in findings) and find_kind(root) == "folders":
        try:
            open_set(DataConfig(root=str(root), sources=tuple(sources)), audio)
        except UserError as error:
            findings.append(_fatal(error, root))
    return findings


def _fatal(error: UserError, path: Path) -> Finding:
    # Of the file that the error names, or else of a path.
    where = error.field if isinstance(error.field, Path) else path
    return Finding(str(where), f"found {error.found}, wanted {error.wanted}", True)


def _check_track(folder: Path, sources: Sequence[str], audio: AudioConfig) -> Iterator[Finding]:
    wanted: dict[str, None] = {}  # names of files, in order
    for source in sources:
        try:
            wanted |= dict.fromkeys(path.name for path in paths_of(folder, source))
        except UserError as error:
            lacking = (source, *SUMS.get(source, ()))
            wanted |= dict.fromkeys(f"{name}.wav" for name in lacking)
            yield _fatal(error, folder)
    for path in sorted(folder.iterdir()):
        if path.name not in (*wanted, "mixture.wav"):
            yield Finding(str(path), "it is none of the sources and is not used", False)
    lengths = {}
    for name in (*wanted, "mixture.wav"):
        path = folder / name
        if not path.is_file():
            continue
        try:
            file = AudioFile.read_header(path)
        except UserError as error:
            yield _fatal(error, path)
            continue
        lengths[name] = file.samples
        yield from _check_format(path, audio, rate=file.sample_rate, channels=file.channels)
        with soundfile.SoundFile(path) as sound:
            yield from _check_samples(path, sound.blocks(_BLOCK, dtype="float32", always_2d=True))
    if len(set(lengths.values())) > 1:
        common = Counter(lengths.values()).most_common(1)[0][0]
        for name, samples in lengths.items():
            if samples != common:
                yield Finding(
                    str(folder / name),
                    f"found {samples} samples where the track's other files have {common}; "
                    "the shortest counts",
                    False,
                )


def _check_stem(stem: Path, audio: AudioConfig) -> Iterator[Finding]:
    blocks: dict[str, list[tuple[bool, bool]]] = {name: [] for name in stem_ids()}
    lengths = dict.fromkeys(blocks, 0)
    formats = set()
    try:
        for name, rate, block in stem_blocks(stem):
            formats.add((rate, block.shape[1]))
            blocks[name].append((bool(np.any(block)), bool(np.isfinite(block).all())))
            lengths[name] += len(block)
    except UserError as error:
        yield _fatal(error, stem)
        return
    for rate, channels in sorted(formats):
        yield from _check_format(stem, audio, rate=rate, channels=channels)
    for name, found in blocks.items():
        sounds, finite = any(s for s, _ in found), all(f for _, f in found)
        yield from _samples_findings(Path(f"{stem} ({name})"), sounds, finite)
    if len(set(lengths.values())) > 1:
        yield Finding(str(stem), f"found streams of different lengths: {lengths}", False)


def _check_format(path: Path, audio: AudioConfig, *, rate: int, channels: int) -> Iterator[Finding]:
    if rate != audio.sample_rate:
        yield Finding(str(path), f"found {rate} Hz, wanted {audio.sample_rate} Hz", True)
    if channels > 2:
        yield Finding(str(path), f"found {channels} channels, wanted 1 or 2", True)
    elif channels < audio.nb_channels:
        yield Finding(str(path), "it is mono and is used as both channels", False)


def _check_samples(path: Path, blocks: Iterator[np.ndarray]) -> Iterator[Finding]:
    sounds, finite = False, True
    for block in blocks:
        sounds = sounds or bool(np.any(block))
        finite = finite and bool(np.isfinite(block).all())
    yield from _samples_findings(path, sounds, finite)


def _samples_findings(path: Path, sounds: bool, finite: bool) -> Iterator[Finding]:
    if not finite:
        yield Finding(str(path), "found NaN or infinite samples, wanted finite ones", True)
    elif not sounds:
        yield Finding(str(path), "it is silent throughout", False)
