"""Audio files through the client, as `trainer separate` reads and writes them."""

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from mss_keras.separation import separate_song
from serving.client.__main__ import main


@pytest.fixture
def client(stand_in, tmp_path, capsys):
    """Runs the command line against the stand-in; gives the exit code and what was said."""

    def run(*songs, scheme="grpc"):
        port = stand_in.port if scheme == "grpc" else stand_in.rest_port
        url = f"{scheme}://127.0.0.1:{port}"
        code = main([*map(str, songs), "--url", url, "--output", str(tmp_path / "out")])
        return code, capsys.readouterr()

    return run


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_files_that_lie_there_are_left_alone(client, tmp_path):
    song = tmp_path / "in/song.wav"
    song.parent.mkdir()
    soundfile.write(song, np.zeros([9, 2]), 44100)
    project = tmp_path / "out/song/project.als"
    project.parent.mkdir(parents=True)
    project.write_text("mine")
    (project.parent / "rest.wav").write_text("of before")
    assert client(song)[0] == 0
    assert files(tmp_path / "out") == ["song/project.als", "song/rest.wav", "song/vocals.wav"]
    assert len(soundfile.read(project.parent / "rest.wav")[0]) == 9


@pytest.mark.parametrize("name", ["...wav", "..wav", ".wav"])
def test_a_name_of_dots_leads_nowhere_else(name, client, tmp_path):
    soundfile.write(tmp_path / name, np.zeros([9, 2]), 44100, format="WAV")
    (tmp_path / "other").write_text("mine")
    assert client(tmp_path / name)[0] == 0
    made = [f"out/{name}/{stem}.wav" for stem in ("rest", "vocals")]
    assert files(tmp_path) == sorted([name, "other", *made])


def test_songs_of_one_name(client, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / "x.wav", np.zeros([9, 2]), 44100)
    code, said = client(tmp_path / "a/x.wav", tmp_path / "b/x.wav")
    assert code == 2
    assert "for one output" in said.err
    assert not (tmp_path / "out").exists()
    soundfile.write(tmp_path / "a/x.flac", np.zeros([9, 2]), 44100)
    assert client(tmp_path / "a")[0] == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"x.wav", "x.flac"}


def test_other_formats_and_rates_as_trainer_separate(client, exported, stems, tmp_path):
    mixture = stems["mixture"][:88200]
    soundfile.write(tmp_path / "fast.wav", mixture, 48000, "PCM_24")
    soundfile.write(tmp_path / "song.mp3", mixture, 44100)
    soundfile.write(tmp_path / "mono.flac", mixture[:, 0], 22050)
    assert client(*(tmp_path / name for name in ("fast.wav", "song.mp3", "mono.flac")))[0] == 0
    for name in ("fast.wav", "song.mp3", "mono.flac"):
        target = tmp_path / "native" / Path(name).stem
        separate_song(exported.separator, tmp_path / name, target, options=exported.options)
        for stem in ("vocals", "rest"):
            wanted, rate = soundfile.read(target / f"{stem}.wav")
            made, found = soundfile.read(tmp_path / "out" / Path(name).stem / f"{stem}.wav")
            assert rate == found == 44100
            np.testing.assert_allclose(made, wanted, atol=1e-4)


def flac_of_unknown_length(path, waveform):
    """As an encoder leaves it that writes to a pipe."""
    soundfile.write(path, waveform, 44100)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # the 36 bits of the number of samples
    data[22:26] = bytes(4)
    path.write_bytes(data)


def test_files_that_are_not_whole(client, stems, tmp_path):
    mixture = stems["mixture"][:44100]
    flac_of_unknown_length(tmp_path / "piped.flac", mixture)
    for name in ("cut.flac", "cut.mp3"):
        soundfile.write(tmp_path / name, mixture, 44100)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with av.open(str(tmp_path / "piped.flac")) as container:
        assert container.duration is None
    assert soundfile.info(tmp_path / "piped.flac").frames > 2**62
    code, said = client(*(tmp_path / name for name in ("piped.flac", "cut.flac", "cut.mp3")))
    assert code == 0, said.err
    assert len(soundfile.read(tmp_path / "out/piped/rest.wav")[0]) == 44100
    for name in ("cut.flac", "cut.mp3"):
        length = len(soundfile.read(tmp_path / "out" / name / "rest.wav")[0])
        assert 10000 < length < 44100
    assert "cut.flac: it ends after" in said.out or "damaged packets" in said.out


def test_nan_is_refused_over_rest(client, tmp_path):
    broken = np.full([9, 2], np.nan)
    soundfile.write(tmp_path / "nan.wav", broken, 44100, "FLOAT")
    code, said = client(tmp_path / "nan.wav", scheme="http")
    assert code == 2
    assert "finite samples" in said.err
    assert not files(tmp_path / "out")
