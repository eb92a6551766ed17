"""The player, in a browser: its graph is rendered, and heard in real time."""

import base64
import io

import numpy as np
import pytest
import soundfile

from mss_keras.reports import player

RATE = 8000
FADE = 64  # frames: 8 ms

RENDER = """async ({stimuli, rate, frames, how, switches}) => {
    const context = new OfflineAudioContext(1, frames, rate);
    const buffers = stimuli.map((base64) => {
        const values = new Float32Array(Uint8Array.fromBase64(base64).buffer);
        const buffer = new AudioBuffer({length: values.length, sampleRate: rate});
        buffer.copyToChannel(values, 0);
        return buffer;
    });
    const take = new MssPlayer.Take(context, buffers, how);
    for (const [index, time] of switches) take.select(index, time);
    const rendered = await context.startRendering();
    const output = new Uint8Array(rendered.getChannelData(0).buffer);
    return [output.toBase64(), take.position(frames / rate)];
}"""

# Records what a player plays, instead of the loudspeakers: every frame, from a worklet.
TAP = """async (context) => {
    const code = `registerProcessor("tap", class extends AudioWorkletProcessor {
        process([[channel]]) {
            this.port.postMessage(channel ? channel.slice() : new Float32Array(128));
            return true;
        }
    });`;
    await context.audioWorklet.addModule(`data:text/javascript,${encodeURIComponent(code)}`);
    const tap = new AudioWorkletNode(context, "tap");
    const heard = [];
    tap.port.onmessage = ({data}) => heard.push(...data);
    tap.connect(context.destination);
    Object.defineProperty(context, "destination", {value: tap});
    return heard;
}"""

CONSTANTS = """(levels, rate = 8000) => levels.map((level) => {
    const buffer = new AudioBuffer({length: rate, sampleRate: rate});
    buffer.getChannelData(0).fill(level);
    return buffer;
})"""


HTML = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Player</title>'
    '<link rel="stylesheet" href="player.css"></head><body><h1 tabindex="-1">Player</h1>'
    '<script src="player.js"></script>'
)


def write(folder, script=""):
    """A page with the player, where a script runs that nobody has asked for."""
    (folder / "player.js").write_text(player.script(), encoding="utf-8")
    (folder / "player.css").write_text(player.style(), encoding="utf-8")
    page = folder / "index.html"
    page.write_text(f"{HTML}<script>{script}</script></body></html>")
    return page.as_uri()


@pytest.fixture
def page(visitor, tmp_path):
    return visitor().open(write(tmp_path))


@pytest.fixture(scope="module")
def rendering(browser, tmp_path_factory):
    """A page in which nothing but graphs are rendered."""
    page = browser.new_page()
    page.goto(write(tmp_path_factory.mktemp("player")))
    yield page
    page.close()


@pytest.fixture
def stimuli() -> np.ndarray:
    """Three times 0.25 s of noise [stimuli, samples]."""
    return np.random.default_rng(0).uniform(-0.5, 0.5, (3, RATE // 4)).astype(np.float32)


def render(page, stimuli, frames, *, switches=(), rate=RATE, **how):
    sent = [base64.b64encode(stimulus.tobytes()).decode() for stimulus in stimuli]
    values = {"stimuli": sent, "rate": rate, "frames": frames, "how": how}
    output, position = page.evaluate(RENDER, {**values, "switches": list(switches)})
    return np.frombuffer(base64.b64decode(output), np.float32), position


def test_every_sample_is_that_of_the_stimulus_before_and_after_a_switch(rendering, stimuli):
    output, _ = render(rendering, stimuli, 2000, switches=[(2, 1000 / RATE)])
    np.testing.assert_array_equal(output[FADE:1001], stimuli[0, FADE:1001])
    np.testing.assert_array_equal(output[1000 + FADE :], stimuli[2, 1000 + FADE :])


def test_a_switch_is_a_linear_cross_fade_of_8_ms(rendering, stimuli):
    output, _ = render(rendering, stimuli, 2000, switches=[(1, 1000 / RATE)])
    share = np.arange(FADE) / FADE
    inside = slice(1000, 1000 + FADE)
    wanted = (1 - share) * stimuli[0, inside] + share * stimuli[1, inside]
    np.testing.assert_allclose(output[inside], wanted, atol=1e-6)


def test_switches_in_a_fade_wait_for_its_end_and_leave_no_gap(rendering):
    constant = np.full((3, 2000), 0.5, np.float32)
    quick = [(1, 0.1), (2, 0.101), (0, 0.102)]
    output, _ = render(rendering, constant, 2000, switches=quick)
    np.testing.assert_allclose(output[FADE:], 0.5, atol=1e-6)


@pytest.mark.parametrize(("rate", "start", "end"), [(8000, 123, 923), (44100, 4411, 8821)])
def test_no_drift_over_200_rounds_of_a_loop(rendering, rate, start, end):
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 12000)).astype(np.float32)
    length = end - start
    frames = end + 200 * length
    half = end + 100 * length
    loop = {"start": start / rate, "end": end / rate}
    output, position = render(
        rendering, noise, frames, rate=rate, loop=loop, switches=[(1, half / rate)]
    )
    place = np.arange(frames)
    place = np.where(place < end, place, start + (place - start) % length)
    fade = round(0.008 * rate)
    np.testing.assert_array_equal(output[fade + 1 : half], noise[0, place[fade + 1 : half]])
    np.testing.assert_array_equal(output[half + fade + 1 :], noise[1, place[half + fade + 1 :]])
    assert position * rate == pytest.approx(start, abs=0.01)  # a whole number of rounds


def test_all_ends_with_the_shortest(rendering, stimuli):
    output, position = render(rendering, [stimuli[0], stimuli[1, :1000]], 2000)
    np.testing.assert_array_equal(output[FADE:1000], stimuli[0, FADE:1000])
    assert not np.any(output[1000:])
    assert position == 1000 / RATE


def test_16_bit_samples_are_decoded(rendering):
    samples = np.random.default_rng(2).integers(-(2**15), 2**15, (500, 2)).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, samples, 44100, format="WAV", subtype="PCM_16")
    text = base64.b64encode(file.getvalue()).decode()
    decoded = rendering.evaluate(
        """async (text) => {
            const buffer = await MssPlayer.decode(text, 44100);
            return [0, 1].map((channel) => Array.from(buffer.getChannelData(channel)));
        }""",
        text,
    )
    # Chromium scales samples above 0 by 1 / 32767.
    np.testing.assert_allclose(np.array(decoded).T, samples / 2**15, atol=1.001 / 2**15)


def test_what_is_no_sound_is_rejected(rendering):
    said = rendering.evaluate("MssPlayer.decode('AAAA', 44100).catch((error) => error.name)")
    assert said == "EncodingError"


def within(heard):
    """What was heard, without the fades at its ends, as an array.

    On a machine that stalls, a player starts anew after its very first samples.
    """
    output = np.array(heard)
    (sounding,) = np.nonzero(output)
    start, end = sounding[0], sounding[-1]
    (silent,) = np.nonzero(output[start : start + 1000] == 0)
    start += silent[-1] + 1 if len(silent) else 0
    return output[start + FADE : end - FADE]


def test_heard_in_real_time_there_is_no_gap(page):
    heard = page.evaluate(
        f"""async () => {{
            const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
            const player = new MssPlayer.Player(({CONSTANTS})([0.25, 0.5, 0.75]));
            const heard = await ({TAP})(player.context);
            await player.play();
            const before = player.context.currentTime;
            await pause(200);
            for (const index of [1, 2, 0, 1]) {{ await pause(60); player.select(index); }}
            await pause(60);
            player.setLoop({{start: 0.1, end: 0.4}});
            await pause(60);
            player.seek(0.2);
            await pause(400);
            const time = player.context.currentTime - before;
            player.pause();
            await pause(100);
            return [heard, time, player.position, player.loop];
        }}"""
    )
    time, position, loop = heard[1:]
    inside = within(heard[0])
    assert time > 0.5
    assert len(inside) / RATE == pytest.approx(time, abs=0.15)
    # Whether it switches, changes its loop or seeks: the sum of gains stays 1.
    assert inside.min() >= 0.25 - 1e-6
    assert inside.max() <= 0.75 + 1e-6
    assert np.abs(np.diff(inside)).max() <= 0.5 / FADE + 1e-6
    assert loop["start"] <= position <= loop["end"]


def test_quick_seeks_are_no_louder(page):
    heard = page.evaluate(
        f"""async () => {{
            const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
            const player = new MssPlayer.Player(({CONSTANTS})([0.5]));
            const heard = await ({TAP})(player.context);
            await player.play();
            await pause(200);
            for (let place = 1; place < 10; place += 1) {{
                player.seek(place / 20);
                await pause(4);
            }}
            await pause(300);
            player.pause();
            await pause(100);
            return heard;
        }}"""
    )
    np.testing.assert_allclose(within(heard), 0.5, atol=1e-6)


def test_a_take_without_loop_ends_at_its_start(page):
    page.evaluate(
        f"""() => {{
            window.player = new MssPlayer.Player(({CONSTANTS})([0.1]));
            player.setLoop({{on: false}});
            player.seek(0.8);
            player.play();
        }}"""
    )
    page.wait_for_function("player.playing")
    page.wait_for_function("!player.playing")
    assert page.evaluate("player.position") == 0


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"start": 0.2, "end": 0.4}, (0.2, 0.4)),
        ({"start": 0.8}, (0.8, 1.0)),
        ({"end": 0.1}, (0.0, 0.1)),
        ({"end": 0.0}, (0.0, 0.05)),
        ({"start": 1.0}, (0.95, 1.0)),
        ({"start": -3, "end": 9}, (0.0, 1.0)),
    ],
)
def test_a_loop_has_a_length(rendering, change, wanted):
    loop = rendering.evaluate(
        f"""(change) => {{
            const player = new MssPlayer.Player(({CONSTANTS})([0.1]));
            player.setLoop({{start: 0.3, end: 0.5}});
            player.setLoop(change);
            return player.loop;
        }}""",
        change,
    )
    assert (loop["start"], loop["end"]) == pytest.approx(wanted)


TRANSPORT = f"""() => {{
    window.player = new MssPlayer.Player(({CONSTANTS})([0.1, 0.2]));
    const stimuli = [{{label: "Mixture", key: "1"}}, {{label: "<b>vocals</b>", key: "2"}}];
    window.transport = new MssPlayer.Transport(player, stimuli, {{root: document.body}});
}}"""


def test_transport_is_what_a_screen_reader_needs(page):
    page.evaluate(TRANSPORT)
    tree = page.locator("body").aria_snapshot()
    for line in (
        'button "Play"',
        'slider "Position"',
        'group "Loop"',
        'button "Loop" [pressed]',
        'group "What you hear"',
        'button "Mixture" [pressed]',
        'button "<b>vocals</b>"',
    ):
        assert f"- {line}" in tree
    assert page.get_by_role("slider").get_attribute("aria-valuetext") == "0.0 of 1.0 seconds"


def test_transport_by_keys(page):
    page.evaluate(TRANSPORT)
    page.keyboard.press("Space")
    page.wait_for_function("player.playing")
    assert page.get_by_role("button", name="Pause").is_visible()
    page.keyboard.press("2")
    assert page.get_by_role("button", name="vocals").get_attribute("aria-pressed") == "true"
    assert page.get_by_role("status").inner_text() == "<b>vocals</b>"
    page.keyboard.press("p")
    assert not page.evaluate("player.playing")
    page.evaluate("player.seek(0.5)")
    page.keyboard.press("i")
    page.keyboard.press("l")
    loop = page.evaluate("player.loop")
    assert (loop["on"], loop["start"]) == (False, 0.5)
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("player.position") == 0
    # The focused button takes Space for itself, and the slider its arrows.
    page.get_by_role("button", name="Mixture").focus()
    page.keyboard.press("Space")
    page.wait_for_function("player.playing && player.selected === 0")
    page.keyboard.press("p")
    page.evaluate("player.seek(0.5)")
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("player.position") == pytest.approx(0.6)


def test_keys_can_be_switched_off_and_go_with_the_transport(page):
    page.evaluate(TRANSPORT)
    page.get_by_text("Keys", exact=True).click()
    page.get_by_role("checkbox").uncheck()
    page.get_by_role("heading").focus()
    page.keyboard.press("2")
    assert page.evaluate("player.selected") == 0
    page.get_by_role("checkbox").check()
    page.evaluate("transport.remove()")
    page.keyboard.press("2")
    assert page.evaluate("player.selected") == 0
    assert page.get_by_role("button").count() == 0


def test_of_several_players_one_is_heard_and_has_the_keys(page):
    page.evaluate(TRANSPORT)
    page.evaluate("window.first = player")
    page.evaluate(TRANSPORT)
    page.evaluate("window.second = player")
    page.keyboard.press("p")
    page.wait_for_function("first.playing")
    page.get_by_role("button", name="vocals").nth(1).click()
    page.wait_for_function("second.playing && !first.playing")
    page.keyboard.press("1")
    assert page.evaluate("[first.selected, second.selected]") == [0, 0]
    page.keyboard.press("p")
    assert not page.evaluate("first.playing || second.playing")
    page.get_by_role("button", name="Play").first.focus()
    page.keyboard.press("2")
    page.wait_for_function("first.playing")
    assert page.evaluate("[first.selected, second.selected]") == [1, 0]


def test_sound_that_the_browser_does_not_give_is_said(visitor, tmp_path):
    page = visitor().open(write(tmp_path, f"({TRANSPORT})(); player.play();"))
    page.get_by_role("alert").wait_for()
    assert not page.evaluate("player.playing")
    page.get_by_role("button", name="Allow sound").click()
    page.wait_for_function("player.playing")
    assert not page.get_by_role("alert").is_visible()
