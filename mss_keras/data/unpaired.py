"""Unpaired music for adversarial training: mixtures X̂, and recordings Ŷ of sources not in them.

--unpaired-root DIR          songs without stems, at any depth
--unpaired-sources DIR/      recordings without mixtures
    SOURCE/                  a folder a source, recordings at any depth

What is no WAV file at the sample rate wanted is decoded to DIR-wav, once. What is not
given is made of the data set's own tracks, so that in no batch an Ŷ is a source of an X̂:
for every batch the tracks are divided at random, and X̂ is drawn from one half and Ŷ from
the other. A single track is divided in time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile
import tensorflow as tf
from tqdm import tqdm

from mss_keras.config import AdversarialConfig, AudioConfig, DataConfig, UserError
from mss_keras.data.decoding import Song
from mss_keras.data.listing import find_songs
from mss_keras.data.readers import reader
from mss_keras.data.stems import to_int16
from mss_keras.data.tracks import AudioFile, Track
from mss_keras.jobs.files import appearing

_SALTS = {"mixture": 1, "sources": 2, "division": 3}


@dataclass(frozen=True)
class Unpaired:
    """Where unpaired music comes from; None for the data set's own tracks.

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
        settings: folders.
        data: sources.
        audio: sample rate and channels wanted.
        say: called with a line if something is to be decoded.
        progress: whether a bar is shown.

    Raises:
        UserError: if a folder is missing or has no music, or a file cannot be read.
    """

    def files(flag: str, folder: str) -> tuple[AudioFile, ...]:
        return _as_wav(flag, folder, audio, say=say, progress=progress)

    songs = recordings = None
    if settings.unpaired_root is not None:
        songs = files("--unpaired-root", settings.unpaired_root)
    if settings.unpaired_sources is not None:
        folders = [str(Path(settings.unpaired_sources) / source) for source in data.sources]
        recordings = tuple(files("--unpaired-sources", folder) for folder in folders)
    return Unpaired(songs, recordings)


def _as_wav(
    flag: str, folder: str, audio: AudioConfig, *, say: Callable[[str], None], progress: bool
) -> tuple[AudioFile, ...]:
    if not Path(folder).is_dir():
        raise UserError(f"{flag}: {folder} found no such folder, wanted one of audio files")
    decoded = Path(f"{folder.rstrip('/')}-wav")
    todo, files = {}, []
    for song in find_songs([folder]):
        wav = decoded / song.relative_to(folder).with_name(f"{song.name}.wav")
        if not _is_plain(song, audio):
            if not wav.exists():
                todo[song] = wav
            song = wav
        files.append(song)
    if todo:
        say(f"decoding {len(todo)} files of {folder} to WAV in {decoded}, once")
    for song, wav in tqdm(todo.items(), desc="decoding", unit="file", disable=not progress):
        source = Song(song, audio)
        with (
            appearing(wav) as partial,
            soundfile.SoundFile(
                partial, "w", audio.sample_rate, audio.nb_channels, "PCM_16"
            ) as file,
        ):
            for block in source.blocks():
                file.write(to_int16(block))
    return tuple(AudioFile.read_header(path) for path in files)


def _is_plain(path: Path, audio: AudioConfig) -> bool:
    try:
        file = AudioFile.read_header(path)
    except UserError:
        return False
    return file.sample_rate == audio.sample_rate and file.channels <= 2


def draw_unpaired(seed: int, index: Any, tracks: int, sources: int, batch_size: int) -> dict:
    """All that is random about the unpaired half of an example.

    Args:
        seed: of the run.
        index: of the example, int64 scalar.
        tracks: number of tracks of the data set, which are divided.
        sources: number of sources.
        batch_size: examples that share a division.

    Returns:
        For `mixture` and `sources` each: `track` int64 `[sources]`, of the data set; `choice`
        (0 to 1, which of other files), `position` (0 to 1, where in it), `gain` and
        `swap`, `[sources]` each; `part`, the share of the track, `[2]`.
    """
    index = tf.cast(index, tf.int64)
    together = _key(seed, index // batch_size, "division")
    order = tf.cast(tf.argsort(tf.random.stateless_uniform([tracks], together)), tf.int64)
    first = tf.random.stateless_uniform([], together) < 0.5  # of a single track
    half = tracks // 2
    sides = {
        "mixture": (order[:half], tf.where(first, [0.0, 0.5], [0.5, 1.0])),
        "sources": (order[half:], tf.where(first, [0.5, 1.0], [0.0, 0.5])),
    }
    drawn = {}
    for kind, (side, part) in sides.items():
        if tracks == 1:
            side = order
        keys = tf.unstack(tf.random.split(_key(seed, index, kind), 5), 5)
        chosen = tf.random.stateless_uniform([sources], keys[0], 0, tf.size(side), tf.int32)
        uniform = tf.random.stateless_uniform
        drawn[kind] = {
            "track": tf.gather(side, chosen),
            "choice": uniform([sources], keys[1], dtype=tf.float64),
            "position": uniform([sources], keys[2], dtype=tf.float64),
            "gain": uniform([sources], keys[3], 0.25, 1.25),
            "swap": uniform([sources], keys[4]) < 0.5,
            "part": tf.cast(part if tracks == 1 else [0.0, 1.0], tf.float64),
        }
    return drawn


def _key(seed: int, index: tf.Tensor, kind: str) -> tf.Tensor:
    return tf.random.fold_in(tf.stack([tf.constant(seed, tf.int64), index]), _SALTS[kind])


class UnpairedReader:
    """Stage 2 for unpaired music: what was drawn → excerpts.

    Args:
        tracks: of the data set.
        unpaired: files from elsewhere.
        data: sources, whether files are kept in memory.
        audio: channels.
        samples: length of an excerpt.
        read: reader of the tracks' sources.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        unpaired: Unpaired,
        data: DataConfig,
        audio: AudioConfig,
        *,
        samples: int,
        read: Callable,
    ):
        self.samples = samples
        self.sources = len(data.sources)
        self._read_track = read
        self._lengths = _lengths([track.sources for track in tracks])

        def other(files: Sequence[AudioFile]) -> tuple[Callable, tf.Tensor]:
            each = [[file] for file in files]
            return reader(each, audio, samples, in_memory=data.in_memory), _lengths(each)

        self._songs = other(unpaired.songs) if unpaired.songs else None
        self._recordings = unpaired.recordings and [other(x) for x in unpaired.recordings]

    def mixture(self, drawn: dict) -> tf.Tensor:
        """X̂ as excerpts to be added up, `[1 or sources, samples, channels]`."""
        if self._songs:
            return self._other(self._songs, drawn, 0)[tf.newaxis]
        return tf.stack([self._own(drawn, source) for source in range(self.sources)])

    def recordings(self, drawn: dict) -> tf.Tensor:
        """Ŷ, `[sources, samples, channels]`."""
        if self._recordings:
            parts = [self._other(x, drawn, source) for source, x in enumerate(self._recordings)]
        else:
            parts = [self._own(drawn, source) for source in range(self.sources)]
        return tf.stack(parts)

    def _own(self, drawn: dict, source: int) -> tf.Tensor:
        track = drawn["track"][source]
        length = tf.cast(self._lengths[track, source], tf.float64)
        begin, end = tf.unstack(tf.cast(drawn["part"] * length, tf.int64))
        places = tf.maximum(end - begin - self.samples, 0) + 1
        offset = begin + _floor(drawn["position"][source], places)
        excerpt = self._read_track(track, source, offset)
        # Beyond the end of its part lies what the others may hear.
        inside = tf.range(self.samples, dtype=tf.int64) < end - offset
        return tf.where(inside[:, tf.newaxis], excerpt, 0.0)

    def _other(self, files: tuple[Callable, tf.Tensor], drawn: dict, source: int) -> tf.Tensor:
        read, lengths = files
        number = _floor(drawn["choice"][source], tf.shape(lengths, tf.int64)[0])
        places = tf.maximum(lengths[number, 0] - self.samples, 0) + 1
        return read(number, 0, _floor(drawn["position"][source], places))


def _lengths(files: Sequence[Sequence[AudioFile]]) -> tf.Tensor:
    return tf.constant([[file.frames for file in each] for each in files], tf.int64)


def _floor(share: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    return tf.cast(share * tf.cast(count, tf.float64), tf.int64)
