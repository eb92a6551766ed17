"""Separates songs by a server: `python -m serving.client song.wav --url grpc://HOST:8500`.

It needs numpy, grpcio, protobuf, soundfile and tqdm, but no TensorFlow.
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

from mss_keras.config import UserError, flag_name, require
from mss_keras.jobs.files import appearing
from serving import pieces
from serving.pcm import from_wav, to_wav
from serving.pieces import Piece
from serving.transport import Grpc, ServingError, Values, connect, retried

Reader = Callable[[int, int], np.ndarray]


class Client:
    """A separator on a server.

    Args:
        url: str. `grpc://HOST:PORT`, or `http://HOST:PORT` for REST, which is slower and whose
            stems have 16 bits.
        model: str. Name of the served model. Defaults to `"open_unmix"`.
        version: int. Number of its version. Defaults to the highest one that is served.
        label: str. Label of a version, instead of its number. Defaults to none.
        jobs: int. How many requests are sent at a time. Defaults to `2`.
        seconds: float. About how much of a song each request holds; see `serving.pieces`.
            Defaults to `180`.
        deadline: float. Seconds for a request with all its repetitions. Defaults to `600`.
        say: Callable. Called with a line about every attempt that failed. Defaults to nothing.

    Attributes:
        interface: dict. What the model says of itself; see `Signatures.interface`.

    Raises:
        UserError: if the URL has another form, if both a version and a label are given, if a
            number is not above 0, or if the model separates no waveforms.
        ServingError: if the server has no model of that name, or is away too long.

    Example:
        >>> client = Client("grpc://localhost:8500")  # doctest: +SKIP
        >>> stems = client.separate(waveform)  # doctest: +SKIP
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
            require(value > 0, name, found=value, wanted="a number above 0")
        if version is not None and label is not None:
            raise UserError("label", f"{label!r} beside `version` {version}", "one of them")
        spec = {"name": model, "version": version, "version_label": label}
        spec = {key: value for key, value in spec.items() if value is not None}
        self._jobs, self._seconds, self._deadline, self._say = jobs, seconds, deadline, say
        self._transport = connect(url, spec)
        (answer,) = self._predict("describe", {"question": [b""]}).values()
        self.interface: dict[str, Any] = json.loads(answer[0])
        offered = self.interface["signatures"]
        waveforms = isinstance(self._transport, Grpc) and "serving_default" in offered
        if not waveforms and "separate_wav" not in offered:
            found = f"{model!r} with the signatures {', '.join(offered)}"
            raise UserError("model", found, "one with serving_default or separate_wav")
        self._ask = self._ask_waveform if waveforms else self._ask_wav

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of the stems."""
        return tuple(self.interface["stems"])

    def separate(self, waveform: np.ndarray) -> dict[str, np.ndarray]:
        """Separates a waveform of any length.

        Args:
            waveform: np.ndarray. Float `[samples, channels]` at the model's sample rate, −1 to 1.

        Returns:
            A waveform of the same shape for each stem, by name.

        Raises:
            ServingError: if the server refuses the waveform, or is away too long.
            UserError: if the model takes neither the song nor a piece of it.
        """
        waveform = np.asarray(waveform, np.float32)
        blocks = list(self.blocks(lambda begin, end: waveform[begin:end], len(waveform)))
        return dict(zip(self.stems, np.concatenate(blocks, axis=1), strict=True))

    def blocks(
        self, read: Reader, samples: int, *, song: str | Path = "waveform"
    ) -> Iterator[np.ndarray]:
        """Separates a song piece by piece, several pieces at a time.

        Args:
            read: Callable. Called with the first sample and one behind the last; returns float32
                `[samples, channels]`.
            samples: int. Length of the song.
            song: str or Path. The argument or file that an error names. Defaults to `"waveform"`.

        Yields:
            Stems `[sources, samples, channels]`, in all as many samples as the song has.

        Raises:
            ServingError: see `separate`.
            UserError: see `separate`.
        """
        plan = pieces.plan(samples, self.interface, self._seconds, song=song)
        yield from pieces.join(plan, self._answers(plan, read))

    def separate_file(self, path: Path, folder: Path, *, progress: bool = False) -> list[Path]:
        """Separates an audio file into `FOLDER/SONG/STEM.wav`, in 32-bit floats.

        Args:
            path: Path. WAV, FLAC, OGG or MP3 at the model's sample rate, with the model's
                channels or in mono.
            folder: Path. Gets a folder with the song's name, once all stems are complete.
            progress: bool. Whether to show a bar. Defaults to `False`.

        Returns:
            The files of the stems.

        Raises:
            ServingError: see `separate`.
            UserError: if the file cannot be read, or has another sample rate or other channels.
        """
        rate, channels = self.interface["sample_rate"], self.interface["channels"]
        try:
            song = soundfile.SoundFile(path)
        except (soundfile.LibsndfileError, OSError) as error:
            raise UserError(path, str(error), "a WAV, FLAC, OGG or MP3 file") from None
        with song, appearing(folder / path.stem) as partial, ExitStack() as stack:
            if song.samplerate != rate:
                raise UserError(path, f"{song.samplerate} Hz", f"{rate} Hz")
            if song.channels not in (1, channels):
                raise UserError(path, f"{song.channels} channels", f"{channels} or 1")
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
                for block in self.blocks(read, song.frames, song=path):
                    for file, stem in zip(files, block, strict=True):
                        file.write(stem)
                    bar.update(round(block.shape[1] / rate, 1))
        return [folder / path.stem / f"{name}.wav" for name in self.stems]

    def close(self) -> None:
        """Closes the connection."""
        self._transport.close()

    def _answers(self, plan: Sequence[Piece], read: Reader) -> Iterator[np.ndarray]:
        # In order; `jobs` requests at a time, and no more answers than that in memory.
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
        # REST leaves out the name of a single stem.
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
        arguments: sequence of str. Defaults to those of the process.

    Returns:
        The exit code: 0 if all songs are separated, 1 if the server refused a song or is away,
        2 if an argument or a file is wrong, 130 if the user interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="python -m serving.client", description="Separate songs by a server."
    )
    add = parser.add_argument
    add("songs", nargs="+", type=Path, help="WAV, FLAC, OGG or MP3 files")
    add("--url", required=True, help="grpc://HOST:PORT, or http://HOST:PORT for REST in 16 bits")
    output = Path("separated")
    add("--output", type=Path, default=output, help="Folder (separated); gets SONG/STEM.wav")
    add("--model", default="open_unmix", help="Name of the served model (open_unmix)")
    add("--version", type=int, help="Number of its version; the highest if not given")
    add("--label", help="Label of a version, instead of its number")
    add("--jobs", type=int, default=2, help="How many requests are sent at a time (2)")
    length = "About how many seconds of a song each request holds (180)"
    add("--seconds", type=float, default=180.0, help=length)
    deadline = "Seconds for a request with all its repetitions (600)"
    add("--deadline", type=float, default=600.0, help=deadline)
    options = vars(parser.parse_args(arguments))
    songs, url, output = (options.pop(name) for name in ("songs", "url", "output"))
    failed = 0
    try:
        with closing(Client(url, **options, say=_warn)) as client:
            for song in songs:
                try:
                    made = client.separate_file(song, output, progress=sys.stderr.isatty())
                except (UserError, ServingError, OSError) as error:
                    failed = max(failed, _report(error))
                else:
                    names = ", ".join(path.stem for path in made)
                    print(f"{song}: {names} in {made[0].parent}", flush=True)
    except (UserError, ServingError) as error:
        return _report(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return failed


def _report(error: Exception) -> int:
    # Prints an error in one line, and gives its exit code.
    text = error.spelled(flag_name) if isinstance(error, UserError) else str(error)
    print(f"error: {' '.join(text.split())}", file=sys.stderr)
    return 1 if isinstance(error, ServingError) else 2


_LOCK = threading.Lock()


def _warn(line: str) -> None:
    with _LOCK:  # several requests may fail at a time
        tqdm.write(f"warning: {line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
