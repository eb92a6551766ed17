"""Songs from file to stems."""

import re

import numpy as np
import pytest
import soundfile
from encoded import encode

from mss_keras.config import AudioConfig, ModelConfig, SeparationConfig, SongConfig, UserError
from mss_keras.data.decoding import Song
from mss_keras.models.masking import MaskingModel
from mss_keras.separation import songs
from mss_keras.separation.songs import separate_songs

NAMES = ("vocals", "drums", "bass", "other")


@pytest.fixture(scope="module")
def separator():
    model = MaskingModel(NAMES, AudioConfig(nfft=512, nhop=128), ModelConfig(hidden_size=8))
    model.build()
    return model


@pytest.fixture
def song(tmp_path, excerpt):
    path = tmp_path / "song.wav"
    soundfile.write(path, excerpt["mixture"][:60000], 44100, subtype="FLOAT")
    return path


def run(separator, path, output, *, options=SeparationConfig(), **files):
    lines: list[str] = []
    paths = {path: path.with_suffix("").name} if not isinstance(path, dict) else path
    settings = SongConfig(**files)
    failed = separate_songs(
        separator, paths, output, options=options, files=settings, say=lines.append
    )
    return failed, lines


def read(path):
    return soundfile.read(path, dtype="float32", always_2d=True)


def test_stems_are_the_separators(separator, song, tmp_path):
    options = SeparationConfig(niter=1, targets=("bass", "vocals"), residual="rest")
    assert run(separator, song, tmp_path / "out", options=options)[0] == 0
    mixture, _ = read(song)
    for name, expected in separator.separate(mixture, options).items():
        stem, rate = read(tmp_path / "out/song" / f"{name}.wav")
        assert rate == 44100
        np.testing.assert_array_equal(stem, expected)
    assert len(list((tmp_path / "out/song").iterdir())) == 3


def test_two_stems(separator, song, tmp_path):
    options = SeparationConfig().two_stems("vocals")
    _, lines = run(separator, song, tmp_path / "out", options=options, format="flac", bits="24")
    assert re.search(r"vocals, no_vocals in .*; 1\.4 s of music, real-time factor \d", lines[0])
    found = {path.stem: read(path)[0] for path in (tmp_path / "out/song").iterdir()}
    assert sorted(found) == ["no_vocals", "vocals"]
    assert np.abs(found["vocals"] + found["no_vocals"] - read(song)[0]).max() < 1e-6
    with pytest.raises(UserError, match="two_stems: found it with `residual`"):
        SeparationConfig(residual="rest").two_stems("vocals")


def test_aggregate(separator, song, tmp_path):
    sums = {"accompaniment": ["drums", "bass", "other"], "vocals": ["vocals"]}
    run(separator, song, tmp_path / "out", aggregate=sums)
    stems = separator.separate(read(song)[0])
    assert len(list((tmp_path / "out/song").iterdir())) == 2
    found, _ = read(tmp_path / "out/song/accompaniment.wav")
    expected = stems["drums"] + stems["bass"] + stems["other"]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("original_rate", [False, True])
def test_sample_rates(separator, tmp_path, excerpt, original_rate):
    soundfile.write(tmp_path / "x.wav", excerpt["mixture"][:50011], 48000)
    options = SeparationConfig(residual="rest")
    run(separator, tmp_path / "x.wav", tmp_path, options=options, original_rate=original_rate)
    stems = [read(path) for path in (tmp_path / "x").iterdir()]
    assert {rate for _, rate in stems} == {48000 if original_rate else 44100}
    samples = 50011 if original_rate else round(50011 * 44100 / 48000)
    assert {len(stem) for stem, _ in stems} == {samples}
    mixture = np.concatenate(
        list(Song(tmp_path / "x.wav", AudioConfig(sample_rate=stems[0][1])).blocks())
    )
    assert np.abs(sum(stem for stem, _ in stems) - mixture).max() < 1e-4


@pytest.mark.parametrize("name", ["x.wav", "x.mp3"])
@pytest.mark.parametrize(("rate", "original_rate"), [(44100, False), (48000, False), (48000, True)])
@pytest.mark.parametrize(("start", "duration"), [(0.0, 0.2), (3.0123, 0.5), (5.4, None)])
def test_a_part_is_cut_from_the_whole(
    separator, tmp_path, excerpt, name, rate, original_rate, start, duration
):
    """The network hears what is around it."""
    if name == "x.mp3":
        encode(tmp_path / name, excerpt["mixture"], "libmp3lame", rate)
    else:
        soundfile.write(tmp_path / name, excerpt["mixture"], rate, subtype="FLOAT")
    options = SeparationConfig(
        *(("bass", "drums"), "rest"), niter=1, chunk_dur=0.1, context_dur=1.0, wiener_win_len=20
    )
    files = {"options": options, "original_rate": original_rate}
    run(separator, tmp_path / name, tmp_path / "whole", **files)
    part = {"start": start, "duration": duration}
    run(separator, tmp_path / name, tmp_path / "part", **files, **part)
    for stem in ("bass", "rest"):
        whole, written = read(tmp_path / f"whole/x/{stem}.wav")
        begin = round(start * written)
        end = None if duration is None else begin + round(duration * written)
        found, _ = read(tmp_path / f"part/x/{stem}.wav")
        np.testing.assert_allclose(found, whole[begin:end], atol=1e-5)


def test_a_part_beyond_the_end(separator, song, tmp_path):
    failed, lines = run(separator, song, tmp_path / "out", start=2.0)
    assert failed == 1
    assert lines[0].endswith("song.wav: found 1.4 s, wanted more than `start`, 2 s")
    _, lines = run(separator, song, tmp_path / "out", start=1.0, duration=30.0)
    assert len(lines) == 1
    assert len(read(tmp_path / "out/song/bass.wav")[0]) == 60000 - 44100


def test_a_stem_mp4_has_the_mixture_itself(separator, song, tmp_path):
    run(separator, song, tmp_path / "out", format="stem.mp4")
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == "song.stem.mp4"
    found = np.concatenate(list(Song(path, AudioConfig()).blocks()))[:60000]
    mixture, _ = read(song)
    assert np.sum((found - mixture) ** 2) < 0.1 * np.sum(mixture**2)


def test_one_that_fails_does_not_stop_the_rest(separator, song, tmp_path, excerpt):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.mp3").write_text("hello")
    soundfile.write(tmp_path / "one.wav", excerpt["mixture"][30000:30001], 44100)
    soundfile.write(tmp_path / "none.wav", np.zeros((0, 2)), 44100)
    soundfile.write(tmp_path / "six.wav", np.zeros((100, 6)), 44100)
    nan = excerpt["mixture"][:30000].copy()
    nan[20000] = np.nan
    soundfile.write(tmp_path / "nan.wav", nan, 44100, subtype="FLOAT")
    names = ("empty.wav", "text.mp3", "gone.wav", "none.wav", "six.wav", "nan.wav", "one.wav")
    paths = {tmp_path / name: name.split(".")[0] for name in (*names, "song.wav")}
    failed, lines = run(separator, paths, tmp_path / "out")
    assert failed == 6
    for name, line in zip(names[:6], lines[:6], strict=True):
        assert line.startswith("failed: ")
        assert name in line
    assert sorted(p.name for p in (tmp_path / "out").iterdir() if any(p.iterdir())) == [
        "one", "song",
    ]  # fmt: skip
    stem, _ = read(tmp_path / "out/one/bass.wav")
    assert stem.shape == (1, 2)


def test_whatever_is_raised_ends_one_song_alone(separator, song, tmp_path, monkeypatch):
    """Libraries raise exceptions of kinds that nobody has thought of."""
    whole = songs.separate_song

    def some(model, path, target, **kwargs):
        if path.name == "odd.wav":
            raise UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "invalid byte")
        return whole(model, path, target, **kwargs)

    monkeypatch.setattr(songs, "separate_song", some)
    failed, lines = run(separator, {tmp_path / "odd.wav": "odd", song: "song"}, tmp_path / "out")
    assert failed == 1
    assert lines[0].startswith(f"failed: {tmp_path}/odd.wav: UnicodeDecodeError: ")
    assert (tmp_path / "out/song/bass.wav").exists()


def test_remarks(separator, tmp_path):
    soundfile.write(tmp_path / "x.wav", np.full((30000, 2), 0.99), 44100)
    separator.network.output_affine.scale.assign(0 * separator.network.output_affine.scale)
    separator.network.output_affine.shift.assign(2 + 0 * separator.network.output_affine.shift)
    _, lines = run(separator, tmp_path / "x.wav", tmp_path / "out", bits="16")
    assert "240000 samples were clipped" in lines[1]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        (
            {"aggregate": {"x": ["vocals", "base"]}},
            r"aggregate: found 'base' \(did you mean bass\?\), wanted one of vocals, drums",
        ),
        ({"aggregate": {"x": []}}, "aggregate: found no stems for 'x', wanted some of vocals"),
        ({"format": "flac"}, "bits: found float"),
        ({"options": SeparationConfig(targets=("flute",))}, "targets"),
    ],
)
def test_what_is_wrong_whatever_the_song(separator, song, tmp_path, kwargs, message):
    with pytest.raises(UserError, match=message):
        run(separator, song, tmp_path / "out", **kwargs)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written(separator, song, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UserError, match=r"output: found .*out: .*wanted a folder"):
        run(separator, song, tmp_path / "out")
