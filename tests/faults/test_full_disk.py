"""Every command that writes, on a disk that fills up: one line, and nothing is lost by it."""

import random
import shutil
import sys
import threading
from pathlib import Path

import left
import pytest
from disk import Disk, NoDisk
from processes import SECONDS, started
from writers import MANIFOLD, WRITERS, environment

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="mounts a file system in a namespace"
)


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        disk = Disk(folder)
    except NoDisk as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    yield disk
    disk.close()


class Tries:
    """A command on a disk: as it is with space, and how it ends without."""

    def __init__(self, name: str, disk: Disk, kept: Path):
        self.name, self.disk, self.kept = name, disk, kept
        self.words = disk.words(WRITERS[name].command())
        disk.clear()
        self.most = self._measured()
        self.whole = left.content(disk.place)
        shutil.copytree(disk.place, kept, symlinks=True)

    def run(self) -> tuple[int, str, str]:
        """Exit code, output and errors of the command."""
        with started(self.words, self.kept.parent, environment(self.disk.inside)) as process:
            said, complained = process.communicate(timeout=SECONDS)
        return process.returncode, said, complained

    def _measured(self) -> int:
        # The most bytes that the command has on the disk at a time.
        ended, most, before = threading.Event(), [0], self.disk.used

        def look():
            while not ended.wait(0.002):
                most[0] = max(most[0], self.disk.used - before)

        watch = threading.Thread(target=look)
        watch.start()
        result = self.run()
        ended.set()
        watch.join()
        assert result[0] == 0, result
        return most[0]

    def on_a_full_disk(self, left_over: int, *, finished: bool) -> None:
        """Fills the disk but for some bytes, calls the command, makes space, calls it again.

        Args:
            left_over: int. The bytes.
            finished: bool. Whether the command had finished once before.
        """
        self.disk.clear()
        if finished:
            shutil.copytree(self.kept, self.disk.place, dirs_exist_ok=True)
        before = left.content(self.disk.place)
        self.disk.fill(left_over)
        code, said, complained = self.run()
        told = (self.name, left_over, finished, code, said[-2000:], complained)
        assert code in (0, 1, 2), told
        assert "Traceback" not in said + complained, told
        if code:
            (line,) = complained.splitlines() or [""]
            assert line.startswith("error: " if code == 2 else "failed: "), told
            assert "no space left" in (said + complained).lower(), told
        else:
            assert not complained, told
        assert not left.damaged(self.disk.place), told
        assert not left.litter(self.disk.place), told
        after = left.content(self.disk.place)
        assert not [path for path in before if after.get(path) != before[path]], told
        self.disk.empty()
        again = self.run()
        assert again[0] == 0, again
        found = left.content(self.disk.place)
        if not finished or WRITERS[self.name].again == "nothing":
            assert found.keys() == self.whole.keys(), told
        assert not [path for path in self.whole if found.get(path) != self.whole[path]], told
        assert not left.litter(self.disk.place)


def check(name: str, disk: Disk, kept: Path, *, seed: int, times: int) -> None:
    """Fills the disk at random moments."""
    chance = random.Random(f"{name} {seed}")
    tries = Tries(name, disk, kept)
    for number in range(times):
        finished = number % 3 == 2 and WRITERS[name].again != "refused"
        tries.on_a_full_disk(round(chance.uniform(0, 1) * tries.most), finished=finished)


def test_a_full_disk(disk, tmp_path):
    check("prepare", disk, tmp_path / "kept", seed=0, times=1)


@pytest.mark.long
@pytest.mark.parametrize("name", WRITERS)
def test_full_disks(name, disk, tmp_path):
    check(name, disk, tmp_path / "kept", seed=1, times=1 if name in MANIFOLD else 3)


@pytest.mark.faults
@pytest.mark.parametrize("name", WRITERS)
def test_many_full_disks(name, disk, tmp_path):
    check(name, disk, tmp_path / "kept", seed=2, times=20)
