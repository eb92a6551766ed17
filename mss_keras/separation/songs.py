"""Whole songs through a trained separator: decode, separate and write in blocks."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mss_keras.config import SeparationConfig, SongConfig, UserError
from mss_keras.data.decoding import Song, damages
from mss_keras.data.encoding import require_format, stem_files
from mss_keras.data.tracks import STEM_SUFFIX
from mss_keras.jobs.interrupt import interruptible
from mss_keras.models.model import SeparationModel
from mss_keras.models.streaming import Streaming
from mss_keras.separation.parts import Mixture, Part, Source


def separate_songs(
    model: SeparationModel,
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
        except Exception as error:  # no file, however odd, keeps the others from being separated
            failed += 1
            lines = [f"failed: {path}: {type(error).__name__}: {error}"]
        for line in lines:
            say(line)
    return failed


def separate_song(
    model: SeparationModel,
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
        >>> model = SeparationModel(("alto", "bass"), audio, ModelConfig(hidden_size=4))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path, target = Path(folder, "song.wav"), Path(folder, "stems")
        ...     soundfile.write(path, np.zeros(800), samplerate=8000)
        ...     lines = separate_song(model, path, target)
        ...     print(sorted(stem.name for stem in target.iterdir()))
        ['alto.wav', 'bass.wav']
    """
    streaming = model.streaming(options)
    sums = _sums(streaming.names, files)
    wanted = Song(
        path, model.audio, start=files.start, duration=files.duration, downmix=files.downmix
    )
    if files.start and wanted.seconds == 0:
        raise _empty(wanted)
    rate = wanted.rate if files.original_rate else model.audio.sample_rate
    with_mixture = files.format == "stem.mp4"
    began = time.perf_counter()
    if with_mixture:
        sums["mixture"] = [len(streaming.names)]
    song = Source(path, model.audio, downmix=files.downmix)
    with (
        stem_files(
            target,
            list(sums),
            format=files.format,
            bits=files.bits,
            rate=rate,
            channels=model.audio.nb_channels,
            seconds=wanted.seconds,
        ) as writer,
        tqdm(
            total=wanted.seconds and round(wanted.seconds),
            desc=path.name,
            unit="s",
            disable=None if progress else True,
            leave=False,
        ) as bar,
        interruptible() as interrupt,
    ):
        written = 0
        blocks = _blocks(streaming, song, files, rate=rate, residual=options.residual is not None)
        for block in blocks:
            interrupt.check()
            writer.write({name: block[:, summands].sum(axis=1) for name, summands in sums.items()})
            written += len(block)
            bar.update(round(written / rate) - bar.n)
        if not written:
            raise _empty(wanted)
    where = f"{target}{STEM_SUFFIX}" if with_mixture else target
    warnings = damages(song.damaged, seconds=written / rate, expected=wanted.seconds)
    if writer.clipped:
        warnings.append(f"{writer.clipped} samples were clipped; files of 32-bit floats are not")
    factor = (time.perf_counter() - began) / (written / rate)
    return [
        f"{path}: {', '.join(sums)} in {where}; {written / rate:.1f} s of music, "
        f"real-time factor {factor:.2f}",
        *(f"warning: {path}: {warning}" for warning in warnings),
    ]


def _blocks(
    streaming: Streaming, song: Source, files: SongConfig, *, rate: int, residual: bool
) -> Iterator[np.ndarray]:
    # [samples, sources, channels] of the part, at the rate of the output. The mixture follows the
    # stems where it is written; and a residual is what is missing to it.
    separated, own = song.audio.sample_rate, files.format == "stem.mp4"
    part = Part(files, separated=separated, written=rate)
    heard = song.blocks(streaming.origin(part.begin))
    stems = streaming.stream(heard, begin=part.begin, end=part.end)
    flat = (block.reshape(len(block), -1) for block in stems if len(block))
    closes = residual and rate != separated  # which resampling by itself would not
    mixture = Mixture(song, rate, part.start) if own or closes else None
    for block in part.cut(flat, length=lambda: song.samples):
        found = block.reshape(len(block), len(streaming.names), -1)
        if mixture is not None:
            whole = mixture.next(len(found))[:, np.newaxis]
            if closes:
                rest = whole - found[:, :-1].sum(axis=1, keepdims=True)
                found = np.concatenate([found[:, :-1], rest], axis=1)
            if own:
                found = np.concatenate([found, whole], axis=1)
        yield found


def _empty(song: Song) -> UserError:
    if not song.start:
        return UserError(song.path, "no samples", "an audio file")
    length = "fewer seconds" if song.whole_seconds is None else f"{song.whole_seconds:.1f} s"
    return UserError(song.path, length, f"more than `start`, {song.start:g} s")


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
