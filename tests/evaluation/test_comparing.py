"""The same excerpts through several separators: chosen, heard, scored, and told on a page."""

import csv
import dataclasses
import shutil
import weakref
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import soundfile
from loud_songs import AUDIO as LOUD_AUDIO
from loud_songs import OFF, song, tracks_of
from loud_songs import SOURCES as LOUD_SOURCES

from mss_keras import losses
from mss_keras.config import (
    SOURCES,
    AudioConfig,
    CompareConfig,
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    UserError,
)
from mss_keras.data import open_set
from mss_keras.evaluation import Evaluation, evaluate, evaluating
from mss_keras.evaluation.comparing import compare as comparing
from mss_keras.evaluation.comparing import contestants
from mss_keras.evaluation.comparing.choosing import choose_examples
from mss_keras.evaluation.comparing.compare import compare
from mss_keras.evaluation.comparing.hearing import Hearing
from mss_keras.evaluation.comparing.models import Models, in_common, named_models
from mss_keras.evaluation.comparing.pages import answer, best_of
from mss_keras.evaluation.comparing.scores import Scores, average, board, score
from mss_keras.evaluation.comparing.tables import tables
from mss_keras.evaluation.pages import Report
from mss_keras.metrics import bss_eval
from mss_keras.models.masking import MaskingModel

AUDIO = AudioConfig(nfft=512, nhop=128)
NAN = float("nan")
LOSSES = ("l1_time", "l1_freq", "sdsdr_time", "l2_mask")


def network(sources=SOURCES, audio=AUDIO):
    keras.utils.set_random_seed(0)  # of some weights, all masks are almost 0
    model = MaskingModel(sources, audio, ModelConfig(hidden_size=4))
    model.build()
    return model


def models(**known):
    """Models that are known by their names, as if their paths led to them."""

    def describe(path):
        return known[path.name].source_names, known[path.name].audio

    return Models(named_models(list(known)), describe, lambda path: known[path.name])


@pytest.fixture(autouse=True)
def few_losses(monkeypatch):
    """All of them take seconds to be traced; tests/trainer/test_compare.py has them all."""
    monkeypatch.setattr(losses, "readable", lambda: list(LOSSES))


@pytest.fixture
def theirs(tree):
    """The mixture's quarter and the target's rest as estimates of the training tracks."""
    folder = tree.parent / "theirs"
    for track in (tree / "train").iterdir():
        mixture, rate = soundfile.read(track / "mixture.wav")
        (folder / track.name).mkdir(parents=True)
        for source in SOURCES:
            target, _ = soundfile.read(track / f"{source}.wav")
            path = folder / track.name / f"{source}.wav"
            soundfile.write(path, 0.75 * target + 0.25 * mixture, rate, subtype="FLOAT")
    return folder


def compared(tree, output, *, given=None, say=lambda line: None, **settings):
    chosen = CompareConfig(**{"subset": "train", "duration": 1.0, **settings})
    dataset = DataConfig(root=str(tree))
    return compare(output, given or models(), chosen, dataset=dataset, audio=AUDIO, say=say)


def rows_of(output):
    with (output / "compare.csv").open() as file:
        return {(x["track"], x["method"], x["source"]): x for x in csv.DictReader(file)}


# Which excerpts are heard.


def chosen(root, **settings):
    tests = CompareConfig(**{"duration": 2.0, **settings})
    return choose_examples(tracks_of(root), LOUD_SOURCES, tests)


def test_an_excerpt_begins_where_the_most_sources_are_loud(tmp_path):
    song(tmp_path, "a", vocals=[-20] * 4 + [OFF] * 6, bass=[OFF] * 2 + [-20] * 8)
    starts = {chosen(tmp_path, seed=seed)[0].excerpt.start for seed in range(9)}
    assert starts <= {1.0, 1.5, 2.0, 2.5, 3.0}  # both sound in half of it
    assert len(starts) > 1
    assert chosen(tmp_path, seed=3) == chosen(tmp_path, seed=3)


def test_songs_are_spread_over_the_split(tmp_path):
    for name in "abcdef":
        song(tmp_path, name, vocals=[-20] * 4, bass=[-20] * 4)
    drawn = [
        [one.excerpt.track.name for one in chosen(tmp_path, examples=3, seed=seed)]
        for seed in range(9)
    ]
    for names in drawn:
        assert [name in pair for name, pair in zip(names, ("ab", "cd", "ef"), strict=True)]
    assert len(set(map(tuple, drawn))) > 1
    assert len(chosen(tmp_path, examples=20)) == 6


def test_a_song_that_is_silent_gives_way_to_another(tmp_path):
    song(tmp_path, "a", vocals=[OFF] * 4, bass=[OFF] * 4)
    (only,) = chosen(tmp_path, examples=1)
    assert only.excerpt.start == 0
    assert "no source is loud enough" in only.notes[0]
    song(tmp_path, "b", vocals=[-20] * 4, bass=[OFF] * 4)
    for seed in range(4):
        (one,) = chosen(tmp_path, examples=1, seed=seed)
        assert (one.excerpt.track.name, one.notes) == ("b", ())


def test_short_songs_are_heard_whole_where_there_are_no_others(tmp_path):
    song(tmp_path, "a", vocals=[-20], bass=[-20])
    song(tmp_path, "b", vocals=[-20] * 4, bass=[-20] * 4)
    for seed in range(4):
        assert [x.excerpt.track.name for x in chosen(tmp_path, examples=1, seed=seed)] == ["b"]
    short, long = chosen(tmp_path, examples=2)
    assert (short.excerpt.seconds, long.excerpt.seconds) == (1.0, 2.0)
    assert short.notes == ("all of the song, which has 1.0 s",)
    for name in "ab":
        shutil.rmtree(tmp_path / "test" / name)
    folder = song(tmp_path, "c", vocals=[-20], bass=[-20])
    for source in LOUD_SOURCES:
        waveform, rate = soundfile.read(folder / f"{source}.wav")
        soundfile.write(folder / f"{source}.wav", waveform[:-1], rate)
    with pytest.raises(UserError, match=r"root: found no song of 1 s in `subset` test"):
        chosen(tmp_path)


# Scores.


def test_sdr_is_that_of_the_long_filters(excerpt):
    targets = excerpt["sources"][:, : 3 * 44100].astype(float)
    noise = np.random.default_rng(0).normal(size=targets.shape)
    estimates = 0.7 * targets + 0.1 * excerpt["mixture"][: 3 * 44100] + 0.01 * noise
    true, found = (dict(zip(SOURCES, x, strict=True)) for x in (targets, estimates))
    scores = score(true, found, sources=SOURCES, audio=AUDIO, metrics=())
    expected = bss_eval(targets, estimates, lags=64).median()["sdr"]
    np.testing.assert_allclose(list(scores.of_sources["sdr"].values()), expected, atol=1e-6)


def test_a_copy_has_an_infinite_sdr_and_what_is_silent_none(excerpt):
    x, y = excerpt["sources"][:2, : 2 * 44100].astype(float)
    made = {"copy": (x, y), "half": (0.5 * x, 0.5 * y), "one": (x, 0.5 * y), "none": (x, 0 * y)}
    true, *_ = estimates = [dict(zip("xy", sounds, strict=True)) for sounds in made.values()]
    of = {
        name: score(true, found, sources="xy", audio=AUDIO, metrics=())
        for name, found in zip(made, estimates, strict=True)
    }
    (sdr, _) = tables(board(of, list(of), "xy"), list(of), of=lambda metric: "here")
    assert sdr.rows == [
        ["x", "best ∞", "6.02", "best ∞", "best ∞"],
        ["y", "best ∞", "6.02", "6.02", "–"],
        ["mean", "best ∞", "6.02", "best ∞", "–"],
    ]
    assert best_of({"copy": float("inf"), "half": 6.02}) == "copy has the highest mean SDR (∞ dB)"


def test_means_are_of_the_same_sources_and_excerpts():
    names = ["a", "b"]

    def one(**methods):
        of = {
            name: Scores({"sdr": dict(zip("xy", v, strict=True))}, {})
            for name, v in methods.items()
        }
        return board(of, names, "xy")

    first, second = one(a=(1.0, NAN), b=(2.0, NAN)), one(a=(3.0, 7.0), b=(NAN, 9.0))
    np.testing.assert_array_equal(first.mean("sdr"), [1, 2])  # nobody has a score of y
    np.testing.assert_array_equal(second.mean("sdr"), [5, NAN])
    mean = average([first, second])
    np.testing.assert_array_equal(mean.values["sdr"], [[2.0, 7.0], [NAN, 9.0]])
    np.testing.assert_array_equal(average([first, one(a=(3.0, 7.0))]).values["sdr"][1], [NAN, NAN])


def test_the_best_is_marked_in_words_among_those_that_compete():
    of = {
        name: Scores({"sdr": {"x": sdr}, "l1_time": {"x": 1 / sdr}}, {})
        for name, sdr in {"a": 1.0, "b": 2.0, "irm": 9.0}.items()
    }
    found = tables(board(of, list(of), ["x"]), ["a", "b"], of=lambda metric: "here")
    assert [(table.caption, table.rows) for table in found] == [
        ("SDR, dB: here", [["x", "1.00", "best 2.00", "9.00"]]),
        ("Losses (less is better): here", [["l1_time", "1", "best 0.5", "0.111"]]),
    ]
    of |= {f"m{number}": of["a"] for number in range(4)}
    four = tables(board(of, list(of), list("stuvwxyz")), ["a", "b"], of=lambda metric: "here")[0]
    assert (len(four.columns), len(four.rows)) == (8, 9)  # fewer columns than with a row for each
    of |= {f"m{number}": of["a"] for number in range(6)}
    (wide, _) = tables(board(of, list(of), ["x"]), ["a", "b"], of=lambda metric: "here")
    assert wide.columns == ["method", "x"]
    assert wide.rows[1] == ["b", "best 2.00"]


# All of it.


def test_scores_are_those_of_an_evaluation(tree, theirs, tmp_path):
    """Of songs that are an excerpt long."""
    given: dict[str, Any] = {"estimates": (f"theirs={theirs}",), "oracle": ("mixture",)}
    settings = EvaluationConfig(subset="train", metrics=("si_sdr", *LOSSES), **given)
    evaluation = Evaluation(DataConfig(root=str(tree)), AUDIO, settings)
    scores, _ = evaluation.run(tmp_path / "scores")
    compared(tree, tmp_path / "page", examples=3, **given)
    found = rows_of(tmp_path / "page")
    for method, tracks in scores.items():
        for track in tracks:
            for metric, values in track.medians().items():
                for source, value in zip(SOURCES, values, strict=True):
                    if metric in ("sdr", "si_sdr", *LOSSES):
                        row = found[track.track, method, source]
                        assert float(row[metric]) == pytest.approx(value, rel=1e-4, abs=1e-3)
            row = found[track.track, method, "mean"]
            assert float(row["sdsdr_time"]) == pytest.approx(track.together["sdsdr_time"], rel=1e-4)
    means = [float(found[track, "theirs", "bass"]["sdr"]) for track in "abc"]
    assert float(found["mean", "theirs", "bass"]["sdr"]) == pytest.approx(np.mean(means))
    text = (tmp_path / "page/compare.html").read_text()
    assert "1 separator compared" in text
    assert "3 excerpts, 3 s of music in all" in text
    assert "a (train), 0 to 1 s" in text


def test_an_excerpt_from_the_middle_is_that_of_the_targets(tmp_path):
    """Through folders and models; what scores stand beside, and what is called the best."""
    quiet = {"vocals": [OFF] * 3 + [-20] * 2, "bass": [OFF] * 3 + [-26] * 2}
    folder = song(tmp_path / "music", "a", **quiet)
    for name, gain in (("target", 0.9), ("half", 0.5)):
        (tmp_path / name / "test/a").mkdir(parents=True)
        for source in LOUD_SOURCES:
            waveform, rate = soundfile.read(folder / f"{source}.wav")
            path = tmp_path / name / "test/a" / f"{source}.wav"
            soundfile.write(path, gain * waveform, rate, subtype="FLOAT")
    settings = CompareConfig(
        duration=2.0,
        estimates=tuple(f"{name}={tmp_path / name}" for name in ("target", "half")),
        oracle=("irm",),
    )
    dataset = DataConfig(root=str(tmp_path / "music"), sources=LOUD_SOURCES)
    given = models(net=network(LOUD_SOURCES, LOUD_AUDIO))
    found = compare(tmp_path / "page", given, settings, dataset=dataset, audio=LOUD_AUDIO)
    (one,) = found.heard
    assert one.chosen.excerpt.start >= 2.5
    for name, gain in (("target", 0.9), ("half", 0.5)):
        expected = gain * one.true["bass"]
        np.testing.assert_allclose(one.estimates[name]["bass"], expected, atol=1e-6)
    whole = np.std(one.true["mixture"])
    net = sum(np.std(one.estimates["net"][source]) for source in LOUD_SOURCES)
    assert net > 0.01 * whole  # before the excerpt there is silence
    example: Any = found.examples().parts[1]
    notes = {(x.row, x.column): x.note for x in example.stimuli}
    assert notes["bass", "target"] == "SDR 20.0 dB"
    assert notes["bass", "half"] == "SDR 6.0 dB"
    assert notes["bass", "true source"] == ""
    assert notes["mixture", ""] == ""
    assert answer(found).startswith("target has the highest mean SDR (20.00 dB) over 1 excerpt")


def test_what_models_have_in_common():
    stereo, mono = AudioConfig(nfft=512, nhop=128), AudioConfig(nb_channels=1)
    names, audio = in_common({"a": (["x"], mono), "b": (["y", "x"], stereo)})
    assert names == ("x", "y")
    assert audio == dataclasses.replace(mono, nb_channels=2)


def test_the_best_and_the_worst_song():
    def track(name, sdr):
        return SimpleNamespace(track=name, medians=lambda: {"sdr": np.array([sdr])})

    tracks: Any = [track("a", 2.0), track("b", 5.0), track("c", NAN), track("d", -1.0)]
    table: Any = Report({"m": tracks}, "test", [])._extremes()[0].parts[0]
    assert table.rows == [["m", "b", "5.00", "d", "-1.00"]]


def test_models_of_different_sources_side_by_side(tree, theirs, tmp_path):
    for source in ("vocals", "other"):  # no files, and no column
        for track in "abc":
            (theirs / track / f"{source}.wav").unlink()
    shutil.rmtree(theirs / "c")
    lines: list[str] = []
    both = models(duo=network(("drums", "bass")), solo=network(("vocals",)))
    estimates = (f"theirs={theirs}",)
    found = compared(tree, tmp_path / "page", given=both, say=lines.append, estimates=estimates)
    assert found.sources == ("drums", "bass", "vocals")
    assert "theirs has 2 of 3 songs: only of those" in lines
    assert "2 examples: there are no more songs" in lines
    there = [list(one.estimates[name]) for one in found.heard for name in found.methods]
    assert there == [["drums", "bass"], ["vocals"], ["drums", "bass"]] * 2
    assert np.isnan(found.mean.mean("sdr")).all()
    assert np.isfinite(found.mean.values["sdr"][0]).tolist() == [True, True, False]
    text = (tmp_path / "page/compare.html").read_text()
    assert "solo separates vocals alone: it has no mean of sources." in text
    # What is heard of a model is what it makes of the song, not of the excerpt alone.
    one = found.heard[0]
    mixture, _ = soundfile.read(tree / "train" / one.chosen.excerpt.track.name / "mixture.wav")
    whole = network_stems(both, "duo", mixture)
    np.testing.assert_allclose(one.estimates["duo"]["bass"], whole["bass"], atol=1e-6)


def network_stems(given, name, mixture):
    return given.load(given.paths[name]).separate(mixture.astype(np.float32))


def test_a_rerun_replaces_its_own_files_alone(tree, theirs, tmp_path):
    output = tmp_path / "page"
    given = {"estimates": (f"theirs={theirs}",), "examples": 1}
    compared(tree, output, **given)
    (output / "notes.txt").write_text("mine")
    before = (output / "compare.html").read_bytes()
    compared(tree, output, **given)
    assert (output / "compare.html").read_bytes() == before
    compared(tree, output, **{**given, "examples": 2})
    assert (output / "compare.html").read_bytes() != before
    assert sorted(path.name for path in output.iterdir()) == [
        *("compare.csv", "compare.html", "compare.yaml", "notes.txt")
    ]
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").write_text("mine")
    with pytest.raises(UserError, match="output: found something else in"):
        compared(tree, tmp_path / "other", **given)


@pytest.mark.long
def test_a_model_is_gone_when_the_next_is_loaded(tree, tmp_path):
    tracks = open_set(DataConfig(root=str(tree)), AUDIO, splits=["train"]).train
    examples = choose_examples(tracks, SOURCES, CompareConfig(duration=1.0, examples=2))
    loaded: list[weakref.ref] = []

    def load():
        assert [one() for one in loaded] == [None] * len(loaded)
        model = network()
        loaded.append(weakref.ref(model))
        return model

    entries = [contestants.of_model(f"m{number}", load, audio=AUDIO) for number in range(3)]
    heard = Hearing(SOURCES, AUDIO, (), tmp_path).run(entries, examples)
    assert len(loaded) == 3
    assert [list(one.scores) for one in heard] == [["m0", "m1", "m2"]] * 2


def test_what_fails_costs_itself_alone_or_is_told_at_once(tree, theirs, tmp_path):
    bass, rate = soundfile.read(theirs / "a/bass.wav")
    soundfile.write(theirs / "a/bass.wav", np.nan * bass, rate, subtype="FLOAT")
    lines: list[str] = []
    given = {"estimates": (f"theirs={theirs}",), "oracle": ("mixture",)}
    found = compared(tree, tmp_path / "page", say=lines.append, **given)
    assert list(found.heard[0].missing) == ["theirs"]
    text = "samples that are not finite in bass of theirs, a @ 0 s"
    assert any(
        line.startswith(f"no example of theirs: `estimates`: found {text}") for line in lines
    )
    assert text in (tmp_path / "page/compare.html").read_text()
    assert np.isnan(found.mean.values["sdr"][0]).all()  # a mean of other music than the mixture's
    for track in "bc":
        shutil.copy(theirs / "a/bass.wav", theirs / track / "bass.wav")
    with pytest.raises(UserError, match=f"estimates: found {text}"):
        compared(tree, tmp_path / "page", **given)


def test_what_cannot_be_compared_is_one_line(tree, tmp_path):
    slow = network(audio=AudioConfig(sample_rate=8000, nfft=512, nhop=128))
    cases = {
        "models: found nothing, wanted runs": {},
        "models: found b of 8000 Hz, wanted 44100 Hz, as a has": {
            "given": models(a=network(), b=slow)
        },
        "estimates: found no folder such as .*/empty/a, wanted one for each song": {
            "estimates": (f"x={tmp_path / 'empty'}",)
        },
    }
    (tmp_path / "empty").mkdir()
    for message, given in cases.items():
        with pytest.raises(UserError, match=message):
            compared(tree, tmp_path / "page", **given)
    with pytest.raises(UserError, match=r"models: found two called x: a/x and b/x, wanted NAME="):
        named_models(["a/x", "b/x"])
    both = {"given": models(theirs=network()), "estimates": (f"theirs={tmp_path / 'empty'}",)}
    with pytest.raises(UserError, match="estimates: found two called theirs"):
        compared(tree, tmp_path / "page", **both)
    assert not (tmp_path / "page").exists()


def test_models_have_the_names_of_their_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b").mkdir()
    assert list(named_models(["x/l2.0_freq/", "y/best.keras", "irm", "a=b", "z=x"])) == [
        *("l2.0_freq", "best", "model-irm", "a=b", "z")
    ]
    assert list(named_models(["."])) == [tmp_path.name]


# The page of an evaluation.


def evaluated(tree, theirs, output, say=lambda line: None, **settings):
    given = EvaluationConfig(
        subset="train", estimates=(f"theirs={theirs}",), metrics=("snr", "l1_time"), **settings
    )
    return evaluate(output, given, dataset=DataConfig(root=str(tree)), audio=AUDIO, say=say)


@pytest.mark.long
def test_an_evaluation_has_a_page_that_a_resumed_one_makes_again(tree, theirs, tmp_path):
    output = tmp_path / "scores"
    lines: list[str] = []
    evaluated(tree, theirs, output, lines.append, oracle=("mixture",), examples=2)
    path = output / "report.html"
    text = path.read_text()
    for words in (
        *("Evaluation on 3 songs (train)", "theirs: mean SDR", "Best and worst", "l1_time"),
        *("2 excerpts, 2 s of music in all", "vocals", "SDR, dB: this excerpt"),
    ):
        assert words in text
    assert any("report.html: 2 excerpts, 2 s of music in all, in " in line for line in lines)
    path.unlink()
    evaluated(tree, theirs, output, oracle=("mixture",), examples=2)
    assert path.read_text() == text
    evaluated(tree, theirs, output, oracle=("mixture",), examples=0)
    assert len(path.read_text()) < len(text)
    assert "excerpt" not in path.read_text()


def test_a_page_that_fails_leaves_the_scores(tree, theirs, tmp_path, monkeypatch):
    vocals, rate = soundfile.read(theirs / "b/vocals.wav")
    soundfile.write(theirs / "b/vocals.wav", 0 * vocals, rate, subtype="FLOAT")
    (theirs / "c/bass.wav").unlink()

    def fail(*_, **options):
        with pytest.raises(UserError, match="is at work"):  # the folder is still this one's
            evaluated(tree, theirs, tmp_path / "scores")
        raise UserError("root", "nothing to hear", "music")

    monkeypatch.setattr(evaluating, "compared", fail)
    lines: list[str] = []
    summary, failed = evaluated(tree, theirs, tmp_path / "scores", lines.append)
    assert failed == 1
    assert "theirs" in summary
    assert "no examples: `root`: found nothing to hear, wanted music" in lines
    text = (tmp_path / "scores/report.html").read_text()
    assert "no score: theirs: b: estimate vocals is silent throughout" in text
    assert "failed: theirs: c: " in text


def test_a_disk_that_is_full_leaves_the_page_before(tree, theirs, tmp_path, monkeypatch):
    given = {"estimates": (f"theirs={theirs}",), "examples": 1}
    compared(tree, tmp_path / "page", **given)
    before = (tmp_path / "page/compare.html").read_bytes()

    def full(*_, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(comparing, "write_page", full)
    with pytest.raises(OSError, match="No space"):
        compared(tree, tmp_path / "page", **given)
    assert (tmp_path / "page/compare.html").read_bytes() == before
    assert not [path for path in (tmp_path / "page").iterdir() if path.name.startswith(".")]


def song_without_bass(root):
    folder = song(root, "a", vocals=[-20] * 3, bass=[OFF] * 3)
    soundfile.write(folder / "bass.wav", np.zeros(3 * LOUD_AUDIO.sample_rate), 8000)


def test_what_is_silent_has_no_scores(tmp_path):
    song_without_bass(tmp_path)
    dataset = DataConfig(root=str(tmp_path), sources=LOUD_SOURCES)
    settings = CompareConfig(duration=2.0, oracle=("irm", "mixture"))
    found = compare(tmp_path / "page", models(), settings, dataset=dataset, audio=LOUD_AUDIO)
    (one,) = found.boards
    assert np.isnan(one.values["si_sdr"][:, 1]).all()
    assert np.isfinite(one.mean("si_sdr")).all()
    assert "no SDR" in (tmp_path / "page/compare.html").read_text()


def test_means_tell_of_how_many_excerpts_they_are(tmp_path):
    """A source that is silent in one of two has a score in one; no source of that one has SDR."""
    song_without_bass(tmp_path)
    song(tmp_path, "b", vocals=[-20] * 3, bass=[-20] * 3)
    dataset = DataConfig(root=str(tmp_path), sources=LOUD_SOURCES)
    settings = CompareConfig(duration=2.0, examples=2, oracle=("irm", "mixture"))
    found = compare(tmp_path / "page", models(), settings, dataset=dataset, audio=LOUD_AUDIO)
    assert [table.caption for table in found.means()] == [
        "SDR, dB: mean of 1 of 2 excerpts",
        "SI-SDR, dB: mean of 2 excerpts; bass of 1, having no score in others",
        "Losses (less is better): mean of 2 excerpts",
    ]
    assert found.length == "2 excerpts, 4 s of music in all"
    assert found.length_of_sdr == "1 of 2 excerpts, 2 s of music in all"
