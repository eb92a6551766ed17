"""Claims on work in a folder that several machines see."""

import subprocess
import sys
import threading
import time

import pytest

from mss_keras.jobs import heartbeats
from mss_keras.jobs.heartbeats import SharedClaims


def quick(folder):
    return SharedClaims(folder, beat=0.1, silent=1.0)


def test_of_many_one_has_the_work(tmp_path):
    claims = [quick(tmp_path) for _ in range(8)]
    for _ in range(5):
        taken: list[SharedClaims] = []

        def take(each, taken=taken):
            if each.take("psa"):
                taken.append(each)

        threads = [threading.Thread(target=take, args=(each,)) for each in claims]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) == 1
        assert claims[0].holder("psa").startswith("process ")
        taken[0].give_back("psa")


def test_works_are_claimed_apart(tmp_path):
    one, other = quick(tmp_path), quick(tmp_path)
    assert one.take("l1_time")
    assert other.take("l1_time_mask")
    assert other.take("l1")
    assert not other.take("l1_time")
    assert one.take("a.0")
    assert other.take("a")


def test_a_claim_that_appeared_since_one_looked_is_anothers(tmp_path, monkeypatch):
    one, other = quick(tmp_path), quick(tmp_path)
    assert one.take("psa")
    monkeypatch.setattr(SharedClaims, "_last", lambda claims, name: None)
    assert not other.take("psa")


def test_the_last_of_many_claims_counts(tmp_path):
    one, other = quick(tmp_path), quick(tmp_path)
    for _ in range(11):
        assert one.take("psa")
        one.give_back("psa")
    assert one.take("psa")
    assert not other.take("psa")
    assert not one.lost("psa")


def test_who_closes_gives_all_back(tmp_path):
    one, other = quick(tmp_path), quick(tmp_path)
    assert one.take("a")
    assert one.take("b")
    one.close()
    assert other.take("a")
    assert other.take("b")


def test_one_after_the_other_is_alone(tmp_path):
    one, other = quick(tmp_path), quick(tmp_path)
    with one.alone("report"):
        assert not other.take("report")
    with other.alone("report"):
        assert not one.take("report")
    assert one.take("report")


@pytest.mark.parametrize("boot", ["another", "unknown"])
def test_a_process_of_another_machine_is_not_looked_for_here(tmp_path, monkeypatch, boot):
    """Where machines cannot be told apart neither."""
    if boot == "unknown":
        monkeypatch.setattr(heartbeats, "_boot", lambda: boot)
    (tmp_path / "psa.0").write_text(f"process {2**22 + 1} on a machine, {boot}, 1")
    assert not quick(tmp_path).take("psa")


def test_a_process_that_is_hidden_is_alive(tmp_path, monkeypatch):
    """As `hidepid` has it for processes of other users."""

    def refuse(process, number):
        raise PermissionError

    one = quick(tmp_path)
    assert one.take("psa")
    monkeypatch.setattr(heartbeats.os, "kill", refuse)
    monkeypatch.setattr(heartbeats.Path, "exists", lambda path: path.parent == tmp_path)
    claim = (tmp_path / "psa.0").read_bytes()
    assert not heartbeats._is_dead_here(claim)


def test_who_is_alive_keeps_the_work_and_who_is_silent_loses_it(tmp_path, monkeypatch):
    # Processes of other machines, of which this one cannot know whether they live.
    monkeypatch.setattr(heartbeats, "_is_dead_here", lambda says: False)
    alive, silent, other = quick(tmp_path), SharedClaims(tmp_path, beat=1e6), quick(tmp_path)
    assert alive.take("a")
    assert silent.take("b")
    end = time.monotonic() + 1.6
    taken = set()
    while time.monotonic() < end:
        taken |= {name for name in "ab" if name not in taken and other.take(name)}
        time.sleep(0.05)
    assert taken == {"b"}
    assert silent.lost("b")
    assert not alive.lost("a")
    assert not other.lost("b")


def test_a_killed_claimant_of_this_machine_loses_it_at_once(tmp_path):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from mss_keras.jobs.heartbeats import SharedClaims\n"
        "print(SharedClaims(Path(sys.argv[1])).take('psa'), flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    claims = SharedClaims(tmp_path)
    assert not claims.take("psa")
    process.kill()
    process.wait()
    assert claims.take("psa")
    process.stdout.close()
