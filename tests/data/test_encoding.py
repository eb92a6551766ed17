"""Stems as files that appear together when they are whole."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from mss_keras.config import SOURCES, AudioConfig, UserError
from mss_keras.data import decode, stem_files
from mss_keras.data.encoding import require_format
from mss_keras.data.stems import stem_blocks

RATE = 44100


def write(folder, stems, names=SOURCES, **kwargs):
    options = {"format": "wav", "bits": "float", "rate": RATE, "channels": 2, **kwargs}
    with stem_files(folder, names, **options) as writer:
        length = len(stems["vocals"])
        for begin in range(0, length, 5000):
            writer.write({name: stems[name][begin : begin + 5000] for name in names})
    return writer


@pytest.mark.parametrize(
    ("format", "bits", "subtype", "step"),
    [("wav", "float", "FLOAT", 0), ("wav", "16", "PCM_16", 2**-15), ("wav", "24", "PCM_24", 2**-23),
     ("flac", "16", "PCM_16", 2**-15), ("flac", "24", "PCM_24", 2**-23)],
)  # fmt: skip
def test_sound_files(tmp_path, stems, format, bits, subtype, step):
    some = {name: stems[name][:12345] for name in SOURCES}
    write(tmp_path / "song", some, format=format, bits=bits)
    assert sorted(p.name for p in (tmp_path / "song").iterdir()) == sorted(
        f"{name}.{format}" for name in SOURCES
    )
    for name, stem in some.items():
        path = tmp_path / "song" / f"{name}.{format}"
        info = soundfile.info(path)
        assert (info.format, info.subtype, info.samplerate) == (format.upper(), subtype, RATE)
        found, _ = soundfile.read(path, dtype="float32")
        assert np.abs(found - stem).max() <= step


def test_floats_are_not_rescaled_and_integers_are_clipped_and_counted(tmp_path):
    loud = {"vocals": np.full((100, 2), 1.5, np.float32)}
    assert write(tmp_path / "a", loud, ["vocals"]).clipped == 0
    assert soundfile.read(tmp_path / "a/vocals.wav")[0].max() == 1.5
    assert write(tmp_path / "b", loud, ["vocals"], bits="16").clipped == 200
    assert soundfile.read(tmp_path / "b/vocals.wav")[0].max() == pytest.approx(1, abs=1e-4)


def test_a_stem_mp4_is_read_back_as_musdb18(tmp_path, stems):
    write(tmp_path / "song", stems, ["mixture", *SOURCES], format="stem.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["song.stem.mp4"]
    found: dict[str, list] = {}
    for name, rate, block in stem_blocks(tmp_path / "song.stem.mp4"):
        assert rate == RATE
        found.setdefault(name, []).append(block)
    assert list(found) == ["mixture", "drums", "bass", "other", "vocals"]
    for name, blocks in found.items():
        waveform = np.concatenate(blocks)
        assert 0 <= len(waveform) - len(stems[name]) < 2048
        error = waveform[: len(stems[name])] - stems[name]
        assert np.sum(error**2) < 0.01 * np.sum(stems[name] ** 2), name


@pytest.mark.parametrize(("rate", "channels"), [(44100, 2), (48000, 1), (22050, 2)])
def test_mp3(tmp_path, stems, rate, channels):
    some = {name: stems[name][:50000, :channels] for name in SOURCES}
    write(tmp_path / "song", some, format="mp3", rate=rate, channels=channels)
    assert len(list((tmp_path / "song").iterdir())) == 4
    for name, stem in some.items():
        audio = AudioConfig(sample_rate=rate, nb_channels=channels)
        found = decode(tmp_path / "song" / f"{name}.mp3", audio)
        assert abs(len(found) - 50000) < 2400  # a decoder that knows LAME's tag cuts the padding
        length = min(len(found), 50000)
        error = found[2000:length] - stem[2000:length]
        assert np.sum(error**2) < 0.03 * np.sum(stem**2), name


def test_mp3_has_some_sample_rates(tmp_path, stems):
    with pytest.raises(UserError, match="format: found mp3 of 96000 Hz, wanted wav or flac"):
        write(tmp_path / "song", stems, format="mp3", rate=96000)


def test_a_file_beyond_4_gib_is_rf64(tmp_path, stems):
    some = {name: stems[name][:100] for name in SOURCES}
    write(tmp_path / "long", some, seconds=4 * 3600)
    assert soundfile.info(tmp_path / "long/bass.wav").format == "RF64"
    write(tmp_path / "short", some, seconds=3 * 3600)
    assert soundfile.info(tmp_path / "short/bass.wav").format == "WAV"


def test_nothing_is_left_of_what_was_not_finished(tmp_path, stems):
    for format in ("wav", "mp3", "stem.mp4"):
        names = ["mixture", *SOURCES]

        def half(format=format, names=names):
            with stem_files(
                tmp_path / "song", names, format=format, bits="float", rate=RATE, channels=2
            ) as writer:
                writer.write({name: stems[name][:5000] for name in names})
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            half()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_was_there_is_kept_until_the_new_is_whole(tmp_path, stems):
    some = {name: stems[name][:100] for name in SOURCES}
    write(tmp_path / "song", some)
    before = {path: path.read_bytes() for path in (tmp_path / "song").iterdir()}

    def fail():
        with stem_files(tmp_path / "song", SOURCES, format="wav", bits="16", rate=RATE, channels=2):
            raise UserError("song", "that it vanished", "a song")

    with pytest.raises(UserError, match="vanished"):
        fail()
    assert {path: path.read_bytes() for path in (tmp_path / "song").iterdir()} == before


def test_where_nothing_can_be_written(tmp_path, stems):
    (tmp_path / "song").write_text("a file")
    with pytest.raises(UserError, match="wanted a folder to write to"):
        write(Path(tmp_path / "song/inside"), {"vocals": stems["vocals"][:10]}, ["vocals"])


def test_formats_and_what_they_hold():
    require_format("stem.mp4", "float", ["bass", "drums", "other", "vocals"])
    with pytest.raises(UserError, match=r"format: found stem.mp4 for .* has the stems bass, drums"):
        require_format("stem.mp4", "float", ["vocals", "accompaniment"])
    with pytest.raises(UserError, match="bits: found float for `format` flac"):
        require_format("flac", "float", ["vocals"])
