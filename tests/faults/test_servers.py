"""Whatever a server does, the client ends in time, in one line, and leaves nothing half-written."""

import copy
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import stub
from stub import INTERFACE, RATE, Stub

from serving.client import Client, ServingError, http_line, patience
from serving.client.__main__ import main

BOTH = pytest.mark.parametrize("scheme", ["grpc", "http"])
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(patience, "CONNECT_SECONDS", 0.4)


@pytest.fixture
def song(tmp_path):
    """Two seconds, which take four requests."""
    waveform = np.random.default_rng(0).uniform(-0.9, 0.9, 2 * RATE)
    soundfile.write(tmp_path / "song.wav", waveform, RATE, "PCM_16")
    return tmp_path / "song.wav"


def run(server, scheme, song, *options, deadline=20.0):
    """The exit code of the command line; nothing under a final name but whole stems."""
    output = song.parent / "out"
    url = server if isinstance(server, str) else server.url(scheme)
    start = time.monotonic()
    arguments = [str(song), "--url", url, "--output", str(output), "--seconds", "0.5"]
    code = main([*arguments, "--deadline", f"{deadline}", *options])
    assert time.monotonic() - start < deadline + 3
    files = sorted(path.name for path in (output / song.stem).rglob("*") if path.is_file())
    assert files == (["rest.wav", "vocals.wav"] if code == 0 else [])
    if code == 0:
        heard, _ = soundfile.read(song)
        for name, sign in (("vocals", 1), ("rest", -1)):
            made, _ = soundfile.read(output / song.stem / f"{name}.wav")
            np.testing.assert_allclose(made, sign * heard, atol=1e-4)
    return code


def error_of(capsys):
    """The only line about the end; warnings of repetitions may precede it."""
    *before, line = capsys.readouterr().err.splitlines()
    assert [x for x in before if not x.startswith("warning: ")] == [], before[-3:]
    assert line.startswith("error: ")
    return line


@BOTH
def test_without_a_fault(scheme, song):
    with Stub() as server:
        assert run(server, scheme, song) == 0
        assert len(server.asked) == 5


FAULTS = {
    "slowly": (stub.slowly, "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"),
    "dying": (stub.dying, "UNAVAILABLE", "UNAVAILABLE"),
    "halves": (stub.halves, "INTERNAL", "wanted JSON"),
    "html": (stub.html, "INTERNAL", "found <!DOCTYPE html><html><body>Please log in"),
    "gateway": (stub.gateway, "UNAVAILABLE", "UNAVAILABLE: Bad Gateway: <html>"),
    "redirection": (stub.redirection, "UNKNOWN", "HTTP 302"),
}


@BOTH
@pytest.mark.parametrize("name", FAULTS)
def test_an_answer_that_breaks_off(scheme, name, song, capsys):
    fault, *told = FAULTS[name]
    asked_again = name in ("slowly", "dying", "gateway")  # as long as there is time
    with Stub(break_off=fault) as server:
        assert run(server, scheme, song, deadline=0.6 if asked_again else 20.0) == 1
    assert told[scheme == "http"] in error_of(capsys)


@BOTH
@pytest.mark.parametrize("fault", [stub.dying, stub.gateway])
def test_a_server_that_comes_back(scheme, fault, song):
    with Stub(break_off=stub.once(fault)) as server:
        assert run(server, scheme, song) == 0
        assert len(server.asked) == 6


def longer(outputs):
    return {name: np.concatenate([value, value], axis=1) for name, value in outputs.items()}


SHAPES = {
    "nothing": lambda outputs: {},
    "other names": lambda outputs: {f"{name}x": value for name, value in outputs.items()},
    "longer": longer,
    "flat": lambda outputs: {name: value.ravel() for name, value in outputs.items()},
    "a number": lambda outputs: dict.fromkeys(outputs, np.full([], 1, np.float32)),
    "no song": lambda outputs: {name: value[:0] for name, value in outputs.items()},
    "NaN": lambda outputs: {name: value * np.nan for name, value in outputs.items()},
    "strings": lambda outputs: {name: [b"text"] for name in outputs},
}


@BOTH
@pytest.mark.parametrize("name", SHAPES)
def test_other_shapes(scheme, name, song, capsys):
    def spoil(signature, outputs):
        return outputs if signature == "describe" else SHAPES[name](outputs)

    floats = {**INTERFACE, "signatures": ["serving_default"]}
    with Stub(floats, spoil=spoil) as server:
        assert run(server, scheme, song) == 1
    assert "UNKNOWN: answer: found" in error_of(capsys)


FILES = {
    "no file": b"",
    "another file": b"ID3 and so on",
    "half a file": stub.to_wav(np.zeros([4000, 1]), RATE)[:1000],
    "a longer file": stub.to_wav(np.zeros([99999, 1]), RATE),
    "24 bits": stub.to_wav(np.zeros([100, 1]), RATE).replace(b"\x02\0\x10\0", b"\x03\0\x18\0"),
}


@pytest.mark.parametrize("name", FILES)
def test_other_files(name, song, capsys):
    def spoil(signature, outputs):
        if signature == "describe":
            return outputs
        return {key: [FILES[name]] for key in outputs}

    with Stub(spoil=spoil) as server:
        assert run(server, "http", song) == 1
    assert "UNKNOWN: answer: found" in error_of(capsys)


def test_a_few_bytes_that_claim_gigabytes(song, capsys):
    def spoil(body, number, line):
        if number < 1:
            return body
        response = stub.protos.PredictResponse.FromString(body)
        for tensor in response.outputs.values():
            tensor.ClearField("tensor_content")
            for dim in tensor.tensor_shape.dim:
                dim.size = 2**40
        return response.SerializeToString()

    with Stub(break_off=spoil) as server:
        assert run(server, "grpc", song) == 1
    assert "wanted less than 2 GiB" in error_of(capsys)


INTERFACES = {
    "not JSON": "hello",
    "a list": [],
    "deep": "[" * 100000,
    "a stem of another folder": {**INTERFACE, "stems": ["../../evil", "rest"]},
    "the folder above": {**INTERFACE, "stems": ["..", "rest"]},
    "a stem of the root": {**INTERFACE, "stems": ["/tmp/evil"]},
    "a stem without a name": {**INTERFACE, "stems": [""]},
    "two of one name": {**INTERFACE, "stems": ["rest", "Rest"]},
    "no stems": {**INTERFACE, "stems": []},
    "a text of stems": {**INTERFACE, "stems": "vocals"},
    "a rate of 0": {**INTERFACE, "sample_rate": 0},
    "a rate of text": {**INTERFACE, "sample_rate": "44100"},
    "a rate of true": {**INTERFACE, "sample_rate": True},
    "a thousand channels": {**INTERFACE, "channels": 1000},
    "no round": {name: value for name, value in INTERFACE.items() if name != "round"},
    "a round of 0": {**INTERFACE, "round": 0},
    "a fade back": {**INTERFACE, "fade": -1},
    "a peak of 0": {**INTERFACE, "max_peak": 0},
}


@BOTH
@pytest.mark.parametrize("name", INTERFACES)
def test_interfaces_that_would_do_harm(scheme, name, song, capsys):
    with Stub(INTERFACES[name]) as server:
        assert run(server, scheme, song) == 1
        assert len(server.asked) == 1
    assert "UNKNOWN: describe: " in error_of(capsys)


@BOTH
def test_a_version_that_is_published_in_mid_song(scheme):
    waveform = np.random.default_rng(0).uniform(-0.9, 0.9, [2 * RATE, 1]).astype(np.float32)
    with Stub(versions=(3,)) as server:
        with closing(Client(server.url(scheme), seconds=0.5, jobs=1)) as client:
            assert client.version == 3
            for index, _ in enumerate(client.blocks([waveform])):
                if index == 1:
                    server.versions.append(4)
        assert {version for _, version in server.asked} == {3}
        assert len(server.asked) == 5
        with closing(Client(server.url(scheme))) as client:
            assert client.version == 4
            server.versions.remove(4)
            with pytest.raises(ServingError, match="NOT_FOUND"):
                client.separate(waveform)


def test_a_model_that_is_still_loaded(song, capsys):
    end = time.monotonic() + 0.3

    def status(numbers):
        loaded = time.monotonic() > end
        return [stub.state(1, "END"), stub.state(2, "AVAILABLE" if loaded else "LOADING")]

    with Stub(versions=(2,), status=status) as server:
        assert run(server, "http", song) == 0
    assert "UNAVAILABLE" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["END", "UNLOADING"])
def test_a_version_that_is_gone(name, song, capsys):
    with Stub(status=lambda numbers: [stub.state(1, name, "no memory")]) as server:
        assert run(server, "http", song, "--version", "1") == 1
    line = error_of(capsys)
    assert "NOT_FOUND: " in line
    assert f"version 1 {name} (no memory)" in line


def test_a_server_that_is_busy_when_it_is_asked_first(song):
    def status(numbers):
        time.sleep(3 * patience.CONNECT_SECONDS)
        return [stub.state(1)]

    with Stub(status=status) as server:
        assert run(server, "http", song) == 0


def test_an_answer_without_end(song, capsys, monkeypatch):
    monkeypatch.setattr(http_line, "_LONGEST", 1000)
    with Stub() as server:
        assert run(server, "http", song, "--jobs", "1") == 1
        assert len(server.asked) == 2
    assert "UNKNOWN: answer: found more than 1000 bytes" in error_of(capsys)


@BOTH
def test_a_server_that_dies_costs_one_deadline(scheme, song, capsys):
    songs = [song.with_name(f"{number}.wav") for number in range(3)]
    for path in songs:
        shutil.copy(song, path)
    with Stub(break_off=stub.gateway) as server:
        arguments = [*map(str, songs), "--url", server.url(scheme), "--deadline", "0.6"]
        start = time.monotonic()
        assert main([*arguments, "--output", str(song.parent / "out")]) == 1
    assert time.monotonic() - start < 1.5
    *_, first, last = capsys.readouterr().err.splitlines()
    assert first.startswith(f"error: {songs[0]}: UNAVAILABLE")
    assert last == "error: server away, songs left: 2"


@BOTH
def test_a_piece_that_is_refused_ends_the_others(scheme):
    def refuse(body, number, line):
        if number >= 1:
            raise stub.Refusal(*[("UNAVAILABLE", 503), ("INVALID_ARGUMENT", 400)][number == 3])
        return body

    said: list[str] = []
    with Stub(break_off=refuse) as server:
        options: dict[str, Any] = {"seconds": 0.5, "jobs": 3, "deadline": 20, "say": said.append}
        with closing(Client(server.url(scheme), **options)) as client:
            start = time.monotonic()
            with pytest.raises(ServingError, match="INVALID_ARGUMENT"):
                client.separate(np.zeros([2 * RATE, 1], np.float32))
            assert time.monotonic() - start < 2
            time.sleep(0.1)  # requests under way
            asked = len(server.asked), len(said)
            time.sleep(1)
            assert (len(server.asked), len(said)) == asked


def test_peaks_that_16_bits_cut_off(song, capsys):
    soundfile.write(song, np.array([0.5, 1.5, -1.25, 1.0]), RATE, "FLOAT")
    with Stub() as server:
        arguments = [str(song), "--output", str(song.parent / "out"), "--url"]
        assert main([*arguments, server.url("http")]) == 0
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"warning: {song}: 2 samples beyond full scale were cut off")
        assert main([*arguments, server.url("grpc")]) == 0
        assert not capsys.readouterr().err
    loud, _ = soundfile.read(song.parent / "out/song/vocals.wav")
    np.testing.assert_array_equal(loud, [0.5, 1.5, -1.25, 1.0])


@BOTH
def test_a_folder_with_the_name_of_a_stem(scheme, song, capsys):
    mine = song.parent / "out/song/vocals.wav/mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with Stub() as server:
        arguments = [str(song), "--url", server.url(scheme), "--output", str(song.parent / "out")]
        assert main(arguments) == 2
    assert f"{mine.parent}: found a folder, wanted a file" in error_of(capsys)
    assert [path for path in mine.parents[1].rglob("*") if path.is_file()] == [mine]


@BOTH
def test_samples_above_the_model_s_limit(scheme, song, capsys):
    with Stub({**INTERFACE, "max_peak": 0.5}) as server:
        assert run(server, scheme, song) == 2
        assert len(server.asked) == 1
    assert "song.wav: found a sample of 0.8995, wanted at most 0.5; full scale is 1" in error_of(
        capsys
    )


@BOTH
def test_headers_go_with_every_request(scheme, song):
    with Stub() as server:
        options = ["--header", "Authorization: Bearer x:y", "--header", "X-Team: music"]
        assert run(server, scheme, song, *options) == 0
        for headers in server.headers:
            found = {name.lower(): value for name, value in headers.items()}
            assert (found["authorization"], found["x-team"]) == ("Bearer x:y", "music")


@pytest.mark.parametrize("scheme", ["grpc", "http"])
@pytest.mark.parametrize("fault", ["swapped", "silent", "closing"])
def test_a_port_that_is_not_a_server_s(scheme, fault, song, capsys):
    with Stub() as server, socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        if fault == "swapped":
            port = server.rest_port if scheme == "grpc" else server.port
        elif fault == "closing":

            def close():
                while True:
                    try:
                        other.accept()[0].close()
                    except OSError:
                        return

            threading.Thread(target=close, daemon=True).start()
        # A REST server that is silent may be busy, and is waited for.
        deadline = "0.6" if (scheme, fault) == ("http", "silent") else "60"
        assert run(f"{scheme}://127.0.0.1:{port}", scheme, song, "--deadline", deadline) == 1
    line = error_of(capsys)
    assert "UNAVAILABLE" in line or "DEADLINE_EXCEEDED" in line


@BOTH
def test_an_unknown_host(scheme, song, capsys):
    assert run(f"{scheme}://nowhere.invalid:8500", scheme, song, "--deadline", "60") == 1
    assert "UNAVAILABLE" in error_of(capsys)


def client_process(song, url, **environment):
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "serving.client", song, "--url", url]
    return subprocess.Popen(
        [*map(str, command), "--output", str(song.parent / "out")],
        env={"PYTHONPATH": str(ROOT), **os.environ, **environment},
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("scheme", ["grpcs", "https"])
def test_tls(scheme, song, tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext"
    address = ["subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make.split(), *address], check=True, capture_output=True)
    trusted = {
        "SSL_CERT_FILE": str(certificate),
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(certificate),
    }
    with Stub(tls=(key, certificate)) as server:
        process = client_process(song, server.url(scheme), **trusted)
        assert (process.communicate(timeout=30)[1], process.returncode) == ("", 0)
        # Nobody vouches for it.
        assert run(server, scheme, song.rename(tmp_path / "again.wav"), "--jobs", "1") == 1


@BOTH
def test_an_interrupted_client_ends(scheme, song):
    waiting = threading.Event()

    def wait(body, number, line):
        if number >= 1:
            waiting.set()
            server.ended.wait(60)
        return body

    with Stub(break_off=wait) as server:
        process = client_process(song, server.url(scheme))
        try:
            assert waiting.wait(30)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=5)
        finally:
            process.kill()
            process.wait()
    assert (process.returncode, said) == (130, "interrupted\n")
    assert not [path for path in (song.parent / "out").rglob("*") if path.is_file()]


def mutated(interface, chance: random.Random):
    """An interface with a value or two of another kind."""
    changed = copy.deepcopy(interface)
    numbers = (0, -1, 1, 2**31, 2**63, 1e308, float("nan"))
    others: list = [*numbers, None, True, "", "x", [], {}, ["a"] * 9]
    for name in chance.sample(sorted(changed), chance.randint(1, 2)):
        if chance.random() < 0.1:
            del changed[name]
        elif name in ("stems", "signatures") and chance.random() < 0.7:
            changed[name] = [chance.choice(["vocals", "a/b", "\0", "..", "é", "x" * 999, 1])]
        else:
            changed[name] = chance.choice(others)
    return changed


def corrupted(chance: random.Random):
    """Changes a few bytes of a message, or cuts it."""

    def change(body, number, line):
        if not body:
            return body
        data = bytearray(body)
        for _ in range(chance.randint(1, 5)):
            data[chance.randrange(min(len(data), chance.choice([40, 10**9])))] = chance.randrange(
                256
            )
        return bytes(data[: chance.randrange(len(data))] if chance.random() < 0.2 else data)

    return change


def check_mutations(scheme, song, capsys, seeds):
    for seed in seeds:
        chance = random.Random(seed)
        if seed % 2:
            options = {"interface": mutated(INTERFACE, chance)}
        else:
            options = {"break_off": corrupted(chance)}
        with Stub(**options) as server:
            output = song.parent / f"out{seed}"
            arguments = [str(song), "--url", server.url(scheme), "--output", str(output)]
            start = time.monotonic()
            code = main([*arguments, "--seconds", "0.5", "--deadline", "0.6"])
            said = capsys.readouterr().err
            assert time.monotonic() - start < 10, (seed, said)
            assert code in (0, 1, 2), seed
            assert (code == 0) == (not said.splitlines() or "error: " not in said), (seed, said)
            stems = [path for path in output.rglob("*") if path.is_file()]
            assert bool(stems) == (code == 0), (seed, stems)
            for path in stems:
                assert path.parent == output / "song", path
                assert np.isfinite(soundfile.read(path)[0]).all(), (seed, path)


@BOTH
def test_mutated_answers(scheme, song, capsys):
    check_mutations(scheme, song, capsys, range(8))


@pytest.mark.long
@BOTH
def test_many_mutated_answers(scheme, song, capsys):
    before = copy.deepcopy(INTERFACE)
    check_mutations(scheme, song, capsys, range(8, 508))
    assert before == INTERFACE  # not changed by the mutations
