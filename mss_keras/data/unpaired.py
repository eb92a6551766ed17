"""Unpaired music for adversarial training: mixtures X̂, and recordings Ŷ of sources not in them.

--unpaired-root DIR          songs without stems, at any depth
--unpaired-sources DIR/      recordings without mixtures
    SOURCE/                  a folder for each source, with recordings at any depth

Files that are no WAV files at the sample rate wanted are decoded to DIR-wav, once. Their names
there tell rate, channels, and size and time of the file that was decoded: another is decoded anew.
Where a folder is not given, the data set's own tracks take its place, see unpaired_examples.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import soundfile
from tqdm import tqdm

from mss_keras.config import AdversarialConfig, AudioConfig, DataConfig, UserError
from mss_keras.data.decoding import Song
from mss_keras.data.headers import AudioFile
from mss_keras.data.listing import find_songs
from mss_keras.data.stems import Clipped, to_int16
from mss_keras.data.tracks import beside
from mss_keras.data.writing import sound_file
from mss_keras.jobs.files import appearing


@dataclass(frozen=True)
class Unpaired:
    """Files of unpaired music; None stands for the data set's own tracks.

    Args:
        songs: files of mixtures.
        recordings: files of each source, in the order of `DataConfig.sources`.
    """

    songs: tuple[AudioFile, ...] | None = None
    recordings: tuple[tuple[AudioFile, ...], ...] | None = None


def open_unpaired(
    settings: AdversarialConfig,
    data: DataConfig,
    audio: AudioConfig,
    *,
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> Unpaired:
    """Finds unpaired music and decodes what is no WAV file of the sample rate.

    Args:
        settings: folders of the music.
        data: names of the sources.
        audio: sample rate and channels wanted.
        say: called with a line if files are to be decoded, and with one if peaks are clipped.
            Defaults to silence.
        progress: whether a bar is shown. Defaults to `False`.

    Raises:
        UserError: if a folder is missing or has no music, or a file cannot be read.
    """

    def files(field: str, folder: str) -> tuple[AudioFile, ...]:
        if not Path(folder).is_dir():
            raise UserError(field, f"no such folder {folder}", "a folder of audio files")
        return _as_wav(folder, audio, say=say, progress=progress)

    songs = recordings = None
    if settings.unpaired_root is not None:
        songs = files("unpaired_root", settings.unpaired_root)
    if settings.unpaired_sources is not None:
        folders = [str(Path(settings.unpaired_sources) / source) for source in data.sources]
        recordings = tuple(files("unpaired_sources", folder) for folder in folders)
    return Unpaired(songs, recordings)


def _as_wav(
    folder: str, audio: AudioConfig, *, say: Callable[[str], None], progress: bool
) -> tuple[AudioFile, ...]:
    decoded = beside(folder)
    todo, files = {}, []
    for song in find_songs([folder]):
        wav = decoded / song.relative_to(folder).with_name(_decoded_name(song, audio))
        if not _is_plain(song, audio):
            if not wav.exists():
                todo[song] = wav
            song = wav
        files.append(song)
    if todo:
        say(f"decoding {len(todo)} files of {folder} to WAV in {decoded}, once")
    clipped = Clipped()
    for song, wav in tqdm(todo.items(), desc="decoding", unit="file", disable=not progress):
        clipped = _decode(Song(song, audio), wav, clipped)
    if clipped.samples:
        say(
            f"warning: {clipped.samples} samples of {folder} lie beyond full scale and are clipped "
            f"to 16 bits; the highest peak is {clipped.peak:.2f}"
        )
    return tuple(AudioFile.read_header(path) for path in files)


def _decode(song: Song, wav: Path, clipped: Clipped) -> Clipped:
    rate, channels = song.audio.sample_rate, song.audio.nb_channels
    try:
        with (
            appearing(wav) as partial,
            sound_file(partial, rate, channels, subtype="PCM_16") as file,
        ):
            for block in song.blocks():
                clipped = clipped.with_block(block)
                file.write(to_int16(block))
    except (soundfile.LibsndfileError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(wav, reason, "a file to write") from error
    return clipped


def _decoded_name(song: Path, audio: AudioConfig) -> str:
    found = song.stat()
    wanted = f"{audio.sample_rate}-{audio.nb_channels}"
    return f"{song.name}.{wanted}-{found.st_size}-{found.st_mtime_ns}.wav"


def _is_plain(path: Path, audio: AudioConfig) -> bool:
    try:
        file = AudioFile.read_header(path)
    except UserError:
        return False
    return file.sample_rate == audio.sample_rate and file.channels <= 2
