"""The server: what it serves and refuses, and ratings that are neither lost nor doubled."""

import contextlib
import errno
import http.client
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from listening_tests import make_key

from mss_keras.config import HostingConfig, UserError
from mss_keras.listening import keeping
from mss_keras.listening.keeping import Keeping
from mss_keras.listening.server import MOST_BYTES, make_app, serve

LISTENER = "0123456789abcdef" * 2
KEY = make_key(excerpts=2)
AT = "2026-11-25T21:00:00Z"


def rating(number, value=50, *, trial=0, stimulus=0, at=AT):
    of = KEY.trials[trial]
    return {
        "number": number,
        "trial": of.trial,
        "stimulus": list(of.stimuli)[stimulus],
        "rating": value,
        "at": at,
    }


@pytest.fixture
def folder(tmp_path):
    """A test of a page that tells nothing."""
    page = tmp_path / "test/page"
    (page / "audio").mkdir(parents=True)
    (page / "index.html").write_text("<!doctype html>")
    (page / "server.js").write_text("window.LISTENING_SERVER = false;")
    (page / "audio/00.js").write_text("window.listeningAudio()")
    KEY.write(tmp_path / "test")
    return tmp_path / "test"


@pytest.fixture
def kept(folder):
    return Keeping(folder / "ratings", KEY)


@pytest.fixture
def browser(folder, kept):
    app = make_app(folder / "page", KEY, kept, names=["tests.example.org"])
    return app.test_client()


def post(browser, ratings, *, listener: object = LISTENER, test=KEY.test, **options):
    sent = {"test": test, "listener": listener, "ratings": ratings}
    return browser.post("/ratings", json=sent, **options)


def lines_of(folder, listener=LISTENER):
    path = folder / f"ratings/{listener}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_page_and_nothing_else(browser, folder):
    assert browser.get("/").data == b"<!doctype html>"
    assert browser.get("/index.html").data == b"<!doctype html>"
    assert browser.get("/audio/00.js").mimetype == "text/javascript"
    assert browser.get("/server.js").data == b'"use strict"; window.LISTENING_SERVER = true;\n'
    (folder / "page/later.txt").symlink_to(folder / "key.json")
    for path in (
        *("/key.json", "/../key.json", "/%2e%2e/key.json", "/audio/../../key.json", "/audio/"),
        *("/audio", "/..%2fkey.json", "//key.json", "/page/index.html", "/later.txt", "/ratings"),
        *("/./index.html", "/audio//00.js", "/index.html%00", "/ratings/"),
    ):
        assert browser.get(path).status_code in (301, 308, 403, 404, 405), path
    assert browser.delete("/index.html").status_code == 405


def test_every_answer_has_its_headers(browser):
    for answer in (browser.get("/"), browser.get("/nothing"), post(browser, [rating(0)])):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert browser.get(f"/ratings/{LISTENER}").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("192.168.1.7", 200),
        ("TESTS.example.org", 200),
        ("evil.example.org:8000", 403),
        ("localhost.evil.example.org", 403),
        ("", 403),
    ],
)
def test_a_name_that_somebody_else_points_here_is_refused(browser, host, status):
    assert browser.get("/", headers={"Host": host}).status_code == status


def test_ratings_from_another_page_are_refused(browser):
    here, there = {"Origin": "http://localhost"}, {"Origin": "http://evil.example.org"}
    assert post(browser, [rating(1)], headers=here).status_code == 200
    assert post(browser, [rating(2)], headers=there).status_code == 403
    assert post(browser, [rating(2)], headers={"Origin": "null"}).status_code == 403
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert post(browser, [rating(2)], headers=cross).status_code == 403
    plain = browser.post("/ratings", data="{}", content_type="text/plain")
    assert plain.status_code == 415


@pytest.mark.parametrize("origin", ["https://tests.example.org", "http://TESTS.example.org:81"])
def test_a_proxy_that_names_the_server_by_its_address(browser, origin):
    """As nginx does, unless it is told to pass the name on."""
    proxied = {"Host": "127.0.0.1:8000", "Origin": origin, "Sec-Fetch-Site": "same-origin"}
    assert post(browser, [rating(1)], headers=proxied).json == {"kept": 1}
    for other in ("https://example.org", "https://tests.example.org.evil.org", "https://[", "null"):
        assert post(browser, [rating(2)], headers={**proxied, "Origin": other}).status_code == 403


def test_ratings_are_kept_once_and_read_again(browser, folder):
    assert post(browser, [rating(1), rating(2, 60)]).json == {"kept": 2}
    assert post(browser, [rating(2, 60), rating(3, 70, stimulus=1)]).json == {"kept": 3}
    assert post(browser, []).json == {"kept": 3}
    lines = lines_of(folder)
    assert [line["number"] for line in lines] == [1, 2, 3]
    assert lines[0] == {
        **rating(1),
        "test": KEY.test,
        "listener": LISTENER,
        "scale": "mushra",
        "received": lines[0]["received"],
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z", lines[0]["received"])
    # The last of each stimulus, also for a server that begins anew, and of this listener alone.
    expected = {"ratings": [rating(2, 60), rating(3, 70, stimulus=1)]}
    assert browser.get(f"/ratings/{LISTENER}").json == expected
    again = make_app(folder / "page", KEY, Keeping(folder / "ratings", KEY)).test_client()
    assert again.get(f"/ratings/{LISTENER}").json == expected
    assert again.get(f"/ratings/{'f' * 32}").json == {"ratings": []}
    assert Keeping(folder / "ratings", KEY).counts == (1, 2)


def test_a_number_that_another_rating_has_is_not_the_end_of_this_one(browser, folder):
    post(browser, [rating(1), rating(2)])
    assert post(browser, [rating(3)]).json == {"kept": 3}  # the same again, a moment later
    other = rating(2, 80, stimulus=3)  # of the listener's second browser
    assert post(browser, [other]).json == {"kept": 4}
    assert post(browser, [other]).json == {"kept": 4}
    assert [(x["number"], x["rating"]) for x in lines_of(folder)][2:] == [(3, 50), (4, 80)]


def test_an_older_rating_under_a_number_that_is_taken_is_none_that_counts(browser, folder):
    late, early, later = (f"2026-11-25T21:00:0{second}Z" for second in ("2", "1.999", "2.001"))
    post(browser, [rating(1, 90, at=late)])
    assert post(browser, [rating(1, 10, at=early)]).json == {"kept": 1}
    assert post(browser, [rating(1, 95, at=later)]).json == {"kept": 2}
    assert [line["rating"] for line in lines_of(folder)] == [90, 95]
    # One after another in a request, too.
    both = [rating(1, 50, at=later, stimulus=1), rating(1, 60, at=early, stimulus=1)]
    assert post(browser, both).json == {"kept": 3}
    assert Keeping(folder / "ratings", KEY).latest(LISTENER)[-1]["rating"] == 50


def test_many_ratings_under_numbers_that_are_taken(kept):
    of = [(trial, stimulus) for trial in range(len(KEY.trials)) for stimulus in range(6)]
    for day in (1, 2):  # two browsers of a listener, without a network for long
        ratings = []
        for number in range(1, 4001):
            trial, stimulus = of[number % len(of)]
            at = f"2026-11-{day:02}T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z"
            ratings.append(rating(number, trial=trial, stimulus=stimulus, at=at))
        begin = time.process_time()
        assert kept.keep(LISTENER, ratings) == 4000 * day
        assert time.process_time() - begin < 2


def test_no_end_of_numbers(browser, folder):
    most = keeping.MOST_NUMBER
    assert post(browser, [rating(most)]).json == {"kept": most}
    answer = post(browser, [rating(most, 60)])
    assert answer.status_code == 400
    assert answer.json["error"] == f"number: found {most + 1}, wanted {most} at most"
    lines: list[str] = []
    assert Keeping(folder / "ratings", KEY, say=lines.append).counts == (1, 1)
    assert not lines


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"number": 0}, "number: found 0"),
        ({"number": True}, "number: found True"),
        ({"number": 10**9}, "number: found 1000000000"),
        ({"trial": "t99"}, "trial: found 't99'"),
        ({"trial": ["t01"]}, "trial: found"),
        ({"stimulus": "nobody"}, "stimulus: found 'nobody'"),
        ({"stimulus": next(iter(KEY.trials[1].stimuli))}, "stimulus: found"),
        ({"rating": 101}, "rating: found 101, wanted a whole number, 0 to 100"),
        ({"rating": -1}, "rating: found -1"),
        ({"rating": 50.5}, "rating: found 50.5"),
        ({"rating": "50"}, "rating: found '50'"),
        ({"rating": True}, "rating: found True"),
        ({"at": "yesterday"}, "at: found 'yesterday'"),
    ],
)
def test_ratings_that_are_none(browser, folder, wrong, message):
    answer = post(browser, [rating(1), {**rating(2), **wrong}])
    assert answer.status_code == 400
    assert answer.json["error"].startswith(message)
    assert not list((folder / "ratings").iterdir())  # nor is the right one beside it


def test_requests_that_are_none(browser):
    listeners: list[object] = ["", "x" * 32, "A" * 32, f"{LISTENER}0", "../key", 7, None, {}]
    for listener in listeners:
        answer = post(browser, [rating(1)], listener=listener)
        assert answer.json["error"].startswith("listener: found")
    assert browser.get("/ratings/..%2fkey").status_code in (400, 404)
    assert browser.get("/ratings/7").status_code == 400
    assert post(browser, [rating(1)], test="another").status_code == 400
    bodies: list[object] = [
        [],
        {"ratings": 7},
        {"ratings": [7]},
        {"test": KEY.test, "ratings": [{}]},
    ]
    for sent in bodies:
        answer = browser.post("/ratings", json=sent)
        assert answer.status_code == 400
        assert "error" in answer.json
    broken = browser.post("/ratings", data="{", content_type="application/json")
    assert broken.status_code == 400
    for deep in ("[" * 200_000, '{"ratings": [' + "[" * 900 + "]" * 900 + "]}"):
        answer = browser.post("/ratings", data=deep, content_type="application/json")
        assert answer.status_code == 400
        assert "error" in answer.json
    large = browser.post("/ratings", data=b" " * (MOST_BYTES + 1), content_type="application/json")
    assert large.status_code == 413


def test_points_of_mos(folder, tmp_path):
    key = make_key(excerpts=2, scale="mos")
    kept = Keeping(tmp_path / "mos", key)
    assert kept.keep(LISTENER, [rating(1, 5)]) == 1
    for value in (0, 6):
        with pytest.raises(UserError, match="wanted a whole number, 1 to 5"):
            kept.keep(LISTENER, [rating(2, value)])


def test_no_end_of_listeners(kept, monkeypatch):
    monkeypatch.setattr(keeping, "MOST_LISTENERS", 2)
    for digit in "ab":
        kept.keep(digit * 32, [rating(1)])
    with pytest.raises(UserError, match="wanted 2 at most"):
        kept.keep("c" * 32, [rating(1)])
    assert kept.keep("a" * 32, [rating(2)]) == 2


def test_a_full_disk_is_said_and_leaves_no_half_line(browser, folder, monkeypatch):
    post(browser, [rating(1)])
    write = os.write

    def full(descriptor, content):
        if len(content) > 20:  # a part of it has room
            return write(descriptor, content[: len(content) - 20])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", full)
        answer = post(browser, [rating(2), rating(3)])
    assert answer.status_code == 507
    assert answer.json == {"error": "the server cannot write: No space left on device"}
    assert [line["number"] for line in lines_of(folder)] == [1]
    assert post(browser, [rating(2), rating(3)]).json == {"kept": 3}  # the browser tries again
    assert [line["number"] for line in lines_of(folder)] == [1, 2, 3]


def test_a_torn_line_is_cut_off(folder, kept):
    kept.keep(LISTENER, [rating(1), rating(2)])
    path = folder / f"ratings/{LISTENER}.jsonl"
    whole = path.read_bytes()
    for torn in (b"{", whole[:-1], whole.splitlines()[0], b"x" * 10000):
        path.write_bytes(whole + torn)
        lines: list[str] = []
        again = Keeping(folder / "ratings", KEY, say=lines.append)
        assert (
            lines == [f"{path}: the last line was cut short, and is removed; it was not answered"]
            or torn == whole[:-1]
        )
        assert again.latest(LISTENER)[-1]["number"] == 2
        path.write_bytes(path.read_bytes() + b'{"torn')  # and while it runs
        assert again.keep(LISTENER, [rating(3)]) == 3
        assert [line["number"] for line in lines_of(folder)][-1] == 3
        path.write_bytes(whole)


def test_lines_that_are_no_ratings_are_told_and_left(folder, kept):
    kept.keep(LISTENER, [rating(1)])
    path = folder / f"ratings/{LISTENER}.jsonl"
    path.write_bytes(b"\xff{\n" + path.read_bytes() + b"[]\n")
    lines: list[str] = []
    again = Keeping(folder / "ratings", KEY, say=lines.append)
    assert [re.sub(r".*, (line \d).*", r"\1", line) for line in lines] == ["line 1", "line 3"]
    assert again.latest(LISTENER) == [rating(1)]
    path.write_text(json.dumps({**rating(1), "test": "another"}) + "\n")
    with pytest.raises(UserError, match="found those of the test 'another', wanted the ratings of"):
        Keeping(folder / "ratings", KEY)


def test_no_test_to_serve(tmp_path, folder):
    with pytest.raises(UserError, match=r"key.json: found No such file"):
        serve(tmp_path, HostingConfig())
    (folder / "page/index.html").unlink()
    with pytest.raises(UserError, match=r"page: found no index.html, wanted the page of a"):
        serve(folder, HostingConfig(port=0))


def test_hosts_that_are_none(folder):
    with pytest.raises(UserError, match=r"^host: found 300.1.1.1, wanted an address or a name"):
        serve(folder, HostingConfig(host="300.1.1.1", port=0))
    for name in ("https://tests.example.org", "x y", ""):
        with pytest.raises(UserError, match=r"^allow_host: found .*, wanted a name such as"):
            HostingConfig(allow_host=(name,))


@contextmanager
def served(folder, port=0):
    """The command in a process of its own; yields the process and its port."""
    command = [sys.executable, "-m", "trainer", "listen", "--serve", "--output", str(folder)]
    with subprocess.Popen(
        [*command, "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if found := re.match(r"serving on http://127\.0\.0\.1:(\d+)/", line):
                    yield process, int(found[1])
                    return
            raise AssertionError("".join(said))
        finally:
            process.kill()


def send(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_the_command(folder):
    with served(folder) as (process, port):
        ratings = {"test": KEY.test, "listener": LISTENER, "ratings": [rating(1)]}
        assert send(port, "POST", "/ratings", ratings) == (200, {"kept": 1})
        second = subprocess.run(
            [sys.executable, "-m", "trainer", "listen", "--serve", "--output", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 2
        who = rf"(process {process.pid}|another process) is at work, wanted another folder"
        assert re.match(rf"error: --output: found .*ratings, where {who}", second.stderr)
        other = folder.with_name("other")
        (other / "page").mkdir(parents=True)
        (other / "page/index.html").touch()
        KEY.write(other)
        taken = subprocess.run(
            [
                *(sys.executable, "-m", "trainer", "listen", "--serve"),
                *("--output", str(other), "--port", str(port)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert taken.returncode == 2
        assert taken.stderr.startswith(f"error: --port: found 127.0.0.1:{port}, ")
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait(10) == 0
        state = f"listeners so far: 1, stimuli rated: 1, in {folder / 'ratings'}"
        assert said == f"stopped; {state}\n"


class Crowd:
    """Listeners that rate over HTTP, send again what was not answered, and note what was."""

    def __init__(self, count, changes):
        self.port = 0
        self.answered: dict[str, int] = {}  # highest number, by listener
        self.rated: dict[str, list[dict]] = {}
        self.half, self.over = threading.Event(), threading.Event()
        self._changes = changes
        self._sent, self._enough = itertools.count(1), count * changes / 6

    def rate(self, seed):
        """All changes of a listener."""
        dice = random.Random(seed)
        listener = f"{dice.getrandbits(128):032x}"
        stimuli = [(x, y) for x in range(len(KEY.trials)) for y in range(6)]
        own = []
        for number in range(1, self._changes + 1):
            trial, stimulus = dice.choice(stimuli)
            at = f"2026-11-25T21:{number // 60:02}:{number % 60:02}Z"
            own.append(rating(number, dice.randint(0, 100), trial=trial, stimulus=stimulus, at=at))
        self.rated[listener], self.answered[listener] = own, 0
        place = 0
        while place < len(own) and not self.over.is_set():
            some = own[place : place + dice.randint(1, 4)]
            if self.send(listener, some):
                self.answered[listener] = place = some[-1]["number"]
                if next(self._sent) > self._enough:
                    self.half.set()

    def send(self, listener, ratings):
        sent = {"test": KEY.test, "listener": listener, "ratings": ratings}
        try:
            status, answer = send(self.port, "POST", "/ratings", sent)
        except (OSError, http.client.HTTPException, ValueError):
            time.sleep(0.05)  # the server is away: again
            return False
        assert status == 200
        assert answer["kept"] >= ratings[-1]["number"]  # more, where an answer was lost
        return True


def crowd_survives_a_kill(folder, listeners, changes):
    crowd = Crowd(listeners, changes)
    with ThreadPoolExecutor(listeners) as pool, contextlib.ExitStack() as stack:
        stack.callback(crowd.over.set)
        with served(folder) as (process, crowd.port):
            futures = [pool.submit(crowd.rate, seed) for seed in range(listeners)]
            assert crowd.half.wait(60)
            process.kill()  # SIGKILL, amid their requests
            process.wait()
        answered = dict(crowd.answered)
        for listener, number in answered.items():  # nothing is lost that was answered
            path = folder / f"ratings/{listener}.jsonl"
            text = path.read_text() if path.exists() else ""
            found = [json.loads(x)["number"] for x in text.splitlines(True) if x.endswith("\n")]
            assert set(range(1, number + 1)) <= set(found)
        with served(folder, crowd.port):
            for future in futures:
                future.result(120)
            for listener, own in itertools.islice(crowd.rated.items(), 5):
                status, answer = send(crowd.port, "GET", f"/ratings/{listener}")
                last = {(x["trial"], x["stimulus"]): x for x in own}
                assert status == 200
                assert {(x["trial"], x["stimulus"]): x for x in answer["ratings"]} == last
    assert len(list((folder / "ratings").iterdir())) == listeners
    for listener, own in crowd.rated.items():
        lines = lines_of(folder, listener)
        assert Counter(line["number"] for line in lines) == Counter(range(1, changes + 1))
        kept = [{name: line[name] for name in own[0]} for line in lines]
        assert sorted(kept, key=lambda line: line["number"]) == own
        assert {line["listener"] for line in lines} == {listener}


def test_twenty_listeners_and_a_killed_server(folder):
    crowd_survives_a_kill(folder, 20, 30)


@pytest.mark.long
def test_two_hundred_listeners_and_a_killed_server(folder):
    crowd_survives_a_kill(folder, 200, 48)
