"""Songs of any length through a model, in bounded memory: what every way of doing it offers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from mss_keras.config import SeparationConfig, UserError


class Streaming(ABC):
    """Separates songs of any length, a round of chunks at a time.

    One song goes at a time: waveforms are `[samples, channels]`, stems `[samples, sources,
    channels]` with time first, as they are written. Lengths are in samples.

    Attributes:
        names: names of the stems: the targets, and the residual if there is one.
        chosen: indices of the targets among the model's sources.
        chunk: length of a chunk.
        round: length of the chunks that go through the network together.
        context: what the network hears on both sides of a chunk.
        fade: how long a chunk fades into the next.
    """

    names: tuple[str, ...]
    chosen: Sequence[int]
    chunk: int
    round: int
    context: int
    fade: int

    @property
    @abstractmethod
    def longest_at_once(self) -> int:
        """Length below which `at_once` takes songs."""

    @abstractmethod
    def at_once(self, waveform: tf.Tensor) -> Callable[[tf.Tensor], tf.Tensor]:
        """Songs of one length through the network as one batch.

        Args:
            waveform: float32 `[batch, samples, channels]`, shorter than `longest_at_once`.

        Returns:
            A function from an index in the batch to the stems of that song.
        """

    @abstractmethod
    def blocks(self, samples: tf.Tensor) -> tf.Tensor:
        """Number of blocks that `each_block` makes of a song of that many samples."""

    @abstractmethod
    def each_block(self, waveform: tf.Tensor, function: Callable, carried: Any) -> Any:
        """Folds a function over the stems of a song that is in memory, within a graph.

        Args:
            waveform: float32 `[samples, channels]`.
            function: called with a block of stems `[samples, sources, channels]` and `carried`;
                returns the next `carried`. The blocks together have as many samples as the song.
            carried: tensors and arrays, as `tf.while_loop` takes them.

        Returns:
            The last `carried`.
        """

    @abstractmethod
    def origin(self, begin: int) -> int:
        """The first sample of a song that `stream` has to be given for a part of it.

        Args:
            begin: first sample of the part.
        """

    @abstractmethod
    def stream(
        self, blocks: Iterable[np.ndarray], *, begin: int = 0, end: int | None = None
    ) -> Iterator[np.ndarray]:
        """Separates a song that comes in blocks, or a part of it.

        A part's stems are those of the whole song: chunks lie where they lie in the song, and the
        network hears what is around them.

        Args:
            blocks: float32 `[samples, channels]` each, of any lengths; the song from sample
                `origin(begin)` on.
            begin: first sample of the part. Defaults to the song's.
            end: sample behind the part. Defaults to the song's end.

        Yields:
            Float32 `[samples, sources, channels]`; together as many samples as the part has
            within the song.
        """


def wanted(
    sources: Sequence[str], options: SeparationConfig
) -> tuple[tuple[str, ...], Sequence[int]]:
    """Names of the stems that are wanted, and indices of the targets.

    Args:
        sources: names of the model's sources.
        options: what to separate.

    Raises:
        UserError: if the model does not have a target, or the residual has the name of a target.
    """
    targets = options.targets or tuple(sources)
    for name in targets:
        if name not in sources:
            raise UserError.unknown("targets", name, sources)
    if options.residual in targets:
        raise UserError("residual", f"the target {options.residual}", "another name")
    chosen = [list(sources).index(name) for name in targets]
    return (*targets, *([options.residual] if options.residual else [])), chosen
