"""Many runs at a time: their GPUs, their machines, and those that memory was short for."""

import threading
import time
from itertools import pairwise

from made_up_work import MadeUpWork, tries

from mss_keras.experiments import scheduling
from mss_keras.experiments.scheduling import run_all
from mss_keras.jobs.heartbeats import SharedClaims


def test_each_has_the_gpu_that_is_free(tmp_path):
    lines: list[str] = []
    todo = [MadeUpWork(name, tmp_path) for name in "abcd"]
    assert run_all(todo, 2, lines.append, gpus=["0", "GPU-b6e6"]) == {}
    assert [line.split(",")[0][4:] for line in sorted(lines, key=lambda line: line[4])] == [
        f"{name}: done" for name in "abcd"
    ]
    done = tries(tmp_path)
    assert {each.gpu for each in done} == {"0", "GPU-b6e6"}
    for gpu in ("0", "GPU-b6e6"):
        in_turn = pairwise(each for each in done if each.gpu == gpu)
        assert all(one.end <= other.begin for one, other in in_turn)


def test_more_at_a_time_than_gpus_are_shared_out_evenly(tmp_path):
    todo = [MadeUpWork(name, tmp_path) for name in "abcd"]
    assert run_all(todo, 4, lambda line: None, gpus=["0", "1"]) == {}
    assert sorted(each.gpu for each in tries(tmp_path)) == ["0", "0", "1", "1"]


def test_without_gpus_each_sees_what_this_process_sees(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "of-this-process")
    assert run_all([MadeUpWork("a", tmp_path)], 1, lambda line: None) == {}
    assert [each.gpu for each in tries(tmp_path)] == ["of-this-process"]


def test_those_without_memory_are_tried_again_alone_at_the_end(tmp_path):
    """Once; and a loss that is NaN is not tried again."""
    lines: list[str] = []
    does = ("lack_memory_once", "be_killed_once", "be_killed", "diverge", "succeed", "succeed")
    todo = [MadeUpWork(name, tmp_path, each) for name, each in zip("abcdef", does, strict=True)]
    failures = run_all(todo, 3, lines.append, gpus=["0", "1"])
    killed = "killed, perhaps for want of memory"
    assert failures == {"c": killed, "d": "the loss is nan"}
    later = "it will be tried again, alone, after the others"
    assert f"a: out of memory: too large; {later}" in lines
    assert {f"{name}: {killed}; {later}" for name in "bc"} < set(lines)
    last = sorted(line.split(",")[0] for line in lines if line[:2] in ("4/", "5/", "6/"))
    assert {line[4:] for line in last} == {"a: done", "b: done", "c: killed"}
    assert [line[:4] for line in last] == ["4/6 ", "5/6 ", "6/6 "]

    done = tries(tmp_path)
    assert sorted(each.name for each in done) == ["a", "a", "b", "b", "c", "c", "d", "e", "f"]
    before, again = done[:6], done[6:]
    assert {each.name for each in again} == {"a", "b", "c"}
    assert {each.gpu for each in before} == {"0", "1"}
    assert all(one.end <= again[0].begin for one in before)
    assert all(one.end <= other.begin for one, other in pairwise(again))


def test_machines_share_the_work_out(tmp_path, monkeypatch):
    """Each piece is done once, and each machine ends when all is done."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setattr(scheduling, "_ASK", 0.1)
    todo = [MadeUpWork(name, tmp_path) for name in "abcde"]
    lines: list[list[str]] = [[], []]

    def machine(number):
        claims = SharedClaims(tmp_path / "claims", beat=0.1)
        assert run_all(todo, 1, lines[number].append, claims=claims) == {}
        assert all(work.finished for work in todo)

    threads = [threading.Thread(target=machine, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.name for each in sorted(tries(tmp_path))] == list("abcde")
    for own in lines:
        ended = [line for line in own if "done" in line]
        assert len(ended) == 5
        assert any("done by another machine" in line for line in ended)


def test_work_that_another_machine_has_taken_is_left_to_it(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setattr(scheduling, "_ASK", 0.1)
    todo, lines = [MadeUpWork("a", tmp_path, "take_long")], list[str]()
    own, other = (SharedClaims(tmp_path / "claims", beat=0.1) for _ in range(2))
    failures: list[dict[str, str]] = []
    thread = threading.Thread(
        target=lambda: failures.append(run_all(todo, 1, lines.append, claims=own)), daemon=True
    )
    thread.start()
    end = time.monotonic() + 30
    while not tries(tmp_path):
        assert time.monotonic() < end
        time.sleep(0.05)
    monkeypatch.setattr(other, "_free", lambda path: True)  # this machine was silent for long
    assert other.take("a")
    time.sleep(1.0)
    assert lines == [f"a: {own.holder('a')} is at it"]
    (tmp_path / "a.done").touch()
    other.give_back("a")
    thread.join(30)
    assert failures == [{}]
    assert lines[1:] == ["a: done by another machine"]
    assert len(tries(tmp_path)) == 1
    assert own.take("a")  # it was given back
