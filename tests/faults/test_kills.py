"""Every command that writes, killed at any moment: called again, it ends as if never killed."""

import os
import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import left
import pytest
from processes import SECONDS, alive, kill_all, started, until
from writers import MANIFOLD, WRITERS, environment

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="looks into /proc for what is left"
)


class Whole(NamedTuple):
    """A command that was not killed.

    Args:
        content: dict. What it left.
        silent: float. Seconds before it wrote anything.
        seconds: float. Seconds from then to its end.
    """

    content: dict[str, Any]
    silent: float
    seconds: float


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Calls a command once and does not kill it."""
    found: dict[str, Whole] = {}

    def of(name):
        if name not in found:
            place = tmp_path_factory.mktemp(name)
            (place / "tmp").mkdir()
            words = WRITERS[name].command()  # makes its inputs at the first call
            start = time.monotonic()
            with started(words, place, environment(place)) as it:
                until(lambda: len(os.listdir(place)) > 1 or it.poll() is not None, SECONDS)
                silent = time.monotonic() - start
                said = it.communicate(timeout=SECONDS)
            assert it.returncode == 0, said
            assert not left.litter(place)
            found[name] = Whole(left.content(place), silent, time.monotonic() - start - silent)
        return found[name]

    return of


class Tried(NamedTuple):
    """A call of a command.

    Args:
        killed: bool. Whether it was killed before it ended.
        again: bool. Whether it has to be called again: not if it ended, or was killed when all
            was done and would do more.
    """

    killed: bool
    again: bool


def kill(name: str, place: Path, *, wait: float, everything: bool, whole: Whole) -> Tried:
    """Calls a command and kills it while it writes.

    Args:
        name: of the command.
        place: where it works.
        wait: seconds from its first write to the kill.
        everything: whether all processes are killed; or the first alone, whose end the others
            have to see.
        whole: the command that was not killed.
    """
    before = set(os.listdir(place))
    words = WRITERS[name].command()
    with started(words, place, environment(place)) as process:

        def ended():
            return process.poll() is not None

        if before == {"tmp"}:
            until(lambda: set(os.listdir(place)) != before or ended(), SECONDS)
        else:
            until(ended, whole.silent)
        until(ended, wait)
        if everything:
            kill_all(process.pid)
        else:
            process.kill()
        process.wait()
        assert until(lambda: not alive(process.pid), 20), "processes that outlive their parent"
    assert not left.damaged(place), (name, wait, everything)
    killed = process.returncode != 0
    done = WRITERS[name].again != "nothing" and left.names(place) >= whole.content.keys()
    return Tried(killed, killed and not done)


def check(name: str, place: Path, *, whole: Whole, seed: int, kills: int) -> None:
    """Kills a command some times in a row, once at least; then lets it end."""
    chance = random.Random(f"{name} {seed}")
    (place / "tmp").mkdir()
    killed, share = 0, 1.0
    for _ in range(kills):
        wait, everything = share * chance.uniform(0, 1) * whole.seconds, chance.random() < 0.5
        tried = kill(name, place, wait=wait, everything=everything, whole=whole)
        if not tried.killed and not killed:  # faster than when it was timed: anew, and sooner
            share /= 2
            for path in place.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            (place / "tmp").mkdir()
            continue
        killed += tried.killed
        if not tried.again:
            break
    assert killed, "a command that always ended before its kill"
    if tried.again:
        words = WRITERS[name].command()
        with started(words, place, environment(place)) as process:
            said = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, said
    found = left.content(place)
    assert found.keys() == whole.content.keys()
    assert [path for path in found if found[path] != whole.content[path]] == []
    if tried.again or not tried.killed:  # what a kill leaves, the next call takes away
        assert not left.litter(place)


def test_a_kill(whole, tmp_path):
    check("prepare", tmp_path, whole=whole("prepare"), seed=0, kills=3)


@pytest.mark.long
@pytest.mark.parametrize("name", WRITERS)
def test_kills(name, whole, tmp_path):
    kills = 2 if name in MANIFOLD else 3
    check(name, tmp_path, whole=whole(name), seed=1, kills=kills)


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(2, 6))
@pytest.mark.parametrize("name", WRITERS)
def test_many_kills(name, seed, whole, tmp_path):
    check(name, tmp_path, whole=whole(name), seed=seed, kills=5)
