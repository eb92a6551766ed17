"""Archives, whose files stay in the folder that they are unpacked to."""

import lzma
import tarfile
import zlib
from pathlib import Path

# What a damaged archive raises, and what is no archive. Numbers and names in it may be anything.
BROKEN = (
    *(tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError),
    *(ValueError, OverflowError, MemoryError),
)


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks the files of a .tar archive, compressed or not; links and devices are left out.

    Args:
        archive: Path. The archive.
        folder: Path. Where they go. A file whose name leads elsewhere is left out.

    Raises:
        One of `BROKEN`: if the archive is damaged.
    """
    with tarfile.open(archive) as opened:
        for member in opened:
            target = (folder / member.name).resolve()
            if not member.isfile() or not target.is_relative_to(folder.resolve()):
                continue  # tarfile's own filter is not in every Python 3.11
            target.parent.mkdir(parents=True, exist_ok=True)
            content = opened.extractfile(member)
            assert content is not None  # a file
            with target.open("wb") as file:
                while block := content.read(1 << 20):
                    file.write(block)
        # What follows the last file, by which gzip finds damage anywhere before it.
        while opened.fileobj.read(1 << 20):
            pass
