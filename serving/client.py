"""Separates songs by a server: `python -m serving.client song.wav --url grpc://HOST:8500`.

Needs numpy, grpcio, protobuf, soundfile and tqdm, and no TensorFlow.
"""

import argparse
import json
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from tqdm import tqdm

from mss_keras.config import UserError
from mss_keras.jobs.files import appearing
from serving import pieces
from serving.pcm import from_wav, to_wav
from serving.pieces import Piece
from serving.transport import Grpc, ServingError, Values, connect, retried

Reader = Callable[[int, int], np.ndarray]


class Client:
    """A separator that is served.

    Args:
        url: `grpc://HOST:PORT`, or `http://HOST:PORT` for REST, which is slower and of 16 bits.
        model: name of the served model. Defaults to `"open_unmix"`.
        version: its number. Defaults to the server's choice, the highest.
        label: label of a version, instead of its number. Defaults to none.
        jobs: requests at a time. Defaults to `2`.
        seconds: of a song in each request, about; see `pieces.plan`. Defaults to `180`.
        deadline: seconds for a request with all its repetitions. Defaults to `600`.
        say: told of attempts that failed. Defaults to nobody.

    Raises:
        UserError: for another URL, or a version and a label.
        ServingError: if the server has no such model.
    """

    def __init__(
        self,
        url: str,
        model: str = "open_unmix",
        *,
        version: int | None = None,
        label: str | None = None,
        jobs: int = 2,
        seconds: float = 180.0,
        deadline: float = 600.0,
        say: Callable[[str], None] = lambda line: None,
    ):
        for name, value in {"jobs": jobs, "seconds": seconds, "deadline": deadline}.items():
            if not value > 0:
                raise UserError(f"--{name}: found {value}, wanted a number above 0")
        if version is not None and label is not None:
            raise UserError(f"--label: found {label} and --version {version}, wanted one of them")
        spec = {"name": model, "version": version, "version_label": label}
        spec = {key: value for key, value in spec.items() if value is not None}
        self._jobs, self._seconds, self._deadline, self._say = jobs, seconds, deadline, say
        self._transport = connect(url, spec)
        (answer,) = self._predict("describe", {"question": [b""]}).values()
        self.interface: dict[str, Any] = json.loads(answer[0])
        offered = self.interface["signatures"]
        waveforms = isinstance(self._transport, Grpc) and "serving_default" in offered
        if not waveforms and "separate_wav" not in offered:
            raise UserError(
                f"--url: {url}: found {offered}, wanted serving_default or separate_wav"
            )
        self._ask = self._ask_waveform if waveforms else self._ask_wav

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of the stems."""
        return tuple(self.interface["stems"])

    def separate(self, waveform: np.ndarray) -> dict[str, np.ndarray]:
        """Separates a waveform of any length.

        Args:
            waveform: float `[samples, channels]` at the model's sample rate, −1 to 1.

        Returns:
            A waveform of the same shape for each stem, by name.

        Raises:
            ServingError: if the server refuses it, or is away too long.
        """
        waveform = np.asarray(waveform, np.float32)
        blocks = list(self.blocks(lambda begin, end: waveform[begin:end], len(waveform)))
        return dict(zip(self.stems, np.concatenate(blocks, axis=1), strict=True))

    def blocks(self, read: Reader, samples: int) -> Iterator[np.ndarray]:
        """Separates a song piece by piece, several at a time.

        Args:
            read: called as `read(begin, end)`; gives float32 `[samples, channels]`.
            samples: of the song.

        Yields:
            Stems `[sources, samples, channels]`, in all as many samples as the song has.

        Raises:
            ServingError: as `separate`.
            UserError: as `pieces.plan`.
        """
        plan = pieces.plan(samples, self.interface, self._seconds)
        yield from pieces.join(plan, self._answers(plan, read))

    def separate_file(self, path: Path, folder: Path, *, progress: bool = False) -> list[Path]:
        """Separates an audio file into `FOLDER/SONG/STEM.wav`, in 32-bit floats.

        Args:
            path: WAV, FLAC, OGG or MP3, at the model's sample rate; mono will do for any model.
            folder: gets a folder of the song's name, when it is whole.
            progress: whether to show a bar. Defaults to `False`.

        Returns:
            The stems' files.

        Raises:
            ServingError: as `separate`.
            UserError: if the file cannot be read, or is of another rate or other channels.
        """
        rate, channels = self.interface["sample_rate"], self.interface["channels"]
        try:
            song = soundfile.SoundFile(path)
        except (soundfile.LibsndfileError, OSError) as error:
            raise UserError(f"{path}: {error}, wanted a WAV, FLAC, OGG or MP3 file") from None
        with song, appearing(folder / path.stem) as partial, ExitStack() as stack:
            if song.samplerate != rate:
                raise UserError(f"{path}: found {song.samplerate} Hz, wanted {rate} Hz")
            if song.channels not in (1, channels):
                raise UserError(f"{path}: found {song.channels} channels, wanted {channels}")
            partial.mkdir()
            files = [
                stack.enter_context(
                    soundfile.SoundFile(partial / f"{name}.wav", "w", rate, channels, "FLOAT")
                )
                for name in self.stems
            ]

            def read(begin: int, end: int) -> np.ndarray:
                song.seek(begin)
                heard = song.read(end - begin, np.float32, always_2d=True)
                return np.repeat(heard, channels, axis=1) if song.channels < channels else heard

            bar = tqdm(
                total=round(song.frames / rate, 1), desc=path.name, unit="s", disable=not progress
            )
            with bar:
                for block in self.blocks(read, song.frames):
                    for file, stem in zip(files, block, strict=True):
                        file.write(stem)
                    bar.update(round(block.shape[1] / rate, 1))
        return [folder / path.stem / f"{name}.wav" for name in self.stems]

    def close(self) -> None:
        """Lets go of the connection."""
        self._transport.close()

    def _answers(self, plan: Sequence[Piece], read: Reader) -> Iterator[np.ndarray]:
        # In order, `jobs` requests at a time and no further answers than that in memory.
        waiting: deque[Future] = deque()
        pool = ThreadPoolExecutor(self._jobs)
        try:
            for piece in plan:
                if len(waiting) == self._jobs:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(self._ask, read(piece.begin, piece.end)))
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _ask_waveform(self, waveform: np.ndarray) -> np.ndarray:
        outputs = self._predict("serving_default", {"waveform": waveform[np.newaxis]})
        return np.concatenate([outputs[name] for name in self.stems])

    def _ask_wav(self, waveform: np.ndarray) -> np.ndarray:
        rate = self.interface["sample_rate"]
        outputs = self._predict("separate_wav", {"wav_bytes": [to_wav(waveform, rate)]})
        # The one stem of a model that has no more comes without its name over REST.
        files = [outputs.get(f"{name}_bytes") or outputs[""] for name in self.stems]
        return np.stack([from_wav(file[0]) for file in files])

    def _predict(self, signature: str, inputs: Values) -> Values:
        return retried(
            lambda seconds: self._transport.predict(signature, inputs, seconds),
            self._deadline,
            self._say,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: Defaults to those of the process.

    Returns:
        The exit code: 0 done, 1 the server refused or is away, 2 wrong input.
    """
    parser = argparse.ArgumentParser(
        prog="python -m serving.client", description="Separate songs by a server."
    )
    parser.add_argument("songs", nargs="+", type=Path, help="WAV, FLAC, OGG or MP3 files")
    parser.add_argument(
        "--url", required=True, help="grpc://HOST:PORT, or http://HOST:PORT for REST in 16 bits"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("separated"), help="Folder; gets SONG/STEM.wav"
    )
    parser.add_argument("--model", default="open_unmix", help="Name of the served model")
    parser.add_argument("--version", type=int, help="Its version; the highest if not given")
    parser.add_argument("--label", help="Label of a version, instead of its number")
    parser.add_argument("--jobs", type=int, default=2, help="Requests at a time (default 2)")
    parser.add_argument(
        "--seconds", type=float, default=180.0, help="Of a song in each request, about (180)"
    )
    parser.add_argument(
        "--deadline", type=float, default=600.0, help="Seconds for a request, repeated or not (600)"
    )
    options = vars(parser.parse_args(arguments))
    songs, url, output = (options.pop(name) for name in ("songs", "url", "output"))
    failed = 0
    try:
        with closing(Client(url, **options, say=_warn)) as client:
            for song in songs:
                try:
                    made = client.separate_file(song, output, progress=sys.stderr.isatty())
                except (UserError, ServingError, OSError) as error:
                    failed = max(failed, _told(error))
                else:
                    names = ", ".join(path.stem for path in made)
                    print(f"{song}: {names} in {made[0].parent}", flush=True)
    except (UserError, ServingError) as error:
        return _told(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return failed


def _told(error: Exception) -> int:
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return 1 if isinstance(error, ServingError) else 2


_LOCK = threading.Lock()


def _warn(line: str) -> None:
    with _LOCK:  # several requests may fail at a time
        tqdm.write(f"warning: {line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
