"""Where tensorflow-io looks for the samples of a WAV file."""

import struct
from pathlib import Path

# The only chunks that tensorflow-io skips on its way to `fmt `.
_SKIPPED = (b"JUNK", b"bext", b"iXML", b"qlty", b"mext", b"levl", b"link", b"axml")


def samples_in_graph(path: str | Path) -> int | None:
    """Number of samples in each channel that tensorflow-io finds in a WAV file.

    Behind the fmt chunk tensorflow-io overlooks the padding byte of chunks of odd length.
    It loses its way behind a chunk of odd length, and at the end of 24-bit mono with an odd
    number of samples.

    Args:
        path: a WAV file that libsndfile can read.

    Returns:
        The number of samples, or None where tensorflow-io fails.
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
            samples = 0
            while True:
                name, size = unpack("<4sI", position)
                if name == b"data":
                    if size % bytes_a_sample:
                        return None
                    samples += size // bytes_a_sample
                position += 8 + size
                if position >= riff_size + 8:
                    return samples
        except struct.error:  # behind the end of the file
            return None
