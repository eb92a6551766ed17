"""A small file system that can be filled, in a mount namespace that ends with the test."""

import os
import shutil
import subprocess
from pathlib import Path

_SIZE = 128 * 2**20
_BALLAST = "ballast"


class NoDisk(Exception):
    """This machine lets nobody mount a file system."""


class Disk:
    """A tmpfs of 128 MiB, which `words` are run on.

    Root mounts it, and another user in a user namespace, where the kernel has those.

    Args:
        path: Path. An empty folder, where it is mounted for those who are in the namespace.

    Raises:
        NoDisk: if it cannot be mounted.

    Attributes:
        place: Path. A folder on it, as those outside reach it.
    """

    def __init__(self, path: Path):
        self._path = path
        self._as_user = ["--user", "--preserve-credentials"] if os.geteuid() else []
        script = (
            f'mount -t tmpfs -o size={_SIZE} tmpfs "$1" && mkdir "$1/place" && echo && exec cat'
        )
        unshare = ["unshare", *(["--map-root-user"] if os.geteuid() else []), "--mount"]
        try:
            self._holder = subprocess.Popen(
                [*unshare, "--propagation", "private", "sh", "-c", script, "sh", path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise NoDisk(str(error)) from None
        assert self._holder.stdout
        assert self._holder.stderr
        if not self._holder.stdout.readline():
            raise NoDisk(" ".join(self._holder.stderr.read().decode().split()))
        self._root = Path(f"/proc/{self._holder.pid}/root{path}")
        self.place = self._root / "place"

    @property
    def inside(self) -> Path:
        """`place`, as those inside reach it."""
        return self._path / "place"

    def words(self, words: list[str]) -> list[str]:
        """The command that runs another one in `place`."""
        enter = [shutil.which("nsenter") or "nsenter", "--target", str(self._holder.pid)]
        enter += [*self._as_user, "--mount", shutil.which("sh") or "sh", "-c"]
        return [*enter, 'cd "$1" && shift && exec "$@"', "sh", str(self.inside), *words]

    @property
    def used(self) -> int:
        """Bytes that are taken."""
        status = os.statvfs(self._root)
        return (status.f_blocks - status.f_bfree) * status.f_frsize

    def fill(self, left: int) -> None:
        """Takes all space but so many bytes."""
        with (self._root / _BALLAST).open("wb") as file:
            for _ in range((_SIZE - self.used - left) // 4096):
                file.write(bytes(4096))

    def empty(self) -> None:
        """Gives the space back."""
        (self._root / _BALLAST).unlink(missing_ok=True)

    def clear(self) -> None:
        """Removes all that is in `place`."""
        self.empty()
        shutil.rmtree(self.place)
        (self.place / "tmp").mkdir(parents=True)

    def close(self) -> None:
        """Ends the namespace, and the file system with it."""
        self._holder.communicate()
