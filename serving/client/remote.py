"""`Client`: waveforms of any length, separated by a server."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mss_keras.config import UserError, require
from serving.client import pieces
from serving.client.errors import ServingError
from serving.client.patience import Patience
from serving.client.pcm import from_wav, to_wav
from serving.client.pieces import Piece
from serving.client.transport import Values, connect
from serving.interface import Interface


class Client:
    """A separator on a server.

    It asks one version of the model, the one that answered first.

    Args:
        url: str. `grpc://HOST:PORT`, or `http://HOST:PORT` for REST, which is slower and whose
            stems have 16 bits. `grpcs` and `https` stand for the same with TLS.
        model: str. Name of the served model. Defaults to `"open_unmix"`.
        version: int. Number of its version. Defaults to the highest one that is served.
        label: str. Label of a version, instead of its number. Defaults to none.
        jobs: int. How many requests are sent at a time. Defaults to `2`.
        seconds: float. About how much of a song each request holds; see
            `serving.client.pieces`. Defaults to `180`.
        deadline: float. Seconds for the answer to a request, with all its repetitions. Defaults
            to `600`.
        headers: mapping. What every request says besides, for example an access token, as HTTP
            headers or gRPC metadata. Defaults to nothing.
        say: Callable. Called with a line about every attempt that failed, and about samples
            that REST cuts off. Defaults to nothing.

    Attributes:
        interface: Interface. What the model says of itself.

    Raises:
        UserError: if the URL has another form, if both a version and a label are given, if a
            number is not above 0, or if the model separates no waveforms.
        ServingError: if no server takes a connection within ten seconds, if it does not answer
            within the deadline, or if it has no model of that name or one of another kind.

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
        headers: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda line: None,
    ):
        for name, value in {"jobs": jobs, "seconds": seconds, "deadline": deadline}.items():
            # A thread cannot wait longer than that.
            most = threading.TIMEOUT_MAX
            require(0 < value < most, name, found=value, wanted="a number above 0")
        if version is not None:
            require(0 < version < 2**63, "version", found=version, wanted="a number above 0")
        if version is not None and label is not None:
            raise UserError("label", f"{label!r} beside `version` {version}", "one of them")
        spec = {"name": model, "version": version, "version_label": label}
        spec = {key: value for key, value in spec.items() if value is not None}
        self._jobs, self._seconds = jobs, seconds
        self._patience, self._say = Patience(deadline, say), say
        self._transport, preferred = connect(url, spec, headers or {})
        try:
            self._patience.reach(self._transport.reach)
            self.interface = self._describe()
            offered = self.interface.signatures
            self._signature = next((name for name in preferred if name in offered), None)
            if self._signature is None:
                found = f"{model!r} with the signatures {', '.join(offered)}"
                raise UserError("model", found, f"one with {' or '.join(preferred)}")
        except BaseException:
            self.close()
            raise

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of the stems."""
        return self.interface.stems

    @property
    def version(self) -> int | None:
        """The version of the model that answers."""
        return self._transport.version

    def separate(self, waveform: np.ndarray) -> dict[str, np.ndarray]:
        """Separates a waveform of any length.

        Args:
            waveform: np.ndarray. Float `[samples, channels]` at the model's sample rate, −1 to 1.

        Returns:
            A waveform of the same shape for each stem, by name.

        Raises:
            ServingError: if the server refuses the waveform, or is away too long.
            UserError: if the model takes neither the song nor a piece of it, or if the waveform
                has another shape, values that are not finite, or samples above the model's limit.
        """
        waveform = np.asarray(waveform, np.float32)
        blocks = [np.zeros([len(self.stems), 0, self.interface.channels], np.float32)]
        blocks += self.blocks([waveform])
        return dict(zip(self.stems, np.concatenate(blocks, axis=1), strict=True))

    def blocks(
        self, waveform: Iterable[np.ndarray], *, song: str | Path = "waveform"
    ) -> Iterator[np.ndarray]:
        """Separates a song piece by piece, several pieces at a time.

        Args:
            waveform: iterable of np.ndarray. The song, as blocks of any length: float32
                `[samples, channels]`.
            song: str or Path. The argument or file that an error names. Defaults to `"waveform"`.

        Yields:
            Stems `[sources, samples, channels]`, in all as many samples as the song has.

        Raises:
            ServingError: see `separate`.
            UserError: see `separate`.
        """
        checked = self._checked(waveform, song)
        if self._signature == "fixed_length":
            cut = pieces.cut_fixed(checked, self.interface)
        else:
            cut = pieces.cut(checked, self.interface, self._seconds, song=song)
        yield from pieces.join(self._answers(cut))

    def close(self) -> None:
        """Ends requests under way, and closes the connection."""
        self._patience.end()
        self._transport.close()

    def _describe(self) -> Interface:
        with self._patience.together() as stop:
            outputs = self._predict("describe", {"question": [b""]}, stop)
        answer = outputs.get("answer", outputs.get(""))
        if not isinstance(answer, list) or len(answer) != 1:
            raise ServingError.of_answer("no description", "that of a model of mss_keras")
        try:
            return Interface.parse(answer[0])
        except ValueError as error:
            raise ServingError("UNKNOWN", f"describe: {error}") from error

    def _checked(self, blocks: Iterable[np.ndarray], song: str | Path) -> Iterator[np.ndarray]:
        channels, limit = self.interface.channels, self.interface.max_peak
        cut_off = 0
        for block in blocks:
            if block.ndim != 2 or block.shape[1] != channels:
                raise UserError(song, f"the shape {list(block.shape)}", f"[samples, {channels}]")
            if not np.isfinite(block).all():
                raise UserError(song, "NaN or infinite samples", "finite samples")
            peak = np.abs(block).max(initial=0)
            if limit is not None and peak > limit:
                wanted = f"at most {limit:g}; full scale is 1"
                raise UserError(song, f"a sample of {peak:.4g}", wanted)
            cut_off += int(np.sum(np.abs(block) > 1)) if peak > 1 else 0
            yield block
        if cut_off and self._signature == "separate_wav":
            self._say(
                f"{song}: {cut_off} samples beyond full scale were cut off, because files of 16 "
                "bits are sent; over gRPC they are not"
            )

    def _answers(
        self, cut: Iterable[tuple[Piece, np.ndarray]]
    ) -> Iterator[tuple[Piece, np.ndarray]]:
        # In order; `jobs` requests at a time, and no more answers than that in memory.
        waiting: deque[tuple[Piece, Future]] = deque()
        pool = ThreadPoolExecutor(self._jobs)
        failures: list[Exception] = []  # in order of time; the others fail for the first one
        with self._patience.together() as stop:

            def ask(waveform: np.ndarray) -> np.ndarray | None:
                if stop.is_set():
                    return None
                try:
                    return self._ask(waveform, stop)
                except Exception as error:
                    failures.append(error)
                    stop.set()
                    return None

            def answer() -> tuple[Piece, np.ndarray]:
                piece, future = waiting.popleft()
                stems = future.result()
                if stems is None:
                    raise failures[0] if failures else ServingError("CANCELLED", "closed")
                return piece, stems

            try:
                for piece, waveform in cut:
                    if len(waiting) == self._jobs:
                        yield answer()
                    waiting.append((piece, pool.submit(ask, waveform)))
                while waiting:
                    yield answer()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, waveform: np.ndarray, stop: threading.Event) -> np.ndarray:
        # The stems of a piece [sources, samples, channels].
        if self._signature == "separate_wav":
            wav = to_wav(waveform, self.interface.sample_rate)
            outputs = self._predict("separate_wav", {"wav_bytes": [wav]}, stop)
            stems = [_decoded(self._output(outputs, f"{name}_bytes")) for name in self.stems]
        else:
            sent = waveform
            if self._signature == "fixed_length":
                behind = self.interface.fixed_samples - len(waveform)
                sent = np.pad(waveform, [(0, behind), (0, 0)])
            outputs = self._predict(self._signature, {"waveform": sent[np.newaxis]}, stop)
            stems = []
            for name in self.stems:
                stem = self._output(outputs, name)
                if not isinstance(stem, np.ndarray) or stem.shape != (1, *sent.shape):
                    found = f"the shape {list(np.shape(stem))} for {name}"
                    raise ServingError.of_answer(found, str([1, *sent.shape]))
                stems.append(stem[0, : len(waveform)])
        for name, stem in zip(self.stems, stems, strict=True):
            if stem.shape != waveform.shape:
                found = f"the shape {list(stem.shape)} for {name}"
                raise ServingError.of_answer(found, str(list(waveform.shape)))
            if not np.isfinite(stem).all():
                raise ServingError.of_answer(f"values of {name} that are not finite", "a stem")
        return np.stack(stems)

    def _output(self, outputs: Values, name: str) -> np.ndarray | list[bytes]:
        # REST leaves out the name of a single output.
        if name not in outputs and not ("" in outputs and len(self.stems) == 1):
            found = f"the outputs {', '.join(outputs) or 'none'}"[:100]
            raise ServingError.of_answer(found, f"one called {name}")
        return outputs[name] if name in outputs else outputs[""]

    def _predict(self, signature: str | None, inputs: Values, stop: threading.Event) -> Values:
        assert signature is not None
        return self._patience.keep_asking(
            lambda seconds: self._transport.predict(signature, inputs, seconds), stop
        )


def _decoded(files: np.ndarray | list[bytes]) -> np.ndarray:
    if not isinstance(files, list) or len(files) != 1:
        raise ServingError.of_answer("another number of files", "one file")
    try:
        return from_wav(files[0])
    except ValueError as error:
        raise ServingError.of_answer(str(error), "a WAV file of 16 bits") from error
