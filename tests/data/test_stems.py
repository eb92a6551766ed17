"""Decoding stems, for real: killed, continued, damaged."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from mss_keras.config import UserError
from mss_keras.data import download, make_demo, prepare
from mss_keras.data.encoding import stem_files
from mss_keras.data.headers import AudioFile
from mss_keras.data.musdb import demo_stem, stem_ids
from mss_keras.data.stems import stem_blocks
from mss_keras.data.tracks import beside


@pytest.fixture
def musdb18(tmp_path):
    """A MUSDB18 of a few tracks, each the excerpt that stempeg ships."""
    root = tmp_path / "musdb18"
    for track in ("train/one", "train/two", "train/three", "test/four"):
        (root / track).parent.mkdir(parents=True, exist_ok=True)
        os.symlink(demo_stem(), root / f"{track}.stem.mp4")
    return root


def test_wav_files_are_the_stems_in_16_bit(musdb18, stems, tmp_path):
    output = tmp_path / "wav"
    assert prepare(musdb18, output, progress=False) == 4
    for track in ("train/one", "train/two", "train/three", "test/four"):
        assert sorted(p.name for p in (output / track).iterdir()) == sorted(
            f"{name}.wav" for name in stems
        )
    for name, waveform in stems.items():
        path = output / "train/two" / f"{name}.wav"
        decoded, rate = soundfile.read(path, dtype="float32")
        assert rate == 44100
        assert decoded.shape == (268288, 2)
        assert AudioFile.read_header(path).dtype == "int16"
        assert np.abs(decoded - np.clip(waveform, -1, 1 - 2**-15)).max() <= 0.5 / 2**15 + 1e-7


@pytest.mark.parametrize(("codec", "format"), [("alac", "s16p"), ("alac", "s32p"), ("flac", "s16")])
def test_stems_of_codecs_without_floats(stems, tmp_path, codec, format):
    """Native Instruments' stems may be in Apple's lossless codec, whose samples are integers."""
    path = tmp_path / "musdb18/train/x.stem.mp4"
    path.parent.mkdir(parents=True)
    with av.open(str(path), "w", format="mp4") as container:
        streams = {}
        for name in stem_ids():
            streams[name] = container.add_stream(codec, rate=44100, layout="stereo", format=format)
        for name, stream in streams.items():
            samples = np.ascontiguousarray(stems[name][:30000].T)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 44100, 0
            to_codec = av.AudioResampler(
                format=format, layout="stereo", rate=44100, frame_size=stream.frame_size
            )
            for part in (*to_codec.resample(frame), *to_codec.resample(None)):
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
    prepare(tmp_path / "musdb18", tmp_path / "wav", progress=False)
    for name in stem_ids():
        decoded, _ = soundfile.read(tmp_path / f"wav/train/x/{name}.wav", dtype="float32")
        assert decoded.shape[1] == 2
        assert np.abs(decoded[:30000] - np.clip(stems[name][:30000], -1, 1)).max() < 1e-4


def test_peaks_that_16_bits_cut_off_are_told(musdb18, tmp_path):
    """AAC decodes to floats, which may be beyond full scale."""
    tone = np.sin(np.arange(44100) / 20)[:, np.newaxis].repeat(2, 1)
    stems = {name: tone * (1.5 if name == "bass" else 0.2) for name in stem_ids()}
    wanted: dict[str, Any] = {
        "format": "stem.mp4", "bits": "float", "rate": 44100, "channels": 2,
    }  # fmt: skip
    for path in musdb18.glob("*/*"):
        path.unlink()
    with stem_files(musdb18 / "train/loud", [*stems], **wanted) as writer:
        writer.write(stems)
    lines: list[str] = []
    prepare(musdb18, tmp_path / "wav", progress=False, say=lines.append)
    (line,) = lines
    found = re.search(r"warning: (\d+) samples of 1 tracks .* peak is (.*), in .*loud", line)
    assert found
    parts = [x for name, _, x in stem_blocks(musdb18 / "train/loud.stem.mp4") if name == "bass"]
    levels = np.abs(np.concatenate(parts))
    assert int(found[1]) == np.sum(levels > 1) > 1000
    assert float(found[2]) == pytest.approx(levels.max(), abs=0.01)


def test_what_is_done_is_left_alone(musdb18, tmp_path):
    output = tmp_path / "wav"
    prepare(musdb18, output, progress=False)
    shutil.rmtree(output / "train/one")
    kept = (output / "train/two/bass.wav").stat().st_mtime_ns
    assert prepare(musdb18, output, progress=False) == 1
    assert (output / "train/two/bass.wav").stat().st_mtime_ns == kept
    assert (output / "train/one/bass.wav").exists()


def test_killed_and_continued(musdb18, tmp_path):
    for i in range(30):
        os.symlink(demo_stem(), musdb18 / f"train/more{i}.stem.mp4")
    output = tmp_path / "wav"
    command = [sys.executable, "-m", "trainer", "prepare", "--root", musdb18, "--output", output]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.time() + 120
    while not any(output.glob("train/[!.]*")) and time.time() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = [p for p in output.glob("*/*") if not p.name.startswith(".")]
    assert 0 < len(done) < 34
    for track in done:  # what has its name is whole
        assert len(list(track.iterdir())) == 5
        assert all(AudioFile.read_header(p).samples == 268288 for p in track.iterdir())
    assert prepare(musdb18, output, progress=False) == 34 - len(done)
    assert len(list(output.glob("*/*"))) == 34  # hidden leftovers are gone, too


def test_two_processes_at_once(musdb18, tmp_path):
    for i in range(2):
        os.symlink(demo_stem(), musdb18 / f"train/more{i}.stem.mp4")
    output = tmp_path / "wav"
    command = [sys.executable, "-m", "trainer", "prepare", "--root", musdb18, "--output", output]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(line.splitlines()[-1].split()[0] for line in said) == ["0", "6"]
    assert sum("waiting for" in line for line in said) == 1
    tracks = list(output.glob("*/*"))
    assert len(tracks) == 6
    assert all(AudioFile.read_header(p).samples == 268288 for t in tracks for p in t.iterdir())


def test_workers_go_with_a_killed_parent(musdb18, tmp_path):
    """Else they would stay for ever, and rename what the next run is writing."""
    for i in range(30):
        os.symlink(demo_stem(), musdb18 / f"train/more{i}.stem.mp4")
    output = tmp_path / "wav"
    command = [sys.executable, "-m", "trainer", "prepare", "--root", musdb18, "--output", output]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    try:
        deadline = time.time() + 120
        while not any(output.glob("train/[!.]*")) and time.time() < deadline:
            time.sleep(0.01)
        process.kill()
        process.communicate(timeout=20)  # ends when the last worker has closed its stderr
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert 0 < len(list(output.glob("*/[!.]*"))) < 34


def test_a_damaged_stem_is_named_after_the_others(musdb18, tmp_path):
    damaged = musdb18 / "train/two.stem.mp4"
    damaged.unlink()
    damaged.write_bytes(demo_stem().read_bytes()[:100000])
    with pytest.raises(UserError, match=r"found 1 of 4 tracks that failed: .*two\.stem\.mp4"):
        prepare(musdb18, tmp_path / "wav", progress=False)
    assert sorted(p.name for p in (tmp_path / "wav").glob("*/*")) == ["four", "one", "three"]


def test_a_number_of_jobs_below_one(musdb18, tmp_path):
    with pytest.raises(UserError, match="jobs: found -1, wanted a number above 0"):
        prepare(musdb18, tmp_path / "wav", jobs=-1)


def test_wav_files_lie_beside_the_root_however_it_is_named(tmp_path, monkeypatch):
    (tmp_path / "music/deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "music")
    assert beside(".") == tmp_path / "music-wav"
    monkeypatch.chdir(tmp_path / "music/deep")
    assert beside("..") == tmp_path / "music-wav"
    assert beside("a/b/") == Path("a/b-wav")


def test_wav_needs_no_preparation(tree, tmp_path):
    with pytest.raises(UserError, match="root: found WAV files"):
        prepare(tree, tmp_path / "x")


def test_demo_is_the_excerpt_in_two_parts(tmp_path, stems):
    root = make_demo(tmp_path / "demo")
    track = demo_stem().name.removesuffix(".stem.mp4")
    parts = [soundfile.read(root / s / track / "vocals.wav")[0] for s in ("train", "valid")]
    assert [len(part) for part in parts] == [198450, 268288 - 198450]
    assert np.abs(np.concatenate(parts) - stems["vocals"]).max() < 1e-4
    before = (root / "train" / track / "vocals.wav").stat().st_mtime_ns
    make_demo(root)
    assert (root / "train" / track / "vocals.wav").stat().st_mtime_ns == before


@pytest.mark.parametrize("top", ["", "MUSDB18-7-STEMS/"])
def test_download_of_a_local_archive(tmp_path, top):
    archive = tmp_path / "sample.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.write(demo_stem(), f"{top}train/a.stem.mp4")
        zipped.write(demo_stem(), f"{top}test/b.stem.mp4")
    root = download(tmp_path / "musdb", archive.as_uri(), progress=False)
    assert (root / "train/a.stem.mp4").read_bytes() == demo_stem().read_bytes()
    assert (root / "test/b.stem.mp4").exists()


def test_download_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "no.zip").write_text("this is no archive")
    for url in ((tmp_path / "no.zip").as_uri(), (tmp_path / "missing.zip").as_uri(), "nonsense"):
        with pytest.raises(UserError, match="download: found"):
            download(tmp_path / "musdb", url, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["no.zip"]


def test_broken_archives_are_told_in_one_line(tmp_path):
    archive = tmp_path / "sample.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.write(demo_stem(), "train/a.stem.mp4")
    whole = archive.read_bytes()
    directory = whole.index(b"PK\x01\x02")
    locked = bytearray(whole)
    locked[directory + 8] |= 1  # says that it is encrypted
    locked[6] |= 1
    for broken in (
        whole[: len(whole) // 2],
        whole[:60] + b"\xff" * 300 + whole[360:],
        whole[:500000] + bytes(300) + whole[500300:],
        bytes(locked),
    ):
        archive.write_bytes(broken)
        with pytest.raises(UserError, match="download: found") as error:
            download(tmp_path / "musdb", archive.as_uri(), progress=False)
        assert "\n" not in str(error.value)
        assert not (tmp_path / "musdb").exists()


def test_archives_cannot_write_elsewhere(tmp_path):
    archive = tmp_path / "a/b/sample.zip"
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.write(demo_stem(), "train/a.stem.mp4")
        zipped.writestr("../../outside.txt", "x")
    root = download(tmp_path / "a/b/musdb", archive.as_uri(), progress=False)
    assert [p.parent for p in tmp_path.rglob("outside.txt")] == [root]


def test_a_server_that_talks_nonsense(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"nonsense\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x.zip"
        with pytest.raises(UserError, match="download: found") as error:
            download(tmp_path / "musdb", url, progress=False)
    assert "\n" not in str(error.value)


def test_a_file_where_a_folder_should_be(musdb18, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file/sub: found .*, wanted a folder"):
        make_demo(tmp_path / "file/sub")
    (tmp_path / "wav").mkdir()
    (tmp_path / "wav/train").touch()
    with pytest.raises(UserError, match=r"3 of 4 tracks that failed: .*wav/train/one: "):
        prepare(musdb18, tmp_path / "wav", progress=False)
