"""What `correlate` writes: tables, pictures and a page that holds all of it."""

import base64
import csv
import dataclasses
import hashlib
import html
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from listening_tests import SIMULATION, download, make_key, make_test, save, write_scores

from mss_keras.config import CorrelationConfig, UserError
from mss_keras.listening import report
from mss_keras.listening.analysis import analyse
from mss_keras.listening.correlate import correlate
from mss_keras.listening.ratings import find_files, read_ratings
from mss_keras.listening.scores import read_scores
from mss_keras.reports.pages import Picture, write_page

QUICK = CorrelationConfig(resamples=100)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A test with ratings and scores; one system has a name that HTML would take for its own."""
    folder = tmp_path_factory.mktemp("test")
    key = make_key(excerpts=3, systems=("l2", "<b>&amp;"))
    make_test(folder, key, dataclasses.replace(SIMULATION, careless=2))
    (folder / "ratings/broken.json").write_text("{")
    return folder


@pytest.fixture(scope="module")
def output(folder):
    output = folder / "out"
    said: list[str] = []
    correlate(
        [folder / "ratings"], [str(folder / "scores")], output, settings=QUICK, say=said.append
    )
    (output / "said.txt").write_text("\n".join(said))
    return output


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class Page(HTMLParser):
    """The tags of a page, and its words."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


def test_tables(folder, output):
    ratings = rows_of(output / "ratings.csv")
    assert len(ratings) == 14 * 6 * 5
    assert {row["simulated"] for row in ratings} == {"True"}
    assert sum(row["kept"] == "False" for row in ratings) == 2 * 6 * 5
    means = rows_of(output / "mos.csv")
    assert len(means) == 3 * 5
    for row in means:
        assert float(row["low"]) <= float(row["mean"]) <= float(row["high"])
    correlations = rows_of(output / "correlations.csv")
    assert len(correlations) == 3 * 3 * 3
    excluded = rows_of(output / "excluded.csv")
    assert [row["why"].split(" in ")[0] for row in excluded] == [
        "found broken JSON at line 1, wanted the ratings of a listener",
        "hidden reference below 90",
        "hidden reference below 90",
    ]
    assert len(rows_of(output / "listeners.csv")) == 14
    assert len(rows_of(output / "stimuli.csv")) == 6 * 3


def test_what_is_said(output):
    said = (output / "said.txt").read_text()
    assert said.startswith("Simulated: no person has heard this")
    for line in (
        "Listeners: 12 of 14",
        "2 of 14 listeners are left out, by these rules:",
        "  hidden reference rated below 90 in more than 15% of the trials",
        "left out: listener ",
        "broken.json: found broken JSON at line 1",
        "sdr and snr and l1_time agree best with the ratings (Spearman's ρ 0.9",
    ):
        assert line in said


def test_the_page_is_whole_and_safe(output):
    text = (output / "report.html").read_text()
    page = Page(text)
    assert not [tag for tag, _ in page.tags if tag in ("script", "link", "iframe", "b")]
    assert not re.findall(r"https?://|\son\w+=|\sstyle=", text)
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert len(images) == 3
    for image, name in zip(images, ("correlations", "scatter", "mos"), strict=True):
        data = image["src"].removeprefix("data:image/png;base64,")
        assert base64.b64decode(data) == (output / f"{name}.png").read_bytes()
        assert image["alt"]
    (style,) = re.findall(r"<style>(.*)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv"))
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    words = "".join(page.words)
    assert "Simulated: no person has heard this" in words
    assert "<b>&amp;" in words  # the name as it is
    assert html.escape("<b>&amp;") in text
    assert "found broken JSON at line 1" in words
    assert "Listeners: 12 of 14" in words


@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_shows_it_without_complaint(visitor, output, width):
    page = visitor(viewport={"width": width, "height": 800}).open((output / "report.html").as_uri())
    assert page.evaluate("Array.from(document.images).every(x => x.naturalWidth > 300)")
    wide = page.evaluate("document.documentElement.scrollWidth")
    right = page.evaluate(
        "Math.max(...Array.from(document.images, x => x.getBoundingClientRect().right))"
    )
    styled = page.evaluate("getComputedStyle(document.querySelector('.warning')).color")
    assert max(wide, right) <= width
    assert styled == "rgb(255, 255, 255)"


def test_people_are_not_called_simulated(tmp_path):
    key = make_key(scale="mos")
    make_test(tmp_path, key, dataclasses.replace(SIMULATION, listeners=2))
    for path in (tmp_path / "ratings").iterdir():
        path.write_text(path.read_text().replace('"simulated": true', '"simulated": false'))
    scores = read_scores([str(tmp_path / "scores")], key)
    picture = Picture(bytes(24), "alt", "caption")

    def page():
        ratings = read_ratings(find_files([tmp_path / "ratings"]), key)
        found = analyse(ratings, scores, key, settings=QUICK)
        pictures = dict.fromkeys(("mos", "scatter", "correlations"), picture)
        write_page(report.page(found, pictures), tmp_path / "report.html")
        return (tmp_path / "report.html").read_text()

    assert 'class="warning"' not in page()
    save(tmp_path / "ratings/c.json", download(key, simulated=True))
    assert "1 of 3 listeners is simulated." in page()
    key = dataclasses.replace(key, simulated=True, demonstration=True)
    assert "Simulated: no person has heard this" in page()
    assert "Demonstration: a few seconds of one song" in page()


def test_nothing_else_is_overwritten(folder):
    """A folder of ratings may have a ratings.csv of its own."""
    ratings = shutil.copytree(folder / "ratings", folder / "copy")
    (ratings / "ratings.csv").write_text("mine")
    with pytest.raises(UserError, match=r"output: found something else in .*copy"):
        correlate([ratings], [str(folder / "scores")], Path(ratings), settings=QUICK)
    assert (ratings / "ratings.csv").read_text() == "mine"


def test_without_correlations_no_empty_picture_or_table(tmp_path):
    key = make_key(excerpts=1)
    write_scores(key, tmp_path / "scores")
    save(tmp_path / "ratings/a.json", download(key))
    (output := tmp_path / "out").mkdir()
    (output / "correlation.yaml").write_text("ratings: []\n")
    (output / "scatter.png").write_text("of an earlier analysis")
    said: list[str] = []
    key.write(tmp_path)
    correlate([tmp_path / "ratings"], [str(tmp_path / "scores")], output, say=said.append)
    assert [path.name for path in output.glob("*.png")] == ["mos.png"]
    text = (output / "report.html").read_text()
    assert text.count("<img") == 1
    assert "No metric has a correlation with the ratings" in text
    assert "All sources together: agreement" not in text
    assert not [line for line in said if "l1_time" in line]
    assert "0 of 1 listeners are left out" in text
