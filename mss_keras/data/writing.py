"""Sound files whose every byte is known to be written."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import soundfile

from mss_keras.jobs.interrupt import interruptible


@contextlib.contextmanager
def sound_file(
    path: Path, rate: int, channels: int, *, subtype: str, format: str = "WAV"
) -> Iterator[soundfile.SoundFile]:
    """Opens a sound file to write, and tells what the system says where it cannot be written.

    libsndfile says `System error.` of every failure but one: FLAC's encoder writes its last
    blocks when the file is closed, where a full disk goes unnoticed.

    Args:
        path: Path. The file.
        rate: int. Sample rate, Hz.
        channels: int. Number of channels.
        subtype: str. Kind of samples, as libsndfile names them, such as `PCM_16`.
        format: str. As libsndfile names formats. Defaults to `WAV`.

    Yields:
        The open file.

    Raises:
        OSError: if the file cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "song.wav"
        >>> with sound_file(path, 8000, 1, subtype="PCM_16") as file:
        ...     file.write([0.0, 0.5])
        >>> soundfile.info(path).frames
        2
    """
    with _Watched(path) as watched, contextlib.ExitStack() as stack:
        stack.callback(watched.check)  # when the file is closed, whatever libsndfile says
        with _held():
            options = {"samplerate": rate, "channels": channels}
            file = _Held(watched, "w", subtype=subtype, format=format, **options)
            stack.enter_context(file)
        yield file


@contextlib.contextmanager
def _held() -> Iterator[None]:
    # libsndfile calls Python back, where the exception of a Ctrl-C would get lost.
    with interruptible() as interrupt:
        yield
    if interrupt.pressed:
        signal.raise_signal(signal.SIGINT)


class _Held(soundfile.SoundFile):
    # Heeds Ctrl-C between calls of libsndfile.
    def write(self, data):
        with _held():
            super().write(data)

    def close(self):
        if not self.closed:  # as it is when Python ends, without signals
            with _held():
                super().close()


class _Watched:
    # A file that remembers why it could not be written: an exception that arises in libsndfile's
    # call of `write` gets lost.
    def __init__(self, path: Path):
        self._file = path.open("wb+", buffering=0)
        self.error: OSError | None = None
        self.read, self.seek, self.tell = self._file.read, self._file.seek, self._file.tell

    def __enter__(self) -> "_Watched":
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()

    def check(self) -> None:
        if self.error is not None:
            raise self.error

    def write(self, data: bytes) -> int:
        written = 0
        try:
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError as error:
            self.error = self.error or error
        return written
