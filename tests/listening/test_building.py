"""A test's folder: whole, blind, gone on with, and refused to another test."""

import base64
import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
import soundfile
from full_disk import files_up_to

from mss_keras.config import (
    AudioConfig,
    DataConfig,
    ListeningConfig,
    ModelConfig,
    SeparationConfig,
    UserError,
)
from mss_keras.data import open_set
from mss_keras.evaluation.excerpts import Excerpt
from mss_keras.evaluation.systems import System, of_model
from mss_keras.listening import systems, webmushra
from mss_keras.listening.building import Building
from mss_keras.listening.key import id_of, read_key
from mss_keras.listening.stimuli import loudness
from mss_keras.models.masking import MaskingModel

RATE = 16000
AUDIO = AudioConfig(sample_rate=RATE, nb_channels=2, nfft=256, nhop=64)
SOURCES = ("vocals", "bass")
SETTINGS = ListeningConfig(duration=0.5, per_source=2)


def write(folder, **waveforms):
    folder.mkdir(parents=True)
    for name, waveform in waveforms.items():
        soundfile.write(folder / f"{name}.wav", waveform, RATE, subtype="FLOAT")


def no_model(path):
    raise AssertionError(path)


@pytest.fixture
def root(tmp_path):
    """Two songs of noise of 2 s, and stems beside them that are their sources with some noise."""
    random = np.random.default_rng(0)
    for song in "ab":
        sources = {name: random.normal(size=[2 * RATE, 2]) * 0.1 for name in SOURCES}
        write(tmp_path / "music/test" / song, **sources)
        noisy = {name: x + 0.05 * random.normal(size=x.shape) for name, x in sources.items()}
        write(tmp_path / "stems" / song, **noisy)
    return tmp_path / "music"


@pytest.fixture
def stems(root):
    return systems.system_of(
        "stems", root.parent / "stems", load=no_model, subset="test", audio=AUDIO
    )


def built(root, output, *rated, say=lambda line: None, settings=SETTINGS, **options):
    dataset = DataConfig(root=str(root), sources=SOURCES)
    Building(settings, rated, dataset, AUDIO, say=say, **options).run(output)


def description(output):
    text = (output / "page/test.js").read_text()
    found = re.search(r"LISTENING_TEST = (.*);", text)
    assert found is not None
    return json.loads(found[1])


def heard(output, name):
    script = (output / f"page/audio/{name}.js").read_text()
    found = re.search(r'listeningAudio\("(\w+)", "(.*)"\)', script)
    assert found is not None
    assert found[1] == name
    path = output.parent / "heard.wav"
    path.write_bytes(base64.b64decode(found[2]))
    return soundfile.read(path)[0]


@pytest.fixture
def test(root, tmp_path, stems):
    built(root, tmp_path / "test", stems)
    return tmp_path / "test"


def test_the_whole_folder(test, root):
    assert sorted(path.name for path in test.iterdir()) == [
        *("estimates", "excerpts", "key.json", "listening.yaml", "page", "webmushra")
    ]
    key, public = read_key(test), description(test)
    assert key.test == public["test"]
    assert re.fullmatch("[0-9a-f]{16}", key.test)
    assert [trial["trial"] for trial in public["trials"]] == ["t01", "t02", "t03", "t04"]
    assert public["lufs"] == max(trial.lufs for trial in key.trials)
    for trial, shown in zip(key.trials, public["trials"], strict=True):
        assert sorted(trial.stimuli) == shown["stimuli"]
        assert sorted(trial.stimuli.values()) == ["anchor", "mixture", "reference", "stems"]
        assert (shown["source"], shown["seconds"]) == (trial.source, 0.5)
        assert shown["reference"] not in trial.stimuli
        waveforms = {kind: heard(test, name) for name, kind in trial.stimuli.items()}
        for waveform in waveforms.values():
            assert waveform.shape == (RATE // 2, 2)
            assert loudness(waveform, RATE) == pytest.approx(trial.lufs, abs=0.05)
        start = round(trial.start * RATE)
        source = soundfile.read(root / "test" / trial.song / f"{trial.source}.wav")[0]
        middle = slice(1000, 7000)
        true = source[start:][middle]
        correlation = np.corrcoef(true.ravel(), waveforms["reference"][middle].ravel())[0, 1]
        assert correlation > 0.999
        # What evaluation reads is not scaled.
        there = soundfile.read(test / "excerpts/test" / trial.track / f"{trial.source}.wav")[0]
        np.testing.assert_allclose(there[middle], true, atol=1e-6)
        stem = soundfile.read(root.parent / "stems" / trial.song / f"{trial.source}.wav")[0]
        path = test / "estimates/stems/test" / trial.track / f"{trial.source}.wav"
        np.testing.assert_allclose(soundfile.read(path)[0], stem[start : start + 8000], atol=1e-6)
    dataset = DataConfig(root=str(test / "excerpts"), sources=SOURCES)
    tracks = open_set(dataset, AUDIO, splits=["test"]).test
    assert {track.name for track in tracks} == {trial.track for trial in key.trials}
    assert all(track.mixture for track in tracks)


def test_the_page_tells_nothing_but_ids(test):
    key, public = read_key(test), description(test)
    files = list((test / "page/audio").iterdir())
    trials = [*public["trials"], *public["training"]]
    assert len(trials) == 5
    assert {path.stem for path in files} == {
        name for trial in trials for name in (trial["reference"], *trial["stimuli"])
    }
    assert len({path.stat().st_size for path in files}) == 1
    assert len({path.read_bytes()[30:] for path in files}) == len(files)  # and none is another's
    written = sorted(files, key=lambda path: path.stat().st_mtime_ns)
    assert written == sorted(files)
    assert not list((test / "page").rglob("key*"))
    texts = [json.dumps(public), *(path.name for path in (test / "page").rglob("*"))]
    for secret in (key.secret, "stems", *(trial.song + " @" for trial in key.trials)):
        assert not [text for text in texts if secret in text]
    assert id_of(key.secret, "orders") == public["seed"]


def test_the_same_is_left_alone_and_another_refused(test, root, stems):
    before = {path: path.stat().st_mtime_ns for path in test.rglob("*") if path.is_file()}
    lines: list[str] = []
    built(root, test, stems, say=lines.append)
    assert lines[0] == f"the test is in {test} already; nothing of it was changed"
    assert {path: path.stat().st_mtime_ns for path in before} == before
    with pytest.raises(UserError, match=r"another listening test in .*: `duration` 0.5 \(now 0.6"):
        built(root, test, stems, settings=ListeningConfig(duration=0.6, per_source=2))
    with pytest.raises(UserError, match=r"another listening test in .*: `systems`"):
        built(root, test, systems.blended("x", stems, 0.5, mixture=lambda excerpt: 0))
    (root.parent / "full").mkdir()
    (root.parent / "full/letter.txt").touch()
    with pytest.raises(UserError, match="output: found something else in"):
        built(root, root.parent / "full", stems)


def test_a_test_that_was_stopped_goes_on(root, tmp_path, stems):
    output, asked = tmp_path / "test", []

    def stopping(excerpt, sources, work):
        asked.append(excerpt.name)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return stems.read(excerpt, sources, work)

    rated = System("stems", "theirs", stopping)
    with pytest.raises(KeyboardInterrupt):
        built(root, output, rated)
    assert not (output / "page").exists()
    built(root, output, rated)
    places = {trial.track for trial in read_key(output).trials}
    # The first was kept, the second asked for again; the training is made anew.
    assert len(asked) == len(places) + 2


def test_a_page_that_was_moved_away(test, root, stems):
    """It is made again as the same test, whatever sounds otherwise by now; not beside ratings."""
    key = read_key(test)
    shutil.rmtree(test / "page")

    def otherwise(excerpt, sources, work):  # of the training, which is made anew
        return {name: 0.9 * x**3 for name, x in stems.read(excerpt, sources, work).items()}

    built(root, test, dataclasses.replace(stems, read=otherwise))
    assert read_key(test) == key
    assert description(test)["test"] == key.test
    shutil.rmtree(test / "page")
    (test / "ratings").mkdir()
    (test / "ratings/a.jsonl").touch()
    with pytest.raises(UserError, match=r"output: found ratings, but no page, in .*is finished"):
        built(root, test, stems)
    assert not (test / "page").exists()


def test_flags_of_models_are_refused_where_all_are_stems(root, tmp_path, stems):
    with pytest.raises(UserError, match=r"niter: found 3, wanted a model in `systems`"):
        built(root, tmp_path / "test", stems, separation=SeparationConfig(niter=3))


def test_a_song_with_a_name_too_long(root, tmp_path, stems):
    name = "ä" * 125  # 250 bytes, which a folder may have
    (root / "test/a").rename(root / "test" / name)
    (root.parent / "stems/a").rename(root.parent / "stems" / name)
    with pytest.raises(UserError, match=r"root: found a song's name that makes 25. bytes"):
        built(root, tmp_path / "test", stems)
    assert not (tmp_path / "test").exists()


def test_files_appear_whole(root, tmp_path, stems, monkeypatch):
    def full(*_, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(webmushra, "configuration", full)
    with pytest.raises(OSError, match="No space"):
        built(root, tmp_path / "test", stems)
    assert not (tmp_path / "test/key.json").exists()
    assert not (tmp_path / "test/webmushra").exists()
    assert not [path for path in (tmp_path / "test").rglob(".partial*")]


def test_a_model_hears_what_is_around_the_excerpt(root, tmp_path):
    model = MaskingModel(SOURCES, AUDIO, ModelConfig(hidden_size=4))
    model.build()
    (track, _) = open_set(DataConfig(root=str(root), sources=SOURCES), AUDIO, splits=["test"]).test
    excerpt = Excerpt(track, 1.0, 0.5, "vocals")
    system = of_model("ours", model, audio=AUDIO)
    found = system.estimates(excerpt, SOURCES, needed=SOURCES)
    mixture = sum(soundfile.read(root / f"test/a/{x}.wav", dtype="float32")[0] for x in SOURCES)
    whole, alone = model.separate(mixture), model.separate(mixture[RATE : RATE * 3 // 2])
    for source in SOURCES:
        part = whole[source][RATE : RATE * 3 // 2]
        np.testing.assert_allclose(found[source], part, atol=1e-6)
        assert np.abs(alone[source] - part).max() > 1e-4
    others = Excerpt(track, 1.0, 0.5, "drums")
    with pytest.raises(UserError, match=r"found ours of vocals, bass, wanted one that has drums"):
        system.check([excerpt, others])
    with pytest.raises(UserError, match=r"found ours of 16000 Hz, wanted 8000 Hz, as the excerpts"):
        of_model("ours", model, audio=AudioConfig(sample_rate=8000))


def test_estimates_that_are_wrong_are_named(root, tmp_path, stems):
    folder = root.parent / "stems"
    lines: list[str] = []
    for song in "ab":
        vocals = soundfile.read(folder / song / "vocals.wav")[0]
        soundfile.write(folder / song / "vocals.wav", 0 * vocals, RATE, subtype="FLOAT")
    built(root, tmp_path / "silent", stems, say=lines.append)
    silent = [
        line for line in lines if line.endswith("vocals: stems is silent, and stays as it is")
    ]
    assert len(silent) >= 2
    vocals[:] = np.nan
    for song in "ab":
        soundfile.write(folder / song / "vocals.wav", vocals, RATE, subtype="FLOAT")
    with pytest.raises(UserError, match=r"samples that are not finite in vocals of stems, . @"):
        built(root, tmp_path / "broken", stems)
    for song in "ab":
        soundfile.write(folder / song / "vocals.wav", vocals[:100], RATE, subtype="FLOAT")
    with pytest.raises(UserError, match=r"stems/./vocals.wav: found 0.00625 s, wanted at least"):
        built(root, tmp_path / "short", stems)
    for song in "ab":
        (folder / song / "vocals.wav").unlink()
    with pytest.raises(UserError, match=r"found no vocals.wav in .*stems/. of stems, . @ "):
        built(root, tmp_path / "missing", stems)
    for song in "ab":
        (folder / song / "vocals.flac").touch()
    with pytest.raises(UserError, match=r"stems/., but there is vocals.flac, of stems, . @ "):
        built(root, tmp_path / "missing", stems)
    # A folder is taken by what can be built alone.
    assert not [name for name in ("broken", "short", "missing") if (tmp_path / name).exists()]
    only = ListeningConfig(duration=0.5, per_source=1, targets=("bass",), scale="mos")
    built(root, tmp_path / "bass", stems, settings=only)  # which rates no vocals
    assert read_key(tmp_path / "bass").scale == "mos"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("x=nowhere", "systems: found nothing at nowhere for x, wanted the folder of a run"),
        ("mixture=x", "systems: found 'mixture', wanted a name of its own"),
        ("x", "systems: found 'x', wanted NAME=PATH"),
        ("x=", "systems: found 'x=', wanted NAME=PATH"),
        ("a/b=x", "systems: found 'a/b', wanted a name of letters"),
        ("Anchor=x", "systems: found 'Anchor', wanted a name of its own"),
        ("ä" * 51 + "=x", "systems: found 'ä{20}'…, wanted a name of 100 bytes at most"),
    ],
)
def test_systems_that_are_none(given, message):
    with pytest.raises(UserError, match=message):
        systems.all_of(
            ListeningConfig(systems=(given,)).paths(),
            load=no_model,
            subset="test",
            audio=AUDIO,
        )


def test_nothing_to_rate(root, tmp_path):
    with pytest.raises(UserError, match="systems: found nothing, wanted NAME=PATH"):
        built(root, tmp_path / "test")
    with pytest.raises(UserError, match="systems: found 'x', wanted different names"):
        ListeningConfig(systems=("x=1", "x=2"))
    with pytest.raises(UserError, match="systems: found 'X', wanted different names, by more"):
        ListeningConfig(systems=("x=1", "X=2"))


def test_more_systems_than_letters():
    given = [f"s{number}=x" for number in range(24)]
    assert len(ListeningConfig(systems=tuple(given[:23])).paths()) == 23
    with pytest.raises(UserError, match="systems: found 24, wanted 23 at most: stimuli"):
        ListeningConfig(systems=tuple(given))


def test_a_disk_that_fills_up(root, tmp_path, stems):
    with files_up_to(10000), pytest.raises(OSError, match="File too large"):
        built(root, tmp_path / "test", stems)
    built(root, tmp_path / "test", stems)
    assert description(tmp_path / "test")["trials"]


def test_the_folder_is_looked_at_before_the_songs(root, tmp_path, stems):
    shutil.rmtree(root)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").write_text("")
    for output, message in (("other", "something else"), ("other/file/test", "Not a directory")):
        with pytest.raises(UserError, match=f"output: found {message}"):
            built(root, tmp_path / output, stems)


def test_another_test_in_the_folder_is_told_by_what_differs(root, test, stems):
    other = dataclasses.replace(stems, said="others")
    with pytest.raises(
        UserError, match=r"in .*/test: `systems`: stems stems in .* \(now others\), wanted"
    ):
        built(root, test, other)


@pytest.mark.parametrize("title", ["", " ", "x" * 201])
def test_a_title_that_is_none(title):
    with pytest.raises(UserError, match=r"title: found '.*', wanted 1 to 200 characters"):
        ListeningConfig(title=title)
