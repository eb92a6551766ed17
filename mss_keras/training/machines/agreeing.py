"""Workers that do not have the same configuration, music and devices are refused."""

from collections.abc import Sequence
from typing import Any

from mss_keras.config import RunConfig, UserError, fields
from mss_keras.config.fields import ALWAYS
from mss_keras.data import MusicSet, Unpaired
from mss_keras.data.tracks import AudioFile
from mss_keras.training.machines.workers import Workers

# Where things lie on a machine, which is its own business.
_PLACES = {"root", "unpaired_root", "unpaired_sources", "pretrained", "vggish"}


def agreed(
    given: RunConfig, resolved: RunConfig, music: MusicSet, *, workers: Workers, devices: str
) -> RunConfig:
    """The configuration that the workers have in common, with this worker's own places.

    Args:
        given: RunConfig. Of this worker, as it was asked for.
        resolved: RunConfig. The same with what the chief's folder adds.
        music: MusicSet. Tracks of this worker.
        workers: Workers. All workers.
        devices: str. Number and kind of the devices of this worker.

    Raises:
        UserError: on all workers, if one has another configuration, other tracks, or other
            devices than the chief.
    """
    if workers.count == 1:
        return resolved
    own = _own()
    asked, filled = (_without(own, config) for config in (given, resolved))
    lengths = {x: {t.name: t.samples for t in getattr(music, x)} for x in ("train", "valid")}
    told = workers.from_all(
        {"asked": asked, "filled": filled, "tracks": lengths, "devices": devices}
    )
    for index, each in enumerate(told):
        _compare(each, told[0], who=workers.cluster.name(index))
    return RunConfig.from_flat({**resolved.to_flat(), **told[0]["filled"]})


def agreed_unpaired(unpaired: Unpaired | None, *, workers: Workers) -> None:
    """Finds that all workers have the same unpaired music, from which each draws by the same seed.

    Args:
        unpaired: Unpaired or None. Music of this worker.
        workers: Workers. All workers.

    Raises:
        UserError: on all workers, if one has other music than the chief.
    """
    if unpaired is None or workers.count == 1:
        return
    own = {
        "unpaired_root": _lengths(unpaired.songs or ()),
        "unpaired_sources": [_lengths(x) for x in unpaired.recordings or ()],
    }
    told = workers.from_all(own)
    for index, each in enumerate(told):
        for name, wanted in told[0].items():
            if each[name] != wanted:
                here, there = _in_words(each[name]), _in_words(wanted)
                found = here if here != there else f"{here} of other lengths, or in another order"
                found = f"{found} on {workers.cluster.name(index)}"
                raise UserError(name, found, f"{there}, as on worker 0")


def _lengths(files: Sequence[AudioFile]) -> list[int]:
    # By their order: names of what was decoded tell the time of the original, which may differ.
    return [file.samples for file in files]


def _in_words(lengths: list[Any]) -> str:
    parts = lengths if lengths and isinstance(lengths[0], list) else [lengths]
    count, samples = sum(map(len, parts)), sum(map(sum, parts))
    return f"{count} files of {samples} samples together"


def _without(names: set[str], config: RunConfig) -> dict[str, Any]:
    return {name: value for name, value in config.to_flat().items() if name not in names}


def _own() -> set[str]:
    free = {name for name, x in fields().items() if set(ALWAYS) <= x.metadata["may_change"]}
    return free | _PLACES


def _compare(each: dict[str, Any], chief: dict[str, Any], *, who: str) -> None:
    for name, wanted in chief["asked"].items():
        found = each["asked"].get(name)
        if found != wanted:
            raise UserError(name, f"{found!r} on {who}", f"{wanted!r}, as on worker 0")
    if each["devices"] != chief["devices"]:
        raise UserError(
            "devices", f"{each['devices']} on {who}", f"{chief['devices']}, as on worker 0"
        )
    for split, wanted in chief["tracks"].items():
        found = each["tracks"][split]
        for name in sorted(found.keys() | wanted.keys()):
            if found.get(name) != wanted.get(name):
                here, there = (
                    f"{x[name]} samples of {split}/{name}" if name in x else f"no {split}/{name}"
                    for x in (found, wanted)
                )
                raise UserError("root", f"{here} on {who}", f"{there}, as on worker 0")
