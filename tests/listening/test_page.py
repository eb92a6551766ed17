"""The page of a listening test, in a browser."""

import base64
import csv
import io
import json
import re

import numpy as np
import pyloudnorm
import pytest
from material import described, sounds, trial
from web import serving

from mss_keras.listening.page import sound_script, write_page

LISTENER = "0123456789abcdef" * 2
KEY = "mss_keras-listening-0123456789abcdef"
TRY_NOW = "dispatchEvent(new Event('online'))"
REFUSED = "Failed to load resource: the server responded with a status of"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a page with all of a small test."""
    path = tmp_path_factory.mktemp("test") / "page"
    write_page(path, described(), sounds(described()))
    return path


class Believed:
    """Tabs of a visitor, where an address with `LISTENER` is as if it was made there."""

    def __init__(self, tabs):
        self.tabs, self.context, self.errors = tabs, tabs.context, tabs.errors

    def open(self, address):
        page = self.tabs.open(address)
        if address.endswith(LISTENER):
            # Until it shows, the page may still ask who listens, and put another in the address.
            page.locator("main").first.wait_for()
            page.evaluate(f"Listening.keepInAddress('{LISTENER}')")
            page.reload()
        return page

    def forgive(self, error):
        """Forgets errors of a text."""
        self.errors[:] = [other for other in self.errors if error not in other]


@pytest.fixture
def visitor(visitor):
    """Visitors who are `LISTENER` where an address says so."""
    return lambda **options: Believed(visitor(**options))


@pytest.fixture
def address(folder):
    return f"{(folder / 'index.html').as_uri()}#{LISTENER}"


def written(path, **changes):
    test = described(**changes)
    write_page(path / "page", test, sounds(test))
    return f"{(path / 'page/index.html').as_uri()}#{LISTENER}"


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def to_practice(page):
    button(page, "I agree and want to start").click()
    button(page, "Skip the headphone check").click()
    page.get_by_role("heading", name="Practice 1 of 1").wait_for()
    page.locator(".row").first.wait_for()


def to_first(page):
    """Past what comes before the first page that counts, as if the practice was done."""
    page.get_by_role("heading", level=1).wait_for()
    page.evaluate(
        """([key, listener]) => {
            const stored = JSON.parse(localStorage.getItem(`${key}-${listener}`));
            localStorage.setItem(`${key}-${listener}`, JSON.stringify({...stored, step: 3}));
        }""",
        [KEY, LISTENER],
    )
    page.reload()
    page.get_by_role("heading", name="Page 1 of 2").wait_for()
    page.locator(".row").first.wait_for()


def hear_all(page):
    for place in page.locator(".player-stimulus").all():
        place.click()
        page.wait_for_function("(one) => one.matches('.heard')", arg=place.element_handle())


def rate(page, letter, rating):
    page.get_by_role("slider", name=f"Rating of version {letter}").fill(str(rating))


def record(page):
    return page.evaluate(
        f"JSON.parse(localStorage.getItem('{KEY}-' + location.hash.slice(1)))",
    )


def ratings(page):
    return [(rating["number"], rating["rating"]) for rating in record(page)["ratings"]]


def download(page, name):
    with page.expect_download() as waiting:
        button(page, name).first.click()
    path = waiting.value.path()
    return waiting.value.suggested_filename, path.read_text(encoding="utf-8")


def test_from_a_web_server_as_from_a_disk(folder, visitor):
    with serving(folder) as server:
        page = visitor().open(server.address)
        to_practice(page)
        assert re.fullmatch(r"[0-9a-f]{32}", page.evaluate("location.hash.slice(1)"))
        button(page, "Play").click()
        page.wait_for_function("() => Number(document.querySelector('.player-place').value) > 0.1")
        assert "Still to be heard" in page.locator(".left").inner_text()


def test_the_clock_of_the_sound_runs(address, visitor):
    page = visitor().open(address)
    page.evaluate(
        """() => {
            window.AudioContext = class extends AudioContext {
                constructor(options) {
                    super(options);
                    window.sound = this;
                }
            };
        }"""
    )
    to_practice(page)
    button(page, "Play").click()
    page.wait_for_function("() => window.sound.currentTime > 0.2")
    assert page.evaluate("window.sound.sampleRate") == 8000


def test_the_whole_test_by_keyboard(address, visitor):
    page = visitor().open(address)

    def press(*keys):
        for key in keys:
            page.keyboard.press(key)

    def focused():
        return page.evaluate(
            "document.activeElement.ariaLabel ?? document.activeElement.textContent"
        )

    def tab_to(name):
        for _ in range(60):
            if re.fullmatch(name, focused()):
                return
            press("Tab")
        raise AssertionError(f"no {name} is reached")

    tab_to("I agree and want to start")
    press("Enter")
    assert focused() == "Volume and headphones"
    tab_to("Skip the headphone check")
    press("Space")
    for heading in ("Practice 1 of 1.*", "Page 1 of 2.*", "Page 2 of 2.*"):
        assert re.fullmatch(heading, focused())
        page.locator(".row").first.wait_for()
        press("p")
        for number in range(4):
            press(str(number))
            page.wait_for_function(f"() => document.querySelectorAll('.heard').length > {number}")
        for letter, keys in (("A", ["End"]), ("B", ["Home"]), ("C", ["Enter"])):
            tab_to(f"Rating of version {letter}")
            press(*keys)
        tab_to("Next|Finish")
        press("Enter")
    assert focused() == "Thank you!"
    kept = record(page)
    assert kept["finished"]
    assert sorted(rating["rating"] for rating in kept["ratings"]) == [0, 0, 50, 50, 100, 100]
    assert [rating["rating"] for rating in kept["practice"]] == [100, 0, 50]


def test_next_waits_until_all_is_heard_and_rated(address, visitor):
    page = visitor().open(address)
    to_practice(page)
    following = button(page, "Next")
    assert following.get_attribute("aria-disabled") == "true"
    following.click(force=True)
    assert page.locator(".player-stimulus:focus").inner_text().startswith("Reference")
    hear_all(page)
    rate(page, "A", 20)
    assert page.locator(".left").inner_text() == "Still to be rated: B, C."
    following.click(force=True)
    assert page.evaluate("document.activeElement.ariaLabel") == "Rating of version B"
    rate(page, "B", 40)
    page.get_by_role("slider", name="Rating of version C").click()  # in the middle: 50
    assert page.locator(".left").inner_text() == "All heard and rated."
    assert "50 Fair" in page.locator(".row").nth(3).inner_text()
    following.click()
    page.get_by_role("heading", name="Page 1 of 2").wait_for()


def test_ratings_outlive_a_reload(address, visitor):
    page = visitor().open(address)
    to_first(page)
    heading = page.get_by_role("heading", level=1).inner_text()
    hear_all(page)
    rate(page, "A", 70)
    rate(page, "C", 30)
    rate(page, "A", 71)
    page.reload()
    page.locator(".row").first.wait_for()
    assert page.get_by_role("heading", level=1).inner_text() == heading
    slider = page.get_by_role("slider", name="Rating of version A")
    assert slider.input_value() == "71"
    assert slider.get_attribute("aria-valuetext") == "71, Good"
    assert page.locator(".left").inner_text() == "Still to be rated: B."
    rate(page, "B", 5)
    assert ratings(page) == [(2, 30), (3, 71), (4, 5)]


def test_downloads(address, visitor):
    page = visitor().open(address)
    to_first(page)
    rate(page, "A", 71)
    rate(page, "B", 0)
    name, text = download(page, "Download as JSON")
    made = json.loads(text)
    rows = made.pop("ratings")
    started = made.pop("started")
    assert name == f"ratings-0123456789abcdef-{LISTENER}.json"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", started)
    assert made == {
        "format": "mss_keras-ratings-1",
        "test": "0123456789abcdef",
        "listener": LISTENER,
        "scale": "mushra",
        "simulated": False,
        "language": "en",
        "headphones": None,
        "finished": False,
    }
    assert [list(row) for row in rows] == [["number", "trial", "stimulus", "rating", "at"]] * 2
    assert [(row["number"], row["rating"]) for row in rows] == [(1, 71), (2, 0)]
    entries = {entry["trial"]: entry["stimuli"] for entry in described()["trials"]}
    assert all(row["stimulus"] in entries[row["trial"]] for row in rows)
    name, text = download(page, "Download as CSV")
    assert name.endswith(".csv")
    first, second = csv.DictReader(io.StringIO(text))
    common = {"test": made["test"], "listener": LISTENER, "scale": "mushra", "simulated": "false"}
    assert first == {**common, **{key: str(value) for key, value in rows[0].items()}}
    assert second["rating"] == "0"


@pytest.mark.long
def test_orders_are_the_listeners_own(address, visitor):
    page = visitor().open(address)
    drawn = """([seed, count]) => Array.from({length: count}, (_, listener) =>
        Listening.shuffled(["a", "b", "c", "d"], seed, listener, "t01").join(""))"""
    orders = page.evaluate(drawn, ["5eed", 2400])
    assert orders == page.evaluate(drawn, ["5eed", 2400])
    assert orders != page.evaluate(drawn, ["5eee", 2400])
    counts = {order: orders.count(order) for order in orders}
    assert len(counts) == 24
    assert all(60 < count < 145 for count in counts.values())  # 100 wanted, ± 4.5 sigma


@pytest.mark.long
def test_two_listeners_do_not_mix(folder, visitor):
    tabs = visitor()
    with serving(folder) as server:
        first = tabs.open(server.address)
        button(first, "I agree and want to start").click()
        mine = first.evaluate("location.hash.slice(1)")
        # The same browser goes on as the same listener, unless the address names another one.
        assert tabs.open(server.address).evaluate("location.hash.slice(1)") == mine
        second = tabs.open(f"{server.address}#{LISTENER}")
        to_first(second)
        rate(second, "A", 33)
        assert record(first)["ratings"] == []
        button(first, "Start as another listener").click()
        first.get_by_role("heading", name="Listening test").wait_for()
        assert first.evaluate("location.hash.slice(1)") not in {mine, LISTENER}
        assert ratings(second) == [(1, 33)]


@pytest.mark.long
def test_two_tabs_of_a_listener_share_their_ratings(folder, visitor):
    tabs = visitor()
    with serving(folder) as server:
        first, second = (tabs.open(f"{server.address}#{LISTENER}") for _ in range(2))
        to_first(first)
        to_first(second)
        rate(first, "A", 10)
        second.wait_for_function(
            "() => document.querySelector('.value').textContent.startsWith('10')"
        )
        rate(second, "B", 20)
        rate(first, "C", 30)
        assert ratings(first) == ratings(second) == [(1, 10), (2, 20), (3, 30)]


FILL = """() => {
    for (let length = 2 ** 22; length >= 1; length /= 2)
        try {
            for (let piece = 0; ; piece += 1)
                localStorage.setItem(`full-${length}-${piece}`, "x".repeat(length));
        } catch {}
}"""


def test_a_full_storage_is_said_and_nothing_is_lost(address, visitor):
    page = visitor().open(address)
    to_first(page)
    rate(page, "A", 10)
    page.evaluate(FILL)
    rate(page, "B", 20)
    alert = page.get_by_role("alert").filter(has_text="storage is full")
    alert.wait_for()
    rate(page, "C", 30)
    _, text = download(page, "Download as JSON")
    assert [row["rating"] for row in json.loads(text)["ratings"]] == [10, 20, 30]
    # The browser asks before the page is left.
    with page.expect_event("dialog") as asked:
        page.evaluate("setTimeout(() => location.reload())")
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    # With room again, the next rating saves all.
    page.evaluate(
        "Object.keys(localStorage).forEach((key) => /^full/.test(key) && delete localStorage[key])"
    )
    rate(page, "C", 31)
    alert.wait_for(state="hidden")
    assert ratings(page) == [(1, 10), (2, 20), (4, 31)]


@pytest.mark.long
def test_a_denied_storage_is_said(address, visitor):
    tabs = visitor()
    tabs.context.add_init_script(
        """Object.defineProperty(window, "localStorage", {
            get() { throw new DOMException("denied", "SecurityError"); }
        });"""
    )
    page = tabs.open(address)
    assert "does not allow ratings to be saved" in page.get_by_role("alert").first.inner_text()
    to_practice(page)
    hear_all(page)
    for letter in "ABC":
        rate(page, letter, 50)
    button(page, "Next").click()
    page.get_by_role("heading", name="Page 1 of 2").wait_for()
    rate(page, "A", 60)
    _, text = download(page, "Download as JSON")
    assert [row["rating"] for row in json.loads(text)["ratings"]] == [60]
    page.on("dialog", lambda dialog: dialog.accept())


@pytest.mark.long
def test_sound_that_is_not_allowed_is_said(address, visitor):
    tabs = visitor()
    tabs.context.add_init_script(
        """window.allowed = false;
        const resume = AudioContext.prototype.resume;
        Object.defineProperty(AudioContext.prototype, "state", {
            get() { return window.allowed ? "running" : "suspended"; }
        });
        AudioContext.prototype.resume = function () {
            return window.allowed ? resume.call(this) : new Promise(() => {});
        };"""
    )
    page = tabs.open(address)
    to_practice(page)
    button(page, "Version B").click()
    alert = page.get_by_role("alert").filter(has_text="does not give sound")
    alert.wait_for()
    page.evaluate("window.allowed = true")
    button(page, "Allow sound").click()
    page.wait_for_function("() => document.querySelectorAll('.heard').length > 0")
    assert not alert.is_visible()


@pytest.mark.long
def test_sounds_that_are_missing_are_said_and_asked_for_again(visitor, tmp_path):
    address = written(tmp_path)
    lost = tmp_path / "page/audio/c00000000002.js"
    lost.rename(tmp_path / "lost.js")
    tabs = visitor()
    page = tabs.open(address)
    button(page, "I agree and want to start").click()
    button(page, "Skip the headphone check").click()
    page.get_by_text("could not be loaded (audio/c00000000002.js)").wait_for()
    (tmp_path / "lost.js").rename(lost)
    button(page, "Try again").click()
    page.locator(".row").first.wait_for()
    assert focused_heading(page).startswith("Practice 1 of 1")
    tabs.forgive("ERR_FILE_NOT_FOUND")


@pytest.mark.long
def test_the_headphone_check(address, visitor):
    page = visitor().open(address)
    pairs = page.evaluate(
        f"Listening.headphones.drawCheck('5eed', '{LISTENER}', 'headphones')",
    )
    assert len(pairs) == 6
    button(page, "I agree and want to start").click()
    button(page, "Play the noise").click()
    button(page, "Stop the noise").wait_for()
    button(page, "Go on").click()
    names = ["the first", "the second", "the third"]
    assert button(page, names[0]).is_disabled()
    for number, pair in enumerate(pairs):
        button(page, "Play the three tones").click()
        wrong = number == 0
        button(page, names[pair["antiphase" if wrong else "soft"]]).click()
    page.get_by_text("You had 5 of 6 right").wait_for()
    assert record(page)["headphones"] == {"correct": 5, "of": 6}
    button(page, "Go on").click()
    page.get_by_role("heading", name="Practice").wait_for()


def focused_heading(page):
    return page.locator("h1:focus").inner_text()


@pytest.mark.long
def test_a_headphone_check_that_is_repeated(address, visitor):
    page = visitor().open(address)
    button(page, "I agree and want to start").click()
    button(page, "Go on").click()

    def answer():
        button(page, "Play the three tones").click()
        button(page, "the first").click()

    answer()
    assert focused_heading(page) == "Headphone check 2 of 6"
    # Another language is no reason to begin anew, and takes no focus.
    page.get_by_role("combobox").select_option("ko")
    page.get_by_role("heading", name="헤드폰 확인 6번 중 2번째").wait_for()
    page.get_by_role("combobox").select_option("en")
    for _ in range(5):
        answer()
    assert record(page)["headphones"] == {"correct": 2, "of": 6}
    page.get_by_role("combobox").select_option("ko")
    page.get_by_text("6번 중 2번 맞혔습니다").wait_for()
    page.get_by_role("combobox").select_option("en")
    button(page, "Repeat the check").click()
    assert focused_heading(page) == "Volume and headphones"
    # Its answers are no longer known.
    drawn = "Listening.headphones.drawCheck('5eed', '{}', 'headphones'{})"
    first, second = (page.evaluate(drawn.format(LISTENER, more)) for more in ("", ", 1"))
    assert first != second
    button(page, "Go on").click()
    for pair in second:
        button(page, "Play the three tones").click()
        button(page, f"the {['first', 'second', 'third'][pair['soft']]}").click()
    page.get_by_text("You had 6 of 6 right").wait_for()


@pytest.mark.long
def test_a_headphone_check_that_is_skipped_after_all(address, visitor):
    page = visitor().open(address)
    button(page, "I agree and want to start").click()
    button(page, "Go on").click()
    for _ in range(6):
        button(page, "Play the three tones").click()
        button(page, "the first").click()
    button(page, "Repeat the check").click()
    button(page, "Skip the headphone check").click()
    page.get_by_role("heading", name="Practice").wait_for()
    assert record(page)["headphones"] is None


def test_tones_of_the_headphone_check(address, visitor):
    page = visitor().open(address)
    levels = page.evaluate(
        """() => {
            const tones = Listening.headphones.tones({soft: 2, antiphase: 0}, 0.052, 8000);
            const [left, right] = [0, 1].map((channel) => tones.getChannelData(channel));
            const inside = [0, 1, 2].map((place) => place * 12000 + 4000);
            const rms = (value) => inside.map((start) => Math.sqrt(
                value.slice(start, start + 800).reduce((sum, x) => sum + x * x, 0) / 800));
            return [rms(left), rms(left.map((value, at) => value + right[at]))];
        }"""
    )
    sine = 0.052
    softer = sine * 10 ** (-6 / 20)
    assert levels[0] == pytest.approx([sine, sine, softer], rel=1e-3)
    assert levels[1] == pytest.approx([0, 2 * sine, 2 * softer], rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(("lufs", "channels"), [(-23, 2), (-33.5, 2), (-30, 1)])
def test_the_noise_is_as_loud_as_the_music(address, visitor, lufs, channels):
    page = visitor().open(address)
    sent = page.evaluate(
        """([lufs, channels]) => {
            const {noise, level} = Listening.headphones;
            const rms = level({lufs, trials: [{channels}]});
            return new Uint8Array(noise(rms, 44100).getChannelData(0).buffer).toBase64();
        }""",
        [lufs, channels],
    )
    noise = np.frombuffer(base64.b64decode(sent), np.float32)
    # Music of one channel is measured as one, though it is heard on both ears, as the noise is.
    heard = np.stack([noise] * channels, axis=1)
    loudness = pyloudnorm.Meter(44100).integrated_loudness(heard)
    assert loudness == pytest.approx(lufs, abs=0.5)
    assert np.abs(noise).max() < 0.5


@pytest.mark.long
def test_mean_opinion_scores(visitor, tmp_path):
    practice = {**trial("p01", "drums", "c"), "reference": None}
    address = written(tmp_path, scale="mos", training=[practice])
    page = visitor(viewport={"width": 360, "height": 740}).open(address)
    assert "from 1 (bad) to 5 (excellent)" in page.locator("main").inner_text()
    to_practice(page)
    assert button(page, "Reference").count() == 0
    group = page.get_by_role("radiogroup", name="Rating of version A")
    assert group.get_by_role("radio").count() == 5
    to_first(page)
    page.get_by_role("radiogroup", name="Rating of version A").get_by_text("Good").click()
    radio = page.get_by_role("radio", name="1 Bad").nth(1)
    radio.focus()
    page.keyboard.press("Space")
    assert ratings(page) == [(1, 4), (2, 1)]
    assert fits(page)


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("size", [(360, 740), (1280, 800)])
def test_nothing_is_cut_off(size, address, visitor):
    viewport = dict(zip(("width", "height"), size, strict=True))
    page = visitor(viewport=viewport).open(address)
    assert fits(page)
    to_practice(page)
    assert fits(page)
    for one in page.locator("main button, main input").all():
        box = one.bounding_box()
        assert box is None or (box["x"] >= 0 and box["x"] + box["width"] <= size[0] + 0.5)
        if box and one.get_attribute("type") == "button":  # a finger's width
            assert box["height"] >= 38


def test_korean(address, visitor):
    page = visitor(locale="ko-KR").open(address)
    assert page.get_by_role("heading", level=1).inner_text() == "음원 분리 청취 시험"
    assert page.evaluate("document.documentElement.lang") == "ko"
    button(page, "동의하고 시작합니다").click()
    button(page, "헤드폰 확인 건너뛰기").click()
    page.locator(".row").first.wait_for()
    button(page, "재생").click()
    button(page, "일시 정지").wait_for()
    # The listener's choice stays.
    page.get_by_role("combobox").select_option("en")
    page.get_by_role("heading", name="Practice 1 of 1: drums").wait_for()
    page.reload()
    page.get_by_role("heading", name="Practice 1 of 1: drums").wait_for()
    assert record(page)["language"] == "en"


@pytest.mark.long
def test_the_address_names_the_language(address, visitor):
    page = visitor().open(address.replace("#", "?lang=ko#"))
    page.get_by_role("heading", name="음원 분리 청취 시험").wait_for()


def test_both_languages_say_the_same_things(address, visitor):
    page = visitor().open(address)
    english, korean, player = page.evaluate(
        "[Listening.STRINGS.en, Listening.STRINGS.ko, MssPlayer.STRINGS]"
    )
    assert list(english) == list(korean)
    assert sorted(korean["player"]) == sorted(player)

    def holes(text):
        return sorted(re.findall(r"\{\w+\}", json.dumps(text)))

    for name in english:
        if name != "player":
            assert holes(english[name]) == holes(korean[name]), name
            assert type(english[name]) is type(korean[name])
    for name in player:
        assert holes(player[name]) == holes(korean["player"][name]), name


def test_hostile_texts_stay_texts(visitor, tmp_path):
    hostile = "</script><img src=x onerror=alert(1)>\u2028\"'"
    entry = {**trial("t01", "<i>constructor</i>", "a"), "trial": "<b>t01</b>"}
    plain = trial("t02", "constructor", "b")
    address = written(tmp_path, title=hostile, trials=[entry, plain], training=[])
    page = visitor().open(address)
    assert page.title().endswith("</script><img src=x onerror=alert(1)>\u2028\"'")
    button(page, "I agree and want to start").click()
    button(page, "Skip the headphone check").click()
    page.get_by_role("heading", name=re.compile("Page 1 of 2: (<i>)?constructor")).wait_for()
    assert page.locator("img, b, i").count() == 0


@pytest.mark.long
@pytest.mark.parametrize("kind", ["simulated", "demonstration"])
def test_every_page_says_that_it_is_not_earnest(kind, visitor, tmp_path):
    page = visitor().open(written(tmp_path, **{kind: True}))
    banner = page.get_by_text(f"{kind.capitalize()}: ")
    assert banner.is_visible()
    to_practice(page)
    assert banner.is_visible()
    to_first(page)
    assert banner.is_visible()


def test_the_servers_ratings(folder, visitor):
    tabs = visitor()
    with serving(folder, takes_ratings=True) as server:
        page = tabs.open(f"{server.address}#{LISTENER}")
        to_first(page)
        rate(page, "A", 10)
        page.get_by_text("Ratings sent and saved: 1.").wait_for()
        # The server fails, and ratings wait.
        server.status = 503
        rate(page, "B", 20)
        rate(page, "A", 11)
        page.get_by_text("not yet sent: 2").wait_for()
        server.status = 400
        page.evaluate(TRY_NOW)
        page.get_by_text("The server refuses the ratings: no such <b>trial</b>").wait_for()
        server.status = 200
        page.evaluate(TRY_NOW)
        page.get_by_text("Ratings sent and saved: 2.").wait_for()
        kept = server.kept[LISTENER]
        assert [(one["number"], one["rating"]) for one in kept] == [(1, 10), (2, 20), (3, 11)]
        assert list(kept[0]) == ["number", "trial", "stimulus", "rating", "at"]
        # A browser that knows nothing goes on with what the server has.
        elsewhere = visitor().open(f"{server.address}#{LISTENER}")
        elsewhere.get_by_role("heading", name="Page 1 of 2").wait_for()
        elsewhere.locator(".row").first.wait_for()
        slider = elsewhere.get_by_role("slider", name="Rating of version A")
        assert slider.input_value() == "11"
        rate(elsewhere, "C", 30)
        elsewhere.get_by_text("Ratings sent and saved: 3.").wait_for()
        assert kept[-1]["number"] == 4
    tabs.forgive(REFUSED)


@pytest.mark.long
def test_a_server_that_is_away_at_first(folder, visitor):
    """What it has got is asked for before anything is sent: numbers do not clash."""
    tabs = visitor()
    with serving(folder, takes_ratings=True) as server:
        old = {
            "trial": "t01",
            "stimulus": "a00000000001",
            "rating": 9,
            "at": "2026-01-01T00:00:00Z",
        }
        server.kept[LISTENER] = [{"number": 5, **old}]
        server.status = 503
        page = tabs.open(f"{server.address}#{LISTENER}")
        to_first(page)
        rate(page, "A", 10)
        page.get_by_text("not yet sent: 1").wait_for()
        server.status = 200
        page.evaluate(TRY_NOW)
        page.get_by_text("sent and saved: ").wait_for()
        assert [one["number"] for one in server.kept[LISTENER]] == [5, 6]
    tabs.forgive(REFUSED)


def test_a_folder_without_a_test_says_so(visitor, tmp_path):
    address = written(tmp_path)
    (tmp_path / "page/test.js").write_text("")
    page = visitor().open(address)
    page.get_by_text("This folder has no test").wait_for()


def test_a_screen_reader_finds_its_way(address, visitor):
    page = visitor().open(address)
    to_first(page)
    tree = page.locator("body").aria_snapshot()
    for line in (
        'combobox "Language"',
        'progressbar "Page 1 of 2"',
        'button "Play"',
        'slider "Position"',
        'button "Reference" [pressed]',
        'group "Version A"',
        'button "Version A"',
        'slider "Rating of version A"',
        'status: "Still to be heard',
        'button "Next" [disabled]',
        'heading "Your ratings"',
    ):
        assert f"- {line}" in tree, tree
    assert 'heading "Page 1 of 2: ' in tree
    for role in ("banner", "main", "contentinfo"):
        assert page.get_by_role(role).count() == 1


def test_the_policy_forbids_what_is_not_ours(address, visitor):
    tabs = visitor()
    page = tabs.open(address)
    blocked = page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener("securitypolicyviolation", (event) =>
                resolve(event.effectiveDirective));
            document.body.append(Object.assign(document.createElement("img"),
                {src: "http://127.0.0.1:9/x.png"}));
        })"""
    )
    assert blocked == "img-src"
    page.close()
    assert tabs.errors
    tabs.errors.clear()


def test_all_of_the_folder_is_ours(folder):
    names = {path.name for path in folder.iterdir()}
    assert names >= {"index.html", "page.js", "page.css", "player.js", "strings.js", "test.js"}
    assert names - {"audio"} == {path.name for path in folder.glob("*.*")} - {"README.md"}
    for path in folder.glob("*.*"):
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r"https?://", text)
        assert not re.search(r"innerHTML|eval\(|\son\w+=\"|style=\"", text)


def test_wrong_sounds_are_refused(tmp_path):
    test = described()
    every = list(sounds(test))
    for wrong in (every[1:], [*every, every[0]], [*every, ("other", b"")]):
        with pytest.raises(ValueError, match="sound"):
            write_page(tmp_path / "page", test, wrong)
        assert not (tmp_path / "page").exists()
    escaping = described(trials=[{**trial("t01", "bass", "a"), "reference": "../a"}])
    with pytest.raises(ValueError, match="no file's name"):
        write_page(tmp_path / "page", escaping, [])


def test_a_sound_is_a_script():
    assert sound_script("0a", b"\x00\xff") == 'window.listeningAudio("0a", "AP8=");\n'
