"""Audio files through a `Client`: decoded, separated and written in blocks.

Files are read and written as `python -m trainer separate` does it.
"""

from pathlib import Path

from tqdm import tqdm

from mss_keras.config import AudioConfig
from mss_keras.data.decoding import Song
from mss_keras.data.encoding import stem_files
from serving.client.remote import Client


def separate_song(
    client: Client, path: Path, target: Path, *, downmix: bool = False, progress: bool = False
) -> list[str]:
    """Separates an audio file into `TARGET/STEM.wav`, in 32-bit floats at the model's rate.

    Args:
        client: Client. The separator.
        path: Path. The song, of any format that FFmpeg's libraries decode.
        target: Path. Folder of the stems, which take their names when all are complete. Other
            files in it are left alone.
        downmix: bool. Whether more than two channels are mixed down. Defaults to `False`.
        progress: bool. Whether to show a bar. Defaults to `False`.

    Returns:
        A line that says what was written, and a line for each warning.

    Raises:
        ServingError: see `Client.separate`.
        UserError: if the file cannot be read, or the stems cannot be written.
    """
    rate, channels = client.interface.sample_rate, client.interface.channels
    song = Song(path, AudioConfig(sample_rate=rate, nb_channels=channels), downmix=downmix)
    with (
        stem_files(
            target,
            client.stems,
            format="wav",
            bits="float",
            rate=rate,
            channels=channels,
            seconds=song.seconds,
        ) as writer,
        tqdm(
            total=song.seconds and round(song.seconds),
            desc=path.name,
            unit="s",
            disable=not progress,
        ) as bar,
    ):
        written = 0
        for block in client.blocks(song.blocks(), song=path):
            writer.write(dict(zip(client.stems, block, strict=True)))
            written += block.shape[1]
            bar.update(round(written / rate) - bar.n)
    return [f"{path}: {', '.join(client.stems)} in {target}", *song.warnings]
