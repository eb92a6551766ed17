"""Pages as files: whole, safe, and as small as they have to be."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from made_up_pages import AUDIO, HOSTILE, RATE, decoded, example, noise, page_of, sounds_in
from matplotlib.figure import Figure

from mss_keras.reports.pages import (
    Example,
    Page,
    Section,
    Stimulus,
    Table,
    grid,
    picture_of,
    sounds,
    write_page,
    writing,
)

VOID = {"col", "img", "input", "meta"}


class Markup(HTMLParser):
    """Tags and words of a page; tags that are not closed in order are an error."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words = ""
        self.open: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.words += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def text_of(page: Page, folder, name: str = "report.html") -> str:
    write_page(page, folder / name)
    return (folder / name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def picture():
    figure = Figure(figsize=(4, 3))
    figure.subplots().plot([1, 2])
    return picture_of(figure, alt="A line", caption="It rises.")


def test_a_page_is_whole_and_its_policy_lets_nothing_else_run(tmp_path):
    table = Table("Scores", ["source", "sdr"], [["bass", "5.1"]])
    parts = ["A sentence.", ["one", "two"], table, picture(), example()]
    text = text_of(Page("A page", [Section("All", parts)]), tmp_path)
    page = Markup(text)
    assert not re.findall(r"https?:|\son\w+=|\sstyle=|url\(|@import", text)
    assert not [tag for tag, _ in page.tags if tag in ("link", "iframe", "object", "b")]
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    (script,) = re.findall(r"<script data-codec[^>]*>(.*?)</script>", text, re.DOTALL)
    policy = next(tag["content"] for tag in page.all("meta") if "http-equiv" in tag)
    assert policy.split("; ") == [
        *("default-src 'none'", "img-src data:", f"style-src {digest(style)}"),
        *(f"script-src {digest(script)}", "base-uri 'none'", "form-action 'none'"),
    ]
    for words in ("A sentence.", "one", "Scores", "5.1", "It rises.", "5.2 dB", "16-bit FLAC"):
        assert words in page.words
    assert "need JavaScript" in text[text.index("<noscript>") : text.index("</noscript>")]
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_without_examples_there_is_no_script(tmp_path):
    text = text_of(Page("A page", [Section("Curves", [picture()])]), tmp_path)
    assert not Markup(text).all("script")
    assert "script-src" not in text


def test_texts_stay_texts(tmp_path):
    hostile = Example(
        HOSTILE,
        [Stimulus(HOSTILE, HOSTILE, noise(), HOSTILE), Stimulus(HOSTILE, "x", noise(), HOSTILE)],
        AUDIO,
        facts=[HOSTILE],
        tables=[Table(HOSTILE, [HOSTILE, HOSTILE], [[HOSTILE, HOSTILE]], texts=[HOSTILE])],
    )
    figure = picture_of(Figure(), alt=HOSTILE, caption=HOSTILE)
    sections = [Section(HOSTILE, [HOSTILE, [HOSTILE], hostile, figure])] * 4
    links = {HOSTILE: "javascript:alert(1)"}
    page = Page(HOSTILE, sections, answer=HOSTILE, warnings=[HOSTILE], links=links)
    found = Markup(text_of(page, tmp_path))
    assert not found.all("b")
    assert len(found.all("script")) == 2  # one sound, which all have, and the script
    assert not [attributes for _, attributes in found.tags if "onclick" in attributes]
    assert found.all("a")[-1]["href"] == "javascript%3Aalert%281%29"  # a file's name
    assert found.words.count(HOSTILE) > 40


def test_a_method_may_be_called_as_a_source(tmp_path):
    stimuli = [Stimulus("vocals", column, noise()) for column in ("target", "vocals")]
    found = Markup(text_of(page_of(Example("Song", stimuli, AUDIO)), tmp_path))
    columns = [x["data-column"] for x in found.all("div") if "data-column" in x]
    assert columns == ["target", "vocals"]
    assert [row.cells for row in grid.rows_of(stimuli)] == [[[0], [1]]]


def test_names_of_files_may_be_anything(tmp_path):
    name = "caf\udce9 #1?.csv"  # as Python reads a name that is no UTF-8
    found = Markup(text_of(page_of(links={name: f"../x/{name}"}), tmp_path, "a b#.html"))
    assert found.all("a")[0]["href"] == "../x/caf%E9%20%231%3F.csv"
    assert "caf? #1?.csv" in found.words


def test_samples_are_those_that_were_given(tmp_path):
    given = example()
    found = sounds_in(text_of(page_of(given, given), tmp_path))
    assert len(found) == 10
    for file, stimulus in zip(found, [*given.stimuli, *given.stimuli], strict=True):
        waveform, rate = decoded(file)
        assert rate == RATE
        np.testing.assert_array_equal(waveform, stimulus.waveform)


def test_a_page_that_would_be_too_large_has_opus_and_then_files_beside(tmp_path, monkeypatch):
    page = page_of(example(seconds=4.0))
    # So that noise, of which Opus makes little less, needs less room.
    monkeypatch.setattr(sounds, "_OPUS_LEVEL", 0.9)
    lossless = len(text_of(page, tmp_path))
    assert lossless < sounds.LIMIT
    monkeypatch.setattr(writing, "LIMIT", lossless - 1)
    text = text_of(page, tmp_path)
    assert len(text) < lossless
    assert "Ogg Opus" in Markup(text).words
    assert all(file.startswith(b"OggS") for file in sounds_in(text))
    monkeypatch.setattr(writing, "LIMIT", len(text) - 500)  # its own words are longer, too
    text = text_of(page, tmp_path)
    assert "in the folder report-sounds beside this file" in Markup(text).words
    assert re.search(r"script-src \S+ &#39;self&#39;;", text)
    names = re.findall(r'data-sound="(\w+)"', text)
    files = {path.name for path in (tmp_path / "report-sounds").iterdir()}
    assert files == {f"{name}.js" for name in names}
    script = (tmp_path / "report-sounds" / f"{names[1]}.js").read_text()
    assert script.startswith(f'mssSound("{names[1]}", "')
    sent = script.split('"')[3]
    waveform, _ = decoded(base64.b64decode(sent))
    np.testing.assert_array_equal(waveform, example(seconds=4.0).stimuli[1].waveform)


def test_sounds_that_a_page_no_longer_needs_go_and_nothing_else(tmp_path, monkeypatch):
    folder = tmp_path / "report-sounds"
    with monkeypatch.context() as patched:
        patched.setattr(writing, "LIMIT", 0)
        text_of(page_of(example()), tmp_path)
        before = set(folder.iterdir())
        text_of(page_of(example(seconds=1.0)), tmp_path)
        assert len(set(folder.iterdir())) == len(before) == 5
        assert not before & set(folder.iterdir())
        (folder / "mine.js").write_text("mine")
        text_of(page_of(example(seconds=1.0)), tmp_path)
        assert len(set(folder.iterdir())) == 6
    text_of(page_of(example()), tmp_path)
    assert [path.name for path in folder.iterdir()] == ["mine.js"]
    (folder / "mine.js").unlink()
    text_of(page_of(example()), tmp_path)
    assert not folder.exists()


@pytest.mark.parametrize(
    "page",
    [
        Page("Empty", []),
        Page("Empty", [Section("Nothing", [[], Table("None", [], []), Table("No", ["a"], [])])]),
        page_of(Example("No sounds", [], AUDIO)),
        page_of(Example("One", [Stimulus("mixture", "", noise())], AUDIO)),
        page_of(Example("Short", [Stimulus("mixture", "", noise(1 / RATE))], AUDIO)),
        page_of(Example("Silent", [Stimulus("bass", "target", np.zeros([RATE, 2]))], AUDIO)),
    ],
    ids=["no section", "empty parts", "no sounds", "one sound", "one sample", "silence"],
)
def test_little_is_a_page_too(page, tmp_path):
    assert page.title in Markup(text_of(page, tmp_path)).words


def test_what_was_changed_of_sounds_is_said(tmp_path):
    broken = noise()
    broken[3], broken[4] = np.nan, np.inf
    loud = noise()
    loud[5:7] = [[1.5], [-2.0]]
    stimuli = [Stimulus("bass", "target", loud), Stimulus("bass", "l1", broken)]
    text = text_of(page_of(Example("Song", stimuli, AUDIO)), tmp_path)
    words = Markup(text).words
    assert "Beyond full scale, and clipped here: bass, target (2 samples)" in words
    assert "Not finite, and silent here: bass, l1 (2 samples)." in words
    found = [decoded(file)[0] for file in sounds_in(text)]
    np.testing.assert_array_equal(found[0][5:7], [[1 - 2.0**-15], [-1.0]])
    np.testing.assert_array_equal(found[1][3:5], 0)
