"""Every command that writes, killed at any moment: called again, it ends as if never killed."""

import os
import random
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
            start = time.monotonic()
            with started(WRITERS[name].command(), place, environment(place)) as it:
                until(lambda: len(os.listdir(place)) > 1 or it.poll() is not None, SECONDS)
                silent = time.monotonic() - start
                said = it.communicate(timeout=SECONDS)
            assert it.returncode == 0, said
            assert not left.litter(place)
            found[name] = Whole(left.content(place), silent, time.monotonic() - start - silent)
        return found[name]

    return of


def kill(name: str, place: Path, *, chance: random.Random, whole: Whole) -> bool:
    """Calls a command and kills it while it writes, at a random moment.

    Returns:
        Whether it has to be called again: not if it ended before, or was killed when all was
        done and would do more.
    """
    wait = chance.uniform(0, 1) * whole.seconds
    # All at once, or the first process alone: the others have to see that it is gone.
    everything = chance.random() < 0.5
    before = set(os.listdir(place))
    with started(WRITERS[name].command(), place, environment(place)) as process:

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
    done = WRITERS[name].again != "nothing" and left.names(place) >= whole.content.keys()
    return process.returncode != 0 and not done


def check(name: str, place: Path, *, whole: Whole, seed: int, kills: int) -> None:
    """Kills a command some times in a row; then lets it end."""
    chance = random.Random(f"{name} {seed}")
    (place / "tmp").mkdir()
    if all(kill(name, place, chance=chance, whole=whole) for _ in range(kills)):
        words = WRITERS[name].command()
        with started(words, place, environment(place)) as process:
            said = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, said
    found = left.content(place)
    assert found.keys() == whole.content.keys()
    assert [path for path in found if found[path] != whole.content[path]] == []
    assert not left.litter(place)


def test_a_kill(whole, tmp_path):
    check("prepare", tmp_path, whole=whole("prepare"), seed=0, kills=2)


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
