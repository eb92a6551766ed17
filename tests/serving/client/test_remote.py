"""The client against a stand-in for TensorFlow Serving; see stand_in.py."""

import os
import re
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
import stand_in as module
from exported import make_separator

from mss_keras.config import AudioConfig, SeparationConfig, ServingConfig, UserError
from serving.client import Client, ServingError, patience
from serving.client.__main__ import main
from serving.client.transport import Values

RATE = 8000  # of the quick model
BEFORE = Path(__file__).parents[2] / "before"


def decibels(error, reference):
    return 20 * np.log10(np.linalg.norm(error) / np.linalg.norm(reference) + 1e-12)


def url(stand_in, scheme="grpc"):
    port = stand_in.port if scheme == "grpc" else stand_in.rest_port
    return f"{scheme}://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def long_song(stems):
    """Three minutes at the quick model's rate [samples, channels]; not the same everywhere."""
    music = np.tile(stems["mixture"], (6, 1))[: 180 * RATE]
    return music * np.linspace(0.3, 1, len(music), dtype=np.float32)[:, np.newaxis]


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_file_by_the_command_line(stand_in, exported, stems, scheme, tmp_path, capsys):
    soundfile.write(tmp_path / "song.wav", stems["mixture"], 44100, "PCM_16")
    arguments = [str(tmp_path / "song.wav"), "--url", url(stand_in, scheme)]
    # Rounds of 5.6 s, of 6.1 s: several requests.
    arguments += ["--seconds", "1", "--output", str(tmp_path / "out"), "--jobs", "3"]
    before = stand_in.answered
    assert main(arguments) == 0
    assert stand_in.answered == before + 3  # and the question
    assert "song.wav: vocals, rest in" in capsys.readouterr().out
    heard, _ = soundfile.read(tmp_path / "song.wav", dtype="float32")
    for name, stem in exported.separate(heard).items():
        made, rate = soundfile.read(tmp_path / f"out/song/{name}.wav")
        assert (rate, made.shape) == (44100, stem.shape)
        if scheme == "grpc":
            assert decibels(made - stem, stem) < -80
        else:  # no more than 16 bits can say
            assert np.abs(made - stem).max() <= 0.51 / 2**15


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_models_versions_and_labels(stand_in, quick, long_song, scheme):
    song = long_song[: 3 * RATE]
    stable = quick.separate(song)["vocals"]

    def ask(**which):
        with closing(Client(url(stand_in, scheme), "quick", **which)) as client:
            return client.separate(song)["vocals"]

    assert decibels(ask(label="stable") - stable, stable) < -40
    assert decibels(ask(version=1) - stable, stable) < -40
    newest = ask()
    assert decibels(newest - stable, stable) > -20
    np.testing.assert_array_equal(newest, ask(version=2))


def test_three_minutes_in_pieces(stand_in, quick, long_song):
    before = stand_in.answered
    with closing(Client(url(stand_in), "quick", version=1, seconds=30)) as client:
        stems = client.separate(long_song)
        assert stand_in.answered == before + 7
        for name, stem in quick.separate(long_song).items():
            assert decibels(stems[name] - stem, stem) < -80
        for samples in (0, 1):
            assert client.separate(long_song[:samples])["rest"].shape == (samples, 2)


def test_an_answer_of_100_megabytes(stand_in):
    song = np.zeros([6_600_000, 2], np.float32)
    with closing(Client(url(stand_in), "quick", seconds=1e6)) as client:
        before = stand_in.answered
        stems = client.separate(song)
        assert stand_in.answered == before + 1
    assert sum(stem.nbytes for stem in stems.values()) > 100 * 10**6
    assert all(stem.shape == song.shape for stem in stems.values())


def test_an_overloaded_server(stand_in, quick, long_song, monkeypatch):
    monkeypatch.setattr(stand_in, "room", threading.Semaphore(1))
    monkeypatch.setattr(stand_in, "refused", 0)
    said: list[str] = []
    options: dict[str, Any] = {"version": 1, "seconds": 30, "jobs": 4, "say": said.append}
    with closing(Client(url(stand_in), "quick", **options)) as client:
        stem = client.separate(long_song[: 90 * RATE])["vocals"]
    assert stand_in.refused == len(said) > 0
    assert f"UNAVAILABLE: {module.FULL}; again in" in said[0]
    expected = quick.separate(long_song[: 90 * RATE])["vocals"]
    assert decibels(stem - expected, expected) < -80


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """An export of before, and one that offers nothing but `fixed_length`."""
    folder = tmp_path_factory.mktemp("fixed")
    audio = AudioConfig(sample_rate=8000, nfft=512, nhop=256)
    options = SeparationConfig(chunk_dur=4.0, context_dur=1.0)
    limits = ServingConfig(("fixed_length",), fixed_seconds=3.0)
    separator = make_separator(1, audio)
    separator.export(folder, options, limits=limits)
    server = module.StandIn({"before": BEFORE / "run/saved_model", "fixed": folder})
    yield server, separator, options
    server.stop()


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_an_export_of_before(others, scheme):
    with np.load(BEFORE / "expected.npz") as wanted:
        with closing(Client(url(others[0], scheme), "before")) as client:
            stems = client.separate(wanted["mixture"])
        assert list(stems) == ["vocals", "drums", "bass", "other"]
        for name, stem in stems.items():
            np.testing.assert_allclose(stem, wanted[name], atol=1e-6)


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_model_that_offers_nothing_but_one_length(others, scheme, long_song):
    server, separator, options = others
    song = long_song[: 10 * RATE + 1]
    with closing(Client(url(server, scheme), "fixed")) as client:
        stems = client.separate(song)
        short = client.separate(song[-1000:])
    length = 3 * RATE
    step = length // 2 - min(client.interface.fade, length // 8)
    for begin in (0, step, 2 * step):  # each piece is heard alone; its middle is kept
        kept = slice(begin + 9000, begin + 15000)
        for name, stem in separator.separate(song[begin : begin + length], options).items():
            wanted = stem[9000:15000]
            assert decibels(stems[name][kept] - wanted, wanted) < -80
    assert all(stem.shape == song.shape for stem in stems.values())
    padded = np.pad(song[-1000:], [(0, length - 1000), (0, 0)])
    for name, stem in separator.separate(padded, options).items():
        assert decibels(short[name] - stem[:1000], stem[:1000]) < -80


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def go(server):
    server.stdin.write("x")
    server.stdin.flush()


@pytest.mark.long
def test_a_server_that_dies_and_returns_in_mid_song(quick, long_song, tmp_path):
    port = free_port()
    script = [sys.executable, str(Path(module.__file__)), str(port), f"quick={quick.folder}"]
    pipe = subprocess.PIPE
    servers = [
        subprocess.Popen(script, env=os.environ, stdin=pipe, stdout=pipe, text=True)
        for _ in range(2)
    ]
    said: list[str] = []
    stems = []
    try:
        for server in servers:  # the second waits to take the first one's place
            assert server.stdout
            assert server.stdout.readline() == "ready\n"
        go(servers[0])
        options: dict[str, Any] = {"version": 1, "seconds": 1, "jobs": 2, "deadline": 60}
        address = f"grpc://127.0.0.1:{port}"
        with closing(Client(address, "quick", **options, say=said.append)) as client:
            for index, block in enumerate(client.blocks([long_song])):
                stems.append(block)
                if index == 6:
                    servers[0].send_signal(signal.SIGKILL)
                    servers[0].wait()
                    go(servers[1])
    finally:
        for server in servers:
            server.kill()
            server.wait()
    assert any("UNAVAILABLE" in line for line in said)
    joined = np.concatenate(stems, axis=1)
    for made, stem in zip(joined, quick.separate(long_song).values(), strict=True):
        assert decibels(made - stem, stem) < -80  # nothing lost, nothing twice


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_a_server_that_is_away(scheme, capsys, monkeypatch):
    monkeypatch.setattr(patience, "CONNECT_SECONDS", 1.0)
    away = f"{scheme}://127.0.0.1:{free_port()}"
    start = time.monotonic()
    with pytest.raises(ServingError, match=r"UNAVAILABLE: .*[Cc]onnection refused"):
        Client(away)
    assert time.monotonic() - start < 3
    assert main(["song.wav", "--url", away]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: UNAVAILABLE: ")


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_what_a_server_refuses(stand_in, scheme):
    with closing(Client(url(stand_in, scheme))) as client:
        transport = client._transport
        file: Values = {"wav_bytes": [b"x"]}
        cases: list[tuple[str, Values, str]] = [
            ("separate_wav", {"wav": [b"x"]}, "INVALID_ARGUMENT: tensor alias not found"),
            ("separate_wav", {**file, "more": [b""]}, r"INVALID_ARGUMENT: .*Sent extra: {more}"),
            ("separate_wav", file, "(?s)INVALID_ARGUMENT: .*wanted a 16-bit PCM WAV file"),
            ("nothing", file, '"nothing" not found'),
        ]
        for signature, inputs, message in cases:
            with pytest.raises(ServingError, match=message):
                transport.predict(signature, inputs, 10)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"model": "none"}, r"NOT_FOUND: Servable not found for request: Latest\(none\)"),
        ({"version": 9}, r"NOT_FOUND: .*Specific\(open_unmix, 9\)"),
        ({"label": "none"}, "INVALID_ARGUMENT: Unrecognized servable version label: none"),
    ]
    for which, message in wrong:
        with pytest.raises(ServingError, match=message):
            Client(url(stand_in, scheme), **which)


def test_wrong_input(stand_in, tmp_path, capsys):
    soundfile.write(tmp_path / "wide.wav", np.zeros([9, 6]), 44100)
    soundfile.write(tmp_path / "mono.wav", np.zeros(9), 44100)
    (tmp_path / "text.wav").write_text("no audio")
    soundfile.write(tmp_path / "nan.wav", np.full([9, 2], np.nan), 44100, "FLOAT")
    songs = [str(tmp_path / f"{name}.wav") for name in ("wide", "mono", "text", "nan", "missing")]
    output = tmp_path / "out"
    assert main([*songs, "--url", url(stand_in), "--output", str(output)]) == 2
    told = capsys.readouterr()
    assert "mono.wav: vocals, rest in" in told.out  # the others go on
    wanted = ("1 or 2 (--downmix", "an audio file", "finite samples", "an audio file")
    for line, words in zip(told.err.splitlines(), wanted, strict=True):
        assert line.startswith(f"error: {tmp_path}")
        assert words in line.split("wanted")[1]
    assert sorted(p.name for p in output.iterdir() if any(p.iterdir())) == ["mono"]
    assert main([songs[0], "--url", url(stand_in), "--output", str(output), "--downmix"]) == 0


def test_wrong_arguments(stand_in, capsys):
    for arguments, message in [
        ({"url": "ftp://x"}, "url: found 'ftp://x', wanted grpc://HOST:PORT, grpcs"),
        ({"url": "grpc://x"}, "url: found 'grpc://x'"),
        ({"url": "grpc://x:99999"}, "url: found 'grpc://x:99999'"),
        ({"url": "http://x:port"}, "url: found 'http://x:port'"),
        ({"url": "http://me:secret@x"}, "url: found"),
        (
            {"url": url(stand_in), "label": "a", "version": 1},
            "label: found 'a' beside `version` 1, wanted one of them",
        ),
        ({"url": url(stand_in), "jobs": 0}, "jobs: found 0, wanted a number above 0"),
        ({"url": url(stand_in), "deadline": float("nan")}, "deadline: found nan"),
        ({"url": url(stand_in), "version": 2**70}, "version: found"),
    ]:
        with pytest.raises(UserError, match=f"^{re.escape(message)}"):
            Client(**arguments)
        flags = [word for name, value in arguments.items() for word in (f"--{name}", str(value))]
        assert main(["song.wav", *flags]) == 2
        shown = message.replace("`version`", "--version")
        assert capsys.readouterr().err.startswith(f"error: --{shown}")
    for header in ("Authorization", "a b: secret", "token: secret\n\x00", "x-bin: secret"):
        assert main(["song.wav", "--url", url(stand_in), "--header", header]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: --header: found ")
        assert "secret" not in said
    with closing(Client(url(stand_in))) as client:
        for waveform, wanted in [
            (np.zeros(9), "[samples, 2]"),
            (np.full([9, 2], np.nan), "finite"),
        ]:
            with pytest.raises(UserError, match=re.escape(wanted)):
                client.separate(waveform)
