"""Where tensorflow-io looks for the samples of a WAV file."""

import struct
from pathlib import Path

# The only chunks that it skips on its way to `fmt `.
_SKIPPED = (b"JUNK", b"bext", b"iXML", b"qlty", b"mext", b"levl", b"link", b"axml")


def frames_in_graph(path: str | Path) -> int | None:
    """Samples a channel that tensorflow-io finds in a WAV file.

    Behind `fmt ` it overlooks the padding byte of chunks of odd length, so it loses its
    way behind such a chunk, and at the end of 24-bit mono of an odd number of samples.

    Args:
        path: a WAV file that libsndfile can read.

    Returns:
        The number, or None where tensorflow-io fails.
    """
    with open(path, "rb") as file:

        def unpack(layout: str, position: int) -> tuple:
            file.seek(position)
            return struct.unpack(layout, file.read(struct.calcsize(layout)))

        try:
            (riff_size,) = unpack("<4xI", 0)
            position = 12
            while (chunk := unpack("<4sI", position))[0] != b"fmt ":
                if chunk[0] not in _SKIPPED:
                    return None
                position += 8 + chunk[1] + chunk[1] % 2
            if chunk[1] not in (16, 18, 40):
                return None
            (bytes_a_sample,) = unpack("<12xH", position + 8)
            position += 8 + chunk[1]
            frames = 0
            while True:
                name, size = unpack("<4sI", position)
                if name == b"data":
                    if size % bytes_a_sample:
                        return None
                    frames += size // bytes_a_sample
                position += 8 + size
                if position >= riff_size + 8:
                    return frames
        except struct.error:  # behind the end of the file
            return None
