"""Examples of a page, in a browser: they are played, switched, sought and looked at."""

import base64
import re

import numpy as np
import pytest
from excerpt import RATE as MUSIC_RATE
from made_up_pages import AUDIO, HOSTILE, RATE, example, noise, page_of, ratio_at

from mss_keras.config import AudioConfig
from mss_keras.reports.pages import Example, Stimulus, sounds, write_page, writing

# What plays, from what a listener sees.
STATE = """(number) => {
    const root = document.querySelectorAll(".example")[number];
    const pressed = root.querySelector(".player-stimulus[aria-pressed=true]");
    return {
        playing: root.querySelector(".player-play").textContent === "Pause",
        heard: root.querySelector(".heard-name").textContent,
        pressed: pressed.closest("td").querySelector(".name").textContent,
        place: Number(root.querySelector(".player-place").value),
        head: root.querySelector(".head").getBoundingClientRect().left
            - root.querySelector(".plot").getBoundingClientRect().left,
        large: root.querySelector(".plot img").src === pressed.querySelector("img").src,
    };
}"""
PLAYING = "(number) => document.querySelectorAll('.player-play')[number].textContent === 'Pause'"
BUFFERS = """async (number) => {
    const { buffers } = window.mssExamples[number].player;
    return buffers.map((buffer) => buffer.getChannelData
        ? new Uint8Array(buffer.getChannelData(0).slice().buffer).toBase64() : null);
}"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Two examples of two seconds, one of them with many methods and a hostile title."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    methods = ("estimate", "l1_time", "a_method_with_a_long_name", "sisdr_time", "logl2")
    write_page(page_of(example(), example(HOSTILE, methods=methods, seconds=1.5)), path)
    return path


@pytest.fixture
def page(visitor, written):
    return visitor().open(written.as_uri())


def button(page, name, number=0):
    return page.locator(".example").nth(number).get_by_role("button", name=name)


def play(page, number=0):
    page.locator(".player-play").nth(number).click()
    page.wait_for_function(PLAYING, arg=number)


def test_switching_while_it_plays_stays_at_the_place(page):
    play(page)
    before = page.evaluate(STATE, 0)
    assert before["playing"]
    assert before["large"]
    assert (before["heard"], before["pressed"]) == ("mixture", "mixture")
    page.keyboard.press("3")
    after = page.evaluate(STATE, 0)
    assert after["playing"]
    assert after["large"]
    assert (after["heard"], after["pressed"]) == ("vocals, estimate", "vocals, estimate")
    assert (after["place"] - before["place"]) % 2.0 < 1.0
    page.wait_for_function(
        "(before) => document.querySelector('.player-place').value != before",
        arg=str(after["place"]),
    )


def test_a_source_alone_and_back_to_the_mixture(page):
    button(page, "drums, target").click()
    page.wait_for_function(PLAYING, arg=0)
    assert page.evaluate(STATE, 0)["heard"] == "drums, target"
    button(page, "mixture").click()
    state = page.evaluate(STATE, 0)
    assert (state["heard"], state["playing"], state["large"]) == ("mixture", True, True)


def test_a_click_into_the_spectrogram_goes_there(page):
    plot = page.locator(".plot").first
    box = plot.bounding_box()
    plot.click(position={"x": box["width"] / 4, "y": 20})
    state = page.evaluate(STATE, 0)
    assert state["place"] == pytest.approx(0.5, abs=0.06)
    assert state["head"] == pytest.approx(box["width"] / 4, abs=3)
    assert not state["playing"]
    play(page)
    plot.click(position={"x": box["width"] * 0.75, "y": 20})
    state = page.evaluate(STATE, 0)
    assert state["playing"]
    assert (state["place"] - 1.5) % 2.0 < 0.5


def test_keys(page):
    page.keyboard.press("ArrowRight")
    assert page.evaluate(STATE, 0)["place"] == pytest.approx(1.0)
    page.keyboard.press("2")
    page.wait_for_function(PLAYING, arg=0)
    page.keyboard.press("p")
    state = page.evaluate(STATE, 0)
    assert (state["playing"], state["heard"]) == (False, "vocals, target")


def test_another_example_ends_the_first_whose_sounds_are_dropped(page):
    assert page.evaluate(BUFFERS, 0) == [None] * 5  # nothing is decoded yet
    play(page, 0)
    assert None not in page.evaluate(BUFFERS, 0)
    rates = page.evaluate("window.mssExamples[0].player.buffers.map((x) => x.sampleRate)")
    assert rates == [RATE] * 5
    page.keyboard.press("2")
    play(page, 1)
    assert page.evaluate(BUFFERS, 0) == [None] * 5
    assert None not in page.evaluate(BUFFERS, 1)
    assert not page.evaluate(STATE, 0)["playing"]
    page.keyboard.press("1")  # the second's
    play(page, 0)  # once more
    assert page.evaluate(STATE, 0)["heard"] == "vocals, target"
    assert not page.evaluate(STATE, 1)["playing"]


def test_who_asks_for_another_before_sounds_are_decoded_hears_that_one(page):
    page.evaluate("for (const play of document.querySelectorAll('.player-play')) play.click()")
    page.wait_for_function(PLAYING, arg=1)
    page.wait_for_timeout(300)
    assert not page.evaluate(STATE, 0)["playing"]


def test_what_a_screen_reader_is_told_and_texts_stay_texts(page):
    tree = page.locator(".example").first.aria_snapshot()
    for line in (
        'heading "Song" [level=3]',
        'button "Play"',
        'slider "Position"',
        'img "Spectrogram of mixture"',
        'rowheader "vocals"',
        'button "vocals, estimate 5.2 dB"',
        'button "mixture" [pressed]',
    ):
        assert f"- {line}" in tree
    assert page.locator("h3").nth(1).inner_text() == HOSTILE
    assert page.locator("main b").count() == 0


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_on_a_phone_and_a_desktop_dark_and_light(visitor, written, width, scheme):
    tabs = visitor(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = tabs.open(written.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".plot").first.bounding_box()["width"] > 0.6 * width
    for number in (0, 1):
        cells = page.locator(".example").nth(number).locator(".stimulus").all()
        widths = [cell.bounding_box()["width"] for cell in cells]
        assert 100 < min(widths) > max(widths) - 3
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", paper))) / 3
    assert brightness == 255 if scheme == "light" else brightness < 64


def test_odd_sounds_are_played_too(visitor, tmp_path):
    waveforms = {
        "silence": np.zeros([RATE, 2]),
        "one sample": noise(1 / RATE),
        "nothing": np.zeros([0, 1]),
    }
    examples = [
        Example(name, [Stimulus("mixture", "", waveform)], AUDIO)
        for name, waveform in waveforms.items()
    ]
    write_page(page_of(*examples, Example("none", [], AUDIO)), tmp_path / "report.html")
    page = visitor().open((tmp_path / "report.html").as_uri())
    for number in range(2):
        play(page, number)
    page.locator(".player-play").nth(2).click()
    page.get_by_text("This browser cannot decode FLAC (mixture)").wait_for()


def test_without_javascript_pictures_and_names_are_there(visitor, written):
    page = visitor(java_script_enabled=False).open(written.as_uri())
    assert page.locator(".picture img").first.is_visible()
    assert page.locator(".name").nth(2).inner_text() == "estimate"
    assert page.get_by_role("button").count() == 0


def test_a_sound_that_cannot_be_decoded_is_said_and_can_be_saved(visitor, tmp_path):
    path = tmp_path / "report.html"
    write_page(page_of(example(seconds=0.5)), path)
    text, names = path.read_text(), re.findall(r'data-sound="(\w+)"', path.read_text())
    path.write_text(re.sub(rf'(id="sound-{names[2]}">)[^<]*', r"\1AAAA", text))
    page = visitor().open(path.as_uri())
    page.locator(".player-play").click()
    page.get_by_text("This browser cannot decode FLAC (vocals, estimate)").wait_for()
    page.wait_for_timeout(200)  # the others are decoded
    assert not page.locator(".state").inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="save it").click()
    assert download.value.suggested_filename == "vocals, estimate.flac"
    assert not page.evaluate(STATE, 0)["playing"]


def test_sounds_beside_the_page_are_read_from_a_disk(visitor, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "LIMIT", 0)
    path = tmp_path / "a page #1.html"
    given = example(seconds=0.5)
    write_page(page_of(given), path)
    page = visitor().open(path.as_uri())
    play(page)
    for sent, stimulus in zip(page.evaluate(BUFFERS, 0), given.stimuli, strict=True):
        heard = np.frombuffer(base64.b64decode(sent), np.float32)
        # Chromium scales samples above 0 by 1 / 32767.
        np.testing.assert_allclose(heard, stimulus.waveform[:, 0], atol=1.001 / 2**15)


def test_sounds_that_are_alike_have_one_file_beside_the_page(visitor, tmp_path, monkeypatch):
    """As silent sources have, or the mixture that is taken for each source."""
    monkeypatch.setattr(writing, "LIMIT", 0)
    stimuli = [Stimulus("mixture", "", noise(0.5))]
    stimuli += [Stimulus("vocals", name, noise(0.5)) for name in ("mixture", "copy")]
    write_page(page_of(Example("Song", stimuli, AUDIO)), tmp_path / "report.html")
    assert len(list((tmp_path / "report-sounds").iterdir())) == 1
    page = visitor().open((tmp_path / "report.html").as_uri())
    play(page)
    assert None not in page.evaluate(BUFFERS, 0)
    assert page.locator("head script").count() == 0


def test_sounds_that_are_not_beside_the_page_are_said(visitor, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "LIMIT", 0)
    write_page(page_of(example(seconds=0.5)), tmp_path / "report.html")
    (tmp_path / "report-sounds").rename(tmp_path / "elsewhere")
    tabs = visitor()
    page = tabs.open((tmp_path / "report.html").as_uri())
    page.locator(".player-play").click()
    page.get_by_text("in the folder report-sounds, which is not beside this file").wait_for()
    tabs.errors.clear()  # the browser's own, of files that it did not find
    (tmp_path / "elsewhere").rename(tmp_path / "report-sounds")
    play(page)
    assert not page.get_by_role("alert").first.is_visible()


def test_opus_is_aligned_to_the_sample(visitor, tmp_path, stems, monkeypatch):
    waveforms = [stems[name][: 2 * MUSIC_RATE] for name in ("mixture", "vocals")]
    stimuli = [Stimulus(name, "", x) for name, x in zip("mv", waveforms, strict=True)]
    monkeypatch.setattr(writing, "LIMIT", 350_000)
    write_page(page_of(Example("Song", stimuli, AudioConfig())), tmp_path / "report.html")
    page = visitor().open((tmp_path / "report.html").as_uri())
    play(page)
    for sent, waveform in zip(page.evaluate(BUFFERS, 0), waveforms, strict=True):
        heard = np.frombuffer(base64.b64decode(sent), np.float32)
        assert len(heard) == 2 * sounds.OPUS_RATE
        aligned = ratio_at(heard, waveform[:, 0], 0)
        assert aligned > 22
        assert aligned > max(ratio_at(heard, waveform[:, 0], delay) for delay in (-1, 1)) + 6
