"""Where the sources of an example come from, told without reading them.

The pipeline finds its excerpts by the same functions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mss_keras.config import AudioConfig, DataConfig
from mss_keras.data.draws import Drawn, DrawnUnpaired, draw, draw_unpaired, offsets_of
from mss_keras.data.headers import AudioFile
from mss_keras.data.pipeline import excerpt_samples
from mss_keras.data.readers import lengths_of
from mss_keras.data.tracks import Track
from mss_keras.data.unpaired import Unpaired
from mss_keras.data.unpaired_examples import place_in_file, place_in_track


@dataclass(frozen=True)
class Origin:
    """Where a source of an example comes from, and how it was changed.

    Args:
        name: name of the track, or of the file where the music is from elsewhere.
        start: first sample of the excerpt.
        end: sample before which it ends; silence follows where it is shorter than others.
        changes: what the chosen augmentations drew for it, by their names.
    """

    name: str
    start: int
    end: int
    changes: Mapping[str, float | bool]


def origins_of(
    indices: Iterable[int],
    tracks: Sequence[Track],
    data: DataConfig,
    *,
    audio: AudioConfig,
    seed: int,
    unpaired: Unpaired | None = None,
) -> list[dict[str, list[Origin]]]:
    """Where the sources of examples come from.

    Args:
        indices: indices of the examples.
        tracks: tracks as given to `training_examples`.
        data: as given there.
        audio: as given there.
        seed: as given there.
        unpaired: as given there. Defaults to `None`.

    Returns:
        For each example an origin for each of its `sources`; with unpaired music also for each of
        the `unpaired_sources`, and for each part of the `unpaired_mixture`.
    """
    tell = _Teller(tracks, data, samples=excerpt_samples(data, audio), seed=seed)
    return [tell(index, unpaired) for index in indices]


class _Teller:
    """Tells the origins of an example by its index; arguments as of `origins_of`."""

    def __init__(self, tracks: Sequence[Track], data: DataConfig, *, samples: int, seed: int):
        self._names = [track.name for track in tracks]
        self._lengths = lengths_of([track.sources for track in tracks])
        self._data, self._samples, self._seed = data, samples, seed

    def __call__(self, index: int, unpaired: Unpaired | None) -> dict[str, list[Origin]]:
        sizes = {"tracks": len(self._names), "sources": len(self._data.sources)}
        drawn = draw(self._seed, index, **sizes)
        starts = offsets_of(drawn, self._lengths, self._samples).numpy()
        chosen = drawn.track.numpy()
        ends = [self._lengths[track, i].numpy() for i, track in enumerate(chosen)]
        names = [self._names[track] for track in chosen]
        origins = {"sources": self._origins(drawn, zip(names, starts, ends, strict=True))}
        if unpaired is not None:
            batch = self._data.batch_size
            both = draw_unpaired(self._seed, index, batch_size=batch, **sizes)
            elsewhere: dict[str, Sequence[Sequence[AudioFile]] | None] = {
                "mixture": [unpaired.songs] if unpaired.songs else None,
                "sources": unpaired.recordings,
            }
            for kind, files in elsewhere.items():
                places = self._unpaired(both[kind], files)
                origins[f"unpaired_{kind}"] = self._origins(both[kind], places)
        return origins

    def _unpaired(
        self, drawn: DrawnUnpaired, elsewhere: Sequence[Sequence[AudioFile]] | None
    ) -> Iterable[tuple[str, int, int]]:
        if elsewhere is None:
            for source in range(len(self._data.sources)):
                place = place_in_track(drawn, source, self._lengths, samples=self._samples)
                track, start, end = map(int, place)
                yield self._names[track], start, end
            return
        for source, files in enumerate(elsewhere):
            lengths = lengths_of([[file] for file in files])
            number, offset = place_in_file(drawn, source, lengths, samples=self._samples)
            file = files[int(number)]
            yield Path(file.path).name, int(offset), file.samples

    def _origins(self, drawn: Drawn, places: Iterable[tuple[str, int, int]]) -> list[Origin]:
        chosen = [name for name in drawn.augmentations if name in self._data.augmentations]
        values = {name: drawn.augmentations[name].numpy() for name in chosen}
        return [
            Origin(
                name,
                int(start),
                min(int(start) + self._samples, int(end)),
                {x: each[i].item() for x, each in values.items()},
            )
            for i, (name, start, end) in enumerate(places)
        ]
