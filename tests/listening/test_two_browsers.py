"""One listener in two browsers: no rating is lost, and the one that was made last counts.

Two people with one address are two listeners.
"""

from datetime import UTC, datetime

import pytest
from material import described, sounds, trial
from web import kept

from mss_keras.listening.page import write_page

LISTENER = "0123456789abcdef" * 2
A, B = "a00000000001", "a00000000002"

# A listener's store and sender, without the page around them.
OPEN = """async (listener) => {
    window.store = new Listening.Store(window.LISTENING_TEST, listener);
    window.sender = new Listening.Sender(window.store);
    window.rate = (stimulus, rating, trial = "t01") =>
        window.store.rate(trial, stimulus, { rating });
    window.later = (wait) => new Promise((resolve) => setTimeout(resolve, wait));
    await window.sender.load();
}"""


def opened(visitor, address):
    """A tab of a browser of its own, in which the listener's store is."""
    tab = visitor().open(address)
    tab.evaluate(OPEN, LISTENER)
    return tab


def all_sent(tab):
    tab.wait_for_function("() => window.store.unsent.length === 0 && !window.sender.busy")


def values(ratings):
    return {rating["stimulus"]: rating["rating"] for rating in ratings}


def shown(tab):
    return values(tab.evaluate("window.store.record.ratings"))


@pytest.fixture
def server(tmp_path):
    """The server of a small test."""
    write_page(tmp_path / "page", described(), sounds(described()))
    with kept(tmp_path / "page", described()) as state:
        yield state


def test_a_rating_that_is_made_while_another_is_sent(server, visitor):
    one, other = (opened(visitor, server.address) for _ in range(2))
    one.evaluate("[1, 2, 3, 4, 5].forEach((rating) => window.rate('b00000000001', rating, 't02'))")
    all_sent(one)
    other.evaluate(
        f"""async () => {{
            const fetched = window.fetch;
            window.fetch = async (...words) => {{
                const answer = await fetched(...words);
                await window.later(200);
                return answer;
            }};
            window.rate("{A}", 10);
            await window.later(100);
            window.rate("{B}", 20);
        }}"""
    )
    all_sent(other)
    expected = {A: 10, B: 20, "b00000000001": 5}
    assert values(server.keeping.latest(LISTENER)) == expected
    assert shown(other) == expected  # with what the first browser has rated


def test_more_ratings_than_are_sent_at_once(visitor, tmp_path):
    trials = [trial(f"t{place:02}", "vocals", f"a{place:02}", stimuli=21) for place in range(10)]
    for entry in trials:
        entry["reference"] = None
    test = described(trials=trials, training=[])
    write_page(tmp_path / "page", test, sounds(test, 0.01))
    with kept(tmp_path / "page", test) as server:
        tab = opened(visitor, server.address)
        first = {"trial": "t00", "stimulus": trials[0]["stimuli"][0], "rating": 7}
        server.keeping.keep(LISTENER, [{**first, "number": 900, "at": "2026-01-01T00:00:00Z"}])
        tab.evaluate(
            """() => window.LISTENING_TEST.trials.forEach(({trial, stimuli}) =>
                stimuli.forEach((stimulus) => window.rate(stimulus, 60, trial)))"""
        )
        all_sent(tab)
        latest = server.keeping.latest(LISTENER)
        assert [rating["rating"] for rating in latest] == [60] * 210


@pytest.mark.parametrize("again", ["", "await window.sender.load();"])
def test_an_older_rating_without_a_network_is_none_that_counts(server, visitor, again):
    one, tabs = opened(visitor, server.address), visitor()
    away = opened(lambda: tabs, server.address)
    away.context.set_offline(True)
    away.evaluate(f"for (let rating = 1; rating <= 50; rating += 1) window.rate('{A}', rating)")
    one.evaluate(f"window.rate('{B}', 80); window.rate('{A}', 90);")
    all_sent(one)
    away.context.set_offline(False)
    away.evaluate(f"async () => {{ {again} window.rate('a00000000003', 70); }}")
    all_sent(away)
    expected = {A: 90, B: 80, "a00000000003": 70}
    assert values(server.keeping.latest(LISTENER)) == shown(away) == expected
    tabs.errors = [error for error in tabs.errors if "ERR_INTERNET_DISCONNECTED" not in error]


def test_a_clock_that_is_put_back_takes_no_rating_away(server, visitor):
    tab = opened(visitor, server.address)
    tab.evaluate(f"window.rate('{A}', 10)")
    tab.evaluate("Date.prototype.toISOString = () => '2020-01-01T00:00:00.000Z'")
    tab.evaluate(f"window.rate('{A}', 20)")
    all_sent(tab)
    assert shown(tab) == values(server.keeping.latest(LISTENER)) == {A: 20}
    (rating,) = server.keeping.latest(LISTENER)
    assert rating["at"][:4] == f"{datetime.now(UTC).year}"


def listener_of(tab):
    tab.get_by_text("I agree and want to start").wait_for()
    return tab.evaluate("location.hash.slice(1)")


def test_an_address_that_is_copied_makes_nobody_another_one(server, visitor):
    """An experimenter opens the page and sends on what stands in the address then."""
    copied = f"{server.address}#{listener_of(visitor().open(server.address))}"
    people = [visitor() for _ in range(2)]
    own = [listener_of(tabs.open(copied)) for tabs in people]
    assert len({copied[-32:], *own}) == 3
    # Each of them goes on as before, by the same address or by their own.
    assert listener_of(people[0].open(copied)) == own[0]
    tab = people[1].open(f"{server.address}#{own[1]}")
    tab.get_by_text("Start as another listener").click()
    tab.wait_for_function(f"location.hash.slice(1) !== '{own[1]}'")
    third = listener_of(tab)
    tab.reload()
    assert listener_of(tab) == third not in {*own, copied[-32:]}


def test_an_address_that_is_copied_from_a_disk(tmp_path, visitor):
    write_page(tmp_path / "page", described(), sounds(described()))
    address = (tmp_path / "page/index.html").as_uri()
    assert listener_of(visitor().open(f"{address}#{LISTENER}")) != LISTENER


@pytest.mark.parametrize("is_them", [True, False])
def test_a_listener_in_another_browser_is_asked(server, visitor, is_them):
    one = opened(visitor, server.address)
    one.evaluate(f"window.rate('{A}', 10)")
    all_sent(one)
    tab = visitor(locale="en-GB").open(f"{server.address}#{LISTENER}")
    tab.get_by_text("who has used another browser. Is that you?").wait_for()
    if is_them:
        tab.get_by_role("button", name="Yes, go on with my ratings").click()
        tab.get_by_role("heading", name="Page ").wait_for()
        tab.reload()  # it is known here now
        tab.get_by_role("heading", name="Page ").wait_for()
        assert tab.evaluate("location.hash.slice(1)") == LISTENER
    else:
        tab.get_by_role("button", name="No, I am somebody else").click()
        assert listener_of(tab) != LISTENER
        assert values(server.keeping.latest(LISTENER)) == {A: 10}
