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
from mss_keras.models.streaming import Streaming


def separate_songs(
    model: MaskingModel,
    songs: Mapping[Path, Path],
    output: Path,
    *,
    options: SeparationConfig = SeparationConfig(),
    files: SongConfig = SongConfig(),
    say: Callable[[str], None] = lambda line: None,
) -> int:
    """Separates songs, one after the other; a song that fails does not stop the others.

    Args:
        model: the separator.
        songs: for each file, the path of its stems within `output`, without a suffix.
        output: folder of all stems.
        options: what to separate and how.
        files: which part of a song to read and which files to write.
        say: called with a line about each song.

    Returns:
        Number of songs that failed.

    Raises:
        UserError: for what is wrong whatever the song: options that do not go with the
            model, or an output folder that cannot be written.
    """
    sums = _sums(model.streaming(options).names, files)
    require_format(files.format, files.bits, list(sums))
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError("output", f"{output}: {error.strerror}", "a folder to write to") from None
    failed = 0
    for path, target in songs.items():
        try:
            lines = separate_song(model, path, output / target, options=options, files=files)
        except UserError as error:
            failed += 1
            lines = [f"failed: {error.quoted}"]
        for line in lines:
            say(line)
    return failed


def separate_song(
    model: MaskingModel,
    path: Path,
    target: Path,
    *,
    options: SeparationConfig = SeparationConfig(),
    files: SongConfig = SongConfig(),
    progress: bool = True,
) -> list[str]:
    """Separates one song in bounded memory.

    Args:
        model: the separator.
        path: the song.
        target: folder of the stems, or path of the .stem.mp4 without its suffix.
        options: what to separate and how.
        files: which part of the song to read and which files to write.
        progress: whether a bar is shown, on a terminal.

    Returns:
        A line that says what was written, and a line for each warning.

    Raises:
        UserError: if the song cannot be read or the stems cannot be written.

    Example:
        >>> import tempfile, soundfile
        >>> from mss_keras.config import AudioConfig, ModelConfig
        >>> audio = AudioConfig(sample_rate=8000, nb_channels=1, nfft=256, nhop=64)
        >>> network = ModelConfig(hidden_size=4, bandwidth=4000)
        >>> model = MaskingModel(("alto", "bass"), audio, network)
        >>> model.build()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path, target = Path(folder, "song.wav"), Path(folder, "stems")
        ...     soundfile.write(path, np.zeros(800), samplerate=8000)
        ...     lines = separate_song(model, path, target)
        ...     print(sorted(stem.name for stem in target.iterdir()))
        ['alto.wav', 'bass.wav']
    """
    streaming = model.streaming(options)
    sums = _sums(streaming.names, files)
    song = Song(
        path, model.audio, start=files.start, duration=files.duration, downmix=files.downmix
    )
    rate = song.rate if files.original_rate else model.audio.sample_rate
    with_mixture = files.format == "stem.mp4"
    if with_mixture:
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
        for block in _blocks(streaming, song, rate, with_mixture=with_mixture):
            interrupt.check()
            writer.write({name: block[:, summands].sum(axis=1) for name, summands in sums.items()})
            written += len(block)
            bar.update(round(written / rate) - bar.n)
    where = f"{target}{STEM_SUFFIX}" if with_mixture else target
    return [f"{path}: {', '.join(sums)} in {where}", *_warnings(song, writer.clipped)]


def _blocks(
    streaming: Streaming, song: Song, rate: int, *, with_mixture: bool
) -> Iterator[np.ndarray]:
    # [samples, sources, channels] at the rate of the output; the mixture is the last source.
    if with_mixture:
        heard: list[np.ndarray] = []
        stems = streaming.stream(_remembered(song.blocks(), heard))
        blocks: Iterable[np.ndarray] = _with_mixture(stems, heard)
    else:
        blocks = streaming.stream(song.blocks())
    sources = len(streaming.names) + with_mixture
    flat = (block.reshape(len(block), -1) for block in blocks)
    length = (lambda: song.samples) if rate == song.rate else None
    for block in resampled(flat, song.audio.sample_rate, rate, length=length):
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
    # For each stem to write, which of the separated stems are added up.
    if not files.aggregate:
        return {name: [index] for index, name in enumerate(names)}
    for name, summands in files.aggregate.items():
        if not summands:
            raise UserError("aggregate", f"no stems for {name!r}", f"some of {', '.join(names)}")
        for summand in summands:
            if summand not in names:
                raise UserError.unknown("aggregate", summand, names)
    return {
        name: [names.index(summand) for summand in summands]
        for name, summands in files.aggregate.items()
    }


def _warnings(song: Song, clipped: int) -> list[str]:
    if not clipped:
        return song.warnings
    warning = f"{clipped} samples were clipped; files of 32-bit floats are not"
    return [*song.warnings, f"warning: {song.path}: {warning}"]
