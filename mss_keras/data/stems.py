"""MUSDB18's .stem.mp4 files are decoded to WAV, once."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import soundfile
from tqdm import tqdm

from mss_keras.config import UserError, require
from mss_keras.data.decoding import opened
from mss_keras.data.musdb import stem_ids
from mss_keras.data.tracks import STEM_SUFFIX, find_kind
from mss_keras.data.writing import sound_file
from mss_keras.jobs.files import appearing
from mss_keras.jobs.locks import locked
from mss_keras.jobs.machine import cores
from mss_keras.jobs.pools import processes


class Clipped(NamedTuple):
    """How much of a waveform lies beyond full scale, which 16 bits cut off.

    Args:
        samples: number of such samples.
        peak: the highest magnitude of a sample.

    Example:
        >>> Clipped().with_block(np.array([0.5, -1.5])).with_block(np.array([1.25]))
        Clipped(samples=2, peak=1.5)
    """

    samples: int = 0
    peak: float = 0.0

    def with_block(self, block: np.ndarray) -> "Clipped":
        """What it is with a further block."""
        levels = np.abs(block)
        peak = float(levels.max(initial=self.peak))
        return Clipped(self.samples + int(np.count_nonzero(levels > 1)), peak)


def prepare(
    root: str | Path,
    output: str | Path,
    *,
    jobs: int | None = None,
    progress: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> int:
    """Decodes every track of MUSDB18 to 16-bit WAV files in MUSDB18-HQ's layout.

    A track gets its name when all of its files are whole. Tracks that are there already are left
    alone: after an interruption the same call goes on. A second process waits for the first.

    Args:
        root: folder that holds train/ and test/ with .stem.mp4 files.
        output: folder that gets train/TRACK/*.wav and test/TRACK/*.wav.
        jobs: number of tracks decoded at a time. Defaults to one for each core.
        progress: whether a bar is shown. Defaults to `True`.
        say: called with a line if peaks were clipped. Defaults to silence.

    Returns:
        Number of tracks decoded now.

    Raises:
        UserError: if the root holds no stems, or, after the other tracks are done, if
            some cannot be decoded.
        PoolKilledError: if a process was killed.
    """
    require(jobs is None or jobs > 0, "jobs", found=jobs, wanted="a number above 0")
    root, output = Path(root), Path(output)
    if find_kind(root) != "stems":
        raise UserError("root", f"WAV files in {root}", f"{STEM_SUFFIX} files")
    wanted = prepared_folders(root, output)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError("output", f"{error.strerror} at {output}", "a folder to write to") from None
    failed: list[str] = []
    clipped: dict[Path, Clipped] = {}
    with locked(output, waiting=say):
        # Looked at under the lock: another process may just have decoded them.
        todo = {stem: folder for stem, folder in wanted.items() if not folder.is_dir()}
        with processes(jobs or cores(), "decoding") as pool:
            tasks = {pool.submit(decode_track, stem, folder): stem for stem, folder in todo.items()}
            bar = tqdm(
                as_completed(tasks),
                total=len(tasks),
                desc="decoding",
                unit="track",
                disable=not progress,
            )
            for task in bar:
                try:
                    clipped[tasks[task]] = task.result()
                except UserError as error:
                    failed.append(f"{error.field}: {error.found}")
    _tell(clipped, say)
    if failed:
        raise UserError(
            root,
            f"{len(failed)} of {len(wanted)} tracks that failed: {'; '.join(failed)}",
            "tracks that can be decoded and written",
        )
    return len(todo)


def prepared_folders(root: Path, output: Path) -> dict[Path, Path]:
    """The folder of each .stem.mp4 that `prepare` decodes."""
    return {
        stem: output / split / stem.name.removesuffix(STEM_SUFFIX)
        for split in ("train", "test")
        for stem in sorted((root / split).glob(f"*{STEM_SUFFIX}"))
    }


def _tell(clipped: dict[Path, Clipped], say: Callable[[str], None]) -> None:
    over = {stem: found for stem, found in clipped.items() if found.samples}
    if over:
        highest = max(over, key=lambda stem: over[stem].peak)
        say(
            f"warning: {sum(found.samples for found in over.values())} samples of {len(over)} "
            "tracks lie beyond full scale and are clipped to 16 bits; the highest peak is "
            f"{over[highest].peak:.2f}, in {highest}"
        )


def decode_track(stem: Path, folder: Path) -> Clipped:
    """Decodes one .stem.mp4 to a folder of 16-bit WAV files, which appears when it is whole.

    Args:
        stem: the .stem.mp4 file.
        folder: the folder to make.

    Returns:
        What was clipped.

    Raises:
        UserError: if the stem cannot be decoded or the folder cannot be written.
    """
    try:
        with appearing(folder) as partial, contextlib.ExitStack() as stack:
            writers: dict[str, soundfile.SoundFile] = {}
            partial.mkdir()
            clipped = Clipped()
            for name, rate, block in stem_blocks(stem):
                if name not in writers:
                    path = partial / f"{name}.wav"
                    file = sound_file(path, rate, block.shape[1], subtype="PCM_16")
                    writers[name] = stack.enter_context(file)
                clipped = clipped.with_block(block)
                writers[name].write(to_int16(block))
    except (soundfile.LibsndfileError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(folder, reason, "a folder to write to") from error
    return clipped


def stem_blocks(stem: Path) -> Iterator[tuple[str, int, np.ndarray]]:
    """Decodes all streams of a .stem.mp4 in one pass.

    Args:
        stem: the .stem.mp4 file.

    Yields:
        Name of the stem, sample rate in Hz, and float32 `[samples, channels]`. Blocks of the
        stems come in turn.

    Raises:
        UserError: if the file is damaged or does not hold MUSDB18's streams.
    """
    ids = stem_ids()
    try:
        with opened(stem) as container:
            streams = container.streams.audio
            if len(streams) != len(ids):
                raise UserError(stem, f"{len(streams)} audio streams", str(len(ids)))
            names = {streams[number].index: name for name, number in ids.items()}
            # Lossless codecs decode to integers, and some to one plane for all channels.
            to_float = {index: av.AudioResampler(format="fltp") for index in names}
            for packet in container.demux(streams):
                index = packet.stream.index
                for frame in packet.decode():
                    for block in to_float[index].resample(frame):
                        yield names[index], frame.sample_rate, block.to_ndarray().T
    except (av.FFmpegError, OSError) as error:
        raise UserError(
            stem, error.strerror or str(error), f"a whole {STEM_SUFFIX} file"
        ) from error


def to_int16(waveform: np.ndarray) -> np.ndarray:
    """Floats of −1 to 1 as 16-bit samples, rounded and clipped.

    Args:
        waveform: float, of any shape.

    Example:
        >>> to_int16(np.array([-1.0, 0.5, 1.0]))
        array([-32768,  16384,  32767], dtype=int16)
    """
    return np.clip(np.round(waveform * 2.0**15), -(2**15), 2**15 - 1).astype(np.int16)
