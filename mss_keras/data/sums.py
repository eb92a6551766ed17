"""Sources that are the sum of others, such as MUSDB18's accompaniment, which has no file.

`mss_keras.config.SUMS` tells which they are. They are never written: `AudioFile.parts` are read and
added up wherever a source is read. A track that has a file of the name is read from it.
"""

from collections.abc import Sequence
from pathlib import Path

from mss_keras.config import SUMS, UserError


def paths_of(folder: Path, source: str) -> tuple[Path, ...]:
    """The files of a track that are added up to a source.

    Args:
        folder: folder of the track.
        source: name of the source.

    Returns:
        The source's own file, or those of its parts. They exist.

    Raises:
        UserError: if the track has neither.
    """
    own = folder / f"{source}.wav"
    if own.is_file():
        return (own,)
    parts = [folder / f"{part}.wav" for part in SUMS.get(source, ())]
    others = [path.name for path in folder.iterdir() if path.stem == source]
    if parts and not others and all(path.is_file() for path in parts):
        return tuple(parts)
    found = sorted({*(path.name for path in folder.glob("*.wav")), *others})
    beside = f"beside {', '.join(found)}" if found else "and no other WAV file"
    wanted = "one for each of `sources`"
    if parts and not others:
        wanted += f", or {', '.join(path.name for path in parts)}, whose sum it is"
    raise UserError(own, f"no such file {beside}", wanted)


def summands(sources: Sequence[str]) -> list[int]:
    """Places of the sources that make the mixture: those that are no part of another.

    Args:
        sources: names of the sources.

    Example:
        >>> summands(["vocals", "drums", "bass", "other"])
        [0, 1, 2, 3]
        >>> summands(["vocals", "drums", "bass", "other", "accompaniment"])
        [0, 4]
    """
    parts = {part for source in sources for part in SUMS.get(source, ())}
    return [place for place, source in enumerate(sources) if source not in parts]
