"""Decoding MUSDB18's .stem.mp4 files to WAV, once; the demonstration's data; download."""

import contextlib
import os
import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import av
import numpy as np
import soundfile
from tqdm import tqdm

from mss_keras.config import UserError
from mss_keras.data.musdb import demo_stem, sample_url, stem_ids
from mss_keras.data.tracks import STEM_SUFFIX, find_kind

_DEMO_TRAIN_SECONDS = 4.5


def prepare(
    root: str | Path, output: str | Path, *, jobs: int | None = None, progress: bool = True
) -> int:
    """Decodes every track of MUSDB18 to 16-bit WAV files in MUSDB18-HQ's layout.

    A track appears under its name when all of its files are whole. Tracks that are
    there already are left alone, so an interrupted run is continued by another.

    Args:
        root: holds `train/` and `test/` with .stem.mp4 files.
        output: gets `train/TRACK/*.wav` and `test/TRACK/*.wav`.
        jobs: processes. Defaults to one a core.
        progress: whether a bar is shown.

    Returns:
        Number of tracks decoded now.

    Raises:
        UserError: if the root holds no stems, or, after the other tracks are done, if
            some cannot be decoded.
    """
    root, output = Path(root), Path(output)
    if find_kind(root) != "stems":
        raise UserError(f"--root: {root} holds WAV files already, wanted {STEM_SUFFIX} files")
    wanted = {
        stem: output / split / stem.name.removesuffix(STEM_SUFFIX)
        for split in ("train", "test")
        for stem in sorted((root / split).glob(f"*{STEM_SUFFIX}"))
    }
    todo = {stem: folder for stem, folder in wanted.items() if not folder.is_dir()}
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--output: {output}: {error.strerror}, wanted a folder to write to"
        ) from None
    failed = []
    # Spawned, since a fork of a process with TensorFlow's threads may hang.
    with ProcessPoolExecutor(jobs or os.cpu_count(), mp_context=get_context("spawn")) as pool:
        tasks = {pool.submit(decode_track, stem, folder): stem for stem, folder in todo.items()}
        bar = tqdm(
            as_completed(tasks),
            total=len(tasks),
            desc="decoding",
            unit="track",
            disable=not progress,
        )
        try:
            for task in bar:
                try:
                    task.result()
                except UserError as error:
                    failed.append(str(error))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if failed:
        raise UserError(f"{len(failed)} of {len(wanted)} tracks failed: {'; '.join(failed)}")
    return len(todo)


def decode_track(stem: Path, folder: Path) -> None:
    """Decodes one .stem.mp4 to a folder of 16-bit WAV files that appears when it is whole.

    Raises:
        UserError: if it cannot be decoded or written.
    """
    with _appearing(folder) as partial, contextlib.ExitStack() as stack:
        writers: dict[str, soundfile.SoundFile] = {}
        try:
            for name, rate, block in stem_blocks(stem):
                if name not in writers:
                    file = soundfile.SoundFile(
                        partial / f"{name}.wav", "w", rate, block.shape[1], subtype="PCM_16"
                    )
                    writers[name] = stack.enter_context(file)
                writers[name].write(to_int16(block))
        except (soundfile.LibsndfileError, OSError) as error:
            raise UserError(f"{folder}: cannot be written: {error}") from error


def stem_blocks(stem: Path) -> Iterator[tuple[str, int, np.ndarray]]:
    """Decodes all streams of a .stem.mp4 in one pass.

    Yields:
        Name of the stem, sample rate in Hz, and float32 `[samples, channels]`, in turn.

    Raises:
        UserError: if the file is damaged or does not hold MUSDB18's streams.
    """
    ids = stem_ids()
    try:
        with av.open(str(stem)) as container:
            streams = container.streams.audio
            if len(streams) != len(ids):
                raise UserError(f"{stem}: found {len(streams)} audio streams, wanted {len(ids)}")
            names = {streams[number].index: name for name, number in ids.items()}
            for packet in container.demux(streams):
                for frame in packet.decode():
                    yield names[packet.stream.index], frame.sample_rate, frame.to_ndarray().T
    except (av.FFmpegError, OSError) as error:
        raise UserError(f"{stem}: {error.strerror}, wanted a whole {STEM_SUFFIX} file") from error


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """Floats of −1 to 1 as 16-bit samples, rounded and clipped."""
    return np.clip(np.round(waveform * 2.0**15), -(2**15), 2**15 - 1).astype(np.int16)


def make_demo(folder: str | Path) -> Path:
    """Makes the demonstration's data set of the excerpt that stempeg ships.

    Args:
        folder: gets `train/TRACK` with the first 4.5 s and `valid/TRACK` with the rest;
            re-used if it is there.

    Returns:
        The folder.
    """
    folder = Path(folder)
    if folder.is_dir():
        return folder
    stem = demo_stem()
    track = stem.name.removesuffix(STEM_SUFFIX)
    with _appearing(folder) as partial:
        whole = partial / "whole"
        decode_track(stem, whole)
        for path in whole.glob("*.wav"):
            waveform, rate = soundfile.read(path, dtype="int16")
            cut = round(_DEMO_TRAIN_SECONDS * rate)
            for split, part in (("train", waveform[:cut]), ("valid", waveform[cut:])):
                (partial / split / track).mkdir(parents=True, exist_ok=True)
                soundfile.write(partial / split / track / path.name, part, rate)
        shutil.rmtree(whole)
    return folder


def download(root: str | Path, url: str | None = None, *, progress: bool = True) -> Path:
    """Fetches and unpacks musdb's set of 7-second excerpts.

    Args:
        root: folder to make; it appears when it is whole.
        url: of the .zip archive. Defaults to musdb's.
        progress: whether a bar is shown.

    Returns:
        The root.

    Raises:
        UserError: if it cannot be fetched or is no such archive.
    """
    root, url = Path(root), url or sample_url()
    with _appearing(root) as partial, tempfile.TemporaryFile(dir=partial.parent) as archive:
        try:
            with urllib.request.urlopen(url) as response:
                size = int(response.headers.get("Content-Length") or 0) or None
                with tqdm.wrapattr(
                    response, "read", total=size, desc="download", disable=not progress
                ) as stream:
                    shutil.copyfileobj(stream, archive)
            with zipfile.ZipFile(archive) as zipped:
                zipped.extractall(partial)
        except (urllib.error.URLError, OSError, ValueError, zipfile.BadZipFile) as error:
            reason = getattr(error, "reason", error)
            raise UserError(
                f"--download: {url}: {reason}; wanted musdb's archive, or fetch it elsewhere and "
                "give its folder as --root"
            ) from error
        # The archive may hold the splits at its top or in one folder.
        if not (partial / "train").is_dir():
            inner = [path.parent for path in partial.glob("*/train")]
            if len(inner) != 1:
                raise UserError(f"--download: {url} holds no train folder, wanted musdb's archive")
            for path in inner[0].iterdir():
                path.rename(partial / path.name)
    return root


@contextlib.contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A temporary folder beside `folder` that takes its name if all goes well.

    Raises:
        UserError: if it cannot be made.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
        partial.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}, wanted a folder to write to") from None
    try:
        yield partial
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
