"""What is wrong with a data set, all of it, before hours are spent."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from mss_keras.config import AudioConfig, DataConfig, UserError
from mss_keras.data.musdb import stem_ids
from mss_keras.data.stems import stem_blocks
from mss_keras.data.tracks import STEM_SUFFIX, AudioFile, find_kind, open_set, track_folders

_BLOCK = 1 << 18


@dataclass(frozen=True)
class Finding:
    """Something wrong.

    Args:
        path: where.
        message: what was found and what was wanted.
        fatal: whether training would fail of it.
    """

    path: str
    message: str
    fatal: bool


def check(
    root: str | Path, sources: Sequence[str], audio: AudioConfig, *, progress: bool = True
) -> list[Finding]:
    """Reads all of a data set and lists what is wrong with it.

    Args:
        root: of the data set.
        sources: names of the sources wanted.
        audio: the sample rate wanted.
        progress: whether a bar is shown.

    Raises:
        UserError: if the root holds no data set at all.
    """
    root = Path(root)
    if find_kind(root) == "stems":
        stems = sorted(root.glob(f"*/*{STEM_SUFFIX}"))
        jobs = [partial(_check_stem, stem, audio) for stem in stems]
        splits = {split: list((root / split).glob(f"*{STEM_SUFFIX}")) for split in ("train",)}
    else:
        folders = track_folders(root)
        jobs = [
            partial(_check_track, path, sources, audio)
            for part in folders.values()
            for path in part
        ]
        splits = {"train": folders["train"]}
    findings = []
    if not splits["train"]:
        findings.append(Finding(str(root), "no tracks to train on, wanted some in train/", True))
    with ThreadPoolExecutor() as pool:
        results = pool.map(lambda job: list(job()), jobs)
        bar = tqdm(results, total=len(jobs), desc="checking", unit="track", disable=not progress)
        for found in bar:
            findings += found
    if not any(finding.fatal for finding in findings) and find_kind(root) == "folders":
        try:
            open_set(DataConfig(root=str(root), sources=tuple(sources)), audio)
        except UserError as error:
            findings.append(Finding(str(root), str(error), True))
    return findings


def _check_track(folder: Path, sources: Sequence[str], audio: AudioConfig) -> Iterator[Finding]:
    wanted = [f"{source}.wav" for source in sources]
    for name in wanted:
        if not (folder / name).is_file():
            yield Finding(str(folder / name), "missing", True)
    for path in sorted(folder.iterdir()):
        if path.name not in (*wanted, "mixture.wav"):
            yield Finding(str(path), "extra, not one of the sources", False)
    lengths = {}
    for name in (*wanted, "mixture.wav"):
        path = folder / name
        if not path.is_file():
            continue
        try:
            file = AudioFile.read_header(path)
        except UserError as error:
            yield Finding(str(path), str(error).removeprefix(f"{path}: "), True)
            continue
        lengths[name] = file.frames
        yield from _check_format(path, file.sample_rate, file.channels, audio)
        with soundfile.SoundFile(path) as sound:
            yield from _check_samples(path, sound.blocks(_BLOCK, dtype="float32", always_2d=True))
    if len(set(lengths.values())) > 1:
        common = Counter(lengths.values()).most_common(1)[0][0]
        for name, frames in lengths.items():
            if frames != common:
                yield Finding(
                    str(folder / name),
                    f"{frames} samples where the track's other files have {common}; "
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
        yield Finding(str(stem), str(error).removeprefix(f"{stem}: "), True)
        return
    for rate, channels in sorted(formats):
        yield from _check_format(stem, rate, channels, audio)
    for name, found in blocks.items():
        yield from _samples_findings(
            Path(f"{stem} ({name})"), any(s for s, _ in found), all(f for _, f in found)
        )
    if len(set(lengths.values())) > 1:
        yield Finding(str(stem), f"streams differ in length: {lengths}", False)


def _check_format(path: Path, rate: int, channels: int, audio: AudioConfig) -> Iterator[Finding]:
    if rate != audio.sample_rate:
        yield Finding(str(path), f"{rate} Hz, wanted {audio.sample_rate} Hz", True)
    if channels > 2:
        yield Finding(str(path), f"{channels} channels, wanted 1 or 2", True)
    elif channels < audio.nb_channels:
        yield Finding(str(path), "mono, used as both channels", False)


def _check_samples(path: Path, blocks: Iterator[np.ndarray]) -> Iterator[Finding]:
    sounds, finite = False, True
    for block in blocks:
        sounds = sounds or bool(np.any(block))
        finite = finite and bool(np.isfinite(block).all())
    yield from _samples_findings(path, sounds, finite)


def _samples_findings(path: Path, sounds: bool, finite: bool) -> Iterator[Finding]:
    if not finite:
        yield Finding(str(path), "NaN or infinite samples", True)
    elif not sounds:
        yield Finding(str(path), "silent throughout", False)
