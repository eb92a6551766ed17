"""Whole songs through a trained separator: decode, separate and write in blocks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mss_keras.config import SeparationConfig, SongConfig, UserError
from mss_keras.data.decoding import Song
from mss_keras.data.encoding import require_format, stem_files
from mss_keras.data.resampling import resampled
from mss_keras.data.tracks import STEM_SUFFIX
from mss_keras.jobs.interrupt import interruptible
from mss_keras.models.masking import MaskingModel


def separate_songs(
    model: MaskingModel,
    songs: Mapping[Path, Path],
    output: Path,
    options: SeparationConfig,
    files: SongConfig,
    say: Callable[[str], None],
) -> int:
    """Separates songs, one after the other; one that fails does not stop the rest.

    Args:
        model: the separator.
        songs: the relative path of the output, without a suffix, of each file.
        output: folder of all outputs.
        options: what to separate and how.
        files: which part to read and what to write.
        say: called with a line about each song.

    Returns:
        Number of songs that failed.

    Raises:
        UserError: for what is wrong whatever the song: options that the model does
            not go with, an output folder that cannot be written.
    """
    names = model.streaming(options).names
    sums = _sums(names, files)
    require_format(files.format, files.bits, list(sums))
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output: {output}: {error.strerror}, wanted a folder") from None
    failed = 0
    for path, target in songs.items():
        try:
            for line in separate_song(model, path, output / target, options, files):
                say(line)
        except UserError as error:
            failed += 1
            say(f"failed: {error}")
    return failed


def separate_song(
    model: MaskingModel,
    path: Path,
    target: Path,
    options: SeparationConfig,
    files: SongConfig,
    *,
    progress: bool = True,
) -> list[str]:
    """Separates one song in bounded memory.

    Args:
        model: the separator.
        path: the song.
        target: folder of the stems, or path of the .stem.mp4 without its suffix.
        options: what to separate and how.
        files: which part to read and what to write.
        progress: whether a bar is shown, on a terminal.

    Returns:
        Lines that say what was written and what was found.

    Raises:
        UserError: if the song cannot be read or the stems cannot be written.
    """
    streaming = model.streaming(options)
    sums = _sums(streaming.names, files)
    song = Song(
        path, model.audio, start=files.start, duration=files.duration, downmix=files.downmix
    )
    rate = song.rate if files.original_rate else model.audio.sample_rate
    if files.format == "stem.mp4":
        sums["mixture"] = [len(streaming.names)]
    with (
        stem_files(
            target,
            list(sums),
            format=files.format,
            bits=files.bits,
            rate=rate,
            channels=model.audio.nb_channels,
            seconds=song.seconds,
        ) as writer,
        tqdm(
            total=song.seconds and round(song.seconds),
            desc=path.name,
            unit="s",
            disable=None if progress else True,
            leave=False,
        ) as bar,
        interruptible() as interrupt,
    ):
        written = 0
        for block in _blocks(streaming, song, rate, with_mixture="mixture" in sums):
            interrupt.check()
            writer.write({name: block[:, parts].sum(axis=1) for name, parts in sums.items()})
            written += len(block)
            bar.update(round(written / rate) - bar.n)
    where = f"{target}{STEM_SUFFIX}" if files.format == "stem.mp4" else target
    return [f"{path}: {', '.join(sums)} in {where}", *_remarks(song, writer.clipped)]


def _blocks(streaming, song: Song, rate: int, *, with_mixture: bool) -> Iterator[np.ndarray]:
    # [samples, sources, channels] at the rate of the output; the mixture as one more source.
    model_rate = song.audio.sample_rate
    if with_mixture:
        heard: list[np.ndarray] = []
        stems = streaming.stream(_remembered(song.blocks(), heard))
        blocks: Iterable[np.ndarray] = _with_mixture(stems, heard)
    else:
        blocks = streaming.stream(song.blocks())
    sources = len(streaming.names) + with_mixture
    flat = (block.reshape(len(block), -1) for block in blocks)
    length = (lambda: song.samples) if rate == song.rate else None
    for block in resampled(flat, model_rate, rate, length=length):
        yield block.reshape(len(block), sources, -1)


def _remembered(blocks: Iterable[np.ndarray], memory: list[np.ndarray]) -> Iterator[np.ndarray]:
    for block in blocks:
        memory.append(block)
        yield block


def _with_mixture(stems: Iterable[np.ndarray], heard: list[np.ndarray]) -> Iterator[np.ndarray]:
    for block in stems:
        mixture = np.concatenate(heard)
        heard[:] = [mixture[len(block) :]]
        yield np.concatenate([block, mixture[: len(block), np.newaxis]], axis=1)


def _sums(names: tuple[str, ...], files: SongConfig) -> dict[str, list[int]]:
    # The stems to write, each a sum of the separated ones, by index.
    if not files.aggregate:
        return {name: [index] for index, name in enumerate(names)}
    sums = {}
    for name, parts in files.aggregate.items():
        unknown = [part for part in parts if part not in names]
        if unknown or not parts:
            raise UserError(
                f"--aggregate: {name}: found {unknown or 'no stems'}, wanted some of {list(names)}"
            )
        sums[name] = [names.index(part) for part in parts]
    return sums


def _remarks(song: Song, clipped: int) -> list[str]:
    remarks = []
    decoded = song.samples / song.rate
    if song.damaged:
        remarks.append(f"{song.damaged} damaged packets were left out")
    if song.seconds is not None and decoded < song.seconds - 0.5:
        remarks.append(f"it ends after {decoded:.1f} of {song.seconds:.1f} s, and may be cut off")
    if clipped:
        remarks.append(f"{clipped} samples were clipped; --bits float does not clip")
    return [f"warning: {song.path}: {remark}" for remark in remarks]
