"""Everything that is wrong is listed, and nothing else."""

import shutil

import numpy as np
import pytest
import soundfile

from mss_keras.config import SOURCES, AudioConfig, UserError
from mss_keras.data import check
from mss_keras.data.musdb import demo_stem


def findings(root, sources=SOURCES):
    found = check(root, sources, AudioConfig(), progress=False)
    return {(f.path.removeprefix(f"{root}/"), f.message, f.fatal) for f in found}


def test_a_good_set_has_no_findings(tree):
    assert findings(tree) == set()


def test_all_that_is_wrong_is_listed_at_once(tree):
    (tree / "train/a/other.wav").unlink()
    (tree / "train/a/take2.wav").write_bytes(b"")
    soundfile.write(tree / "train/b/bass.wav", np.zeros((44100, 2)), 44100)
    soundfile.write(tree / "train/b/drums.wav", np.ones((44000, 1)) / 4, 44100)
    holes = np.full((44100, 2), 0.5)
    holes[30000] = np.nan
    soundfile.write(tree / "train/c/vocals.wav", holes, 44100, subtype="FLOAT")
    soundfile.write(tree / "valid/d/bass.wav", np.ones((44100, 2)) / 4, 48000)
    cut = tree / "valid/d/drums.wav"
    cut.write_bytes(cut.read_bytes()[:1000])
    (tree / "test/e/bass.wav").write_text("hello")
    assert findings(tree) == {
        (
            "train/a/other.wav",
            "found no such file beside bass.wav, drums.wav, mixture.wav, take2.wav, vocals.wav, "
            "wanted one for each of `sources`",
            True,
        ),
        ("train/a/take2.wav", "it is none of the sources and is not used", False),
        ("train/b/bass.wav", "it is silent throughout", False),
        ("train/b/drums.wav", "it is mono and is used as both channels", False),
        (
            "train/b/drums.wav",
            "found 44000 samples where the track's other files have 44100; the shortest counts",
            False,
        ),
        ("train/c/vocals.wav", "found NaN or infinite samples, wanted finite ones", True),
        ("valid/d/bass.wav", "found 48000 Hz, wanted 44100 Hz", True),
        (
            "valid/d/drums.wav",
            "found a file that is cut short, with 956 bytes of samples, "
            "wanted 176400, as its header promises",
            True,
        ),
        ("test/e/bass.wav", "found no audio, wanted a WAV file", True),
    }


def test_a_set_with_nothing_to_train_on(tree):
    (tree / "train").rename(tree / "elsewhere")
    assert any(
        "found no tracks for train" in message and fatal for _, message, fatal in findings(tree)
    )


def test_stems(tmp_path):
    (tmp_path / "train").mkdir()
    for name in ("good", "too"):
        (tmp_path / f"train/{name}.stem.mp4").symlink_to(demo_stem())
    assert findings(tmp_path) == set()
    ((path, message, fatal),) = findings(tmp_path, sources=("vocals", "flute"))
    assert message.startswith("found 'flute', wanted one of drums, bass, other, vocals")
    assert fatal
    (tmp_path / "train/bad.stem.mp4").write_bytes(demo_stem().read_bytes()[:200000])
    ((path, _, fatal),) = findings(tmp_path)
    assert path == "train/bad.stem.mp4"
    assert fatal


@pytest.mark.parametrize("kind", ["stems", "folders"])
def test_a_set_that_leaves_nothing_to_validate_on(tree, tmp_path, kind):
    """As training refuses it; beside other findings, too."""
    if kind == "stems":
        root = tmp_path / "stems"
        (root / "train").mkdir(parents=True)
        (root / "train/one.stem.mp4").symlink_to(demo_stem())
    else:
        root = tree
        for track in ("train/b", "train/c", "valid/d"):
            shutil.rmtree(root / track)
        soundfile.write(root / "train/a/bass.wav", np.ones((44100, 2)) / 4, 48000)
    messages = {message: fatal for _, message, fatal in findings(root)}
    wanted = f"found no tracks for valid in {root} (only train"
    assert [fatal for message, fatal in messages.items() if message.startswith(wanted)] == [True]
    assert len(messages) == (1 if kind == "stems" else 2)


def test_no_set_at_all(tmp_path):
    with pytest.raises(UserError, match="no music"):
        check(tmp_path, SOURCES, AudioConfig())
