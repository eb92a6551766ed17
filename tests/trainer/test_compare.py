"""`compare` as a command: real runs, its flags, and its page in a browser."""

import csv
import shutil

import pytest

from mss_keras import losses
from mss_keras.config import SOURCES


@pytest.fixture
def theirs(tree):
    """Anyone's stems of two sources of the tracks."""
    for split in ("test", "valid"):
        for track in (tree / split).iterdir():
            folder = tree.parent / "theirs" / split / track.name
            folder.mkdir(parents=True)
            for source in SOURCES[:2]:
                shutil.copy(track / f"{source}.wav", folder)
    return tree.parent / "theirs"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "models: found nothing, wanted runs or .keras files, or else --estimates"),
        (["/no/such"], "models: found nothing at /no/such, wanted the folder of a run, a .keras "),
        (["a/x", "b/x"], "models: found two called x: a/x and b/x, wanted NAME=PATH with a name"),
        (["x", "--nfft", "256"], "--nfft: found it with models, wanted one of the two: the models"),
        (["--estimates", "x", "--niter", "1"], "--niter: found no models, wanted both, or neither"),
        (["--estimates", "x"], "--estimates: found no folder x, wanted a folder of stems"),
        (["x", "--duration", "0.5"], "--duration: found 0.5, wanted 1 second or more"),
        (["x", "--examples", "0"], "--examples: found 0, wanted a number above 0"),
        (["x", "--oracle", "imr"], "--oracle: found 'imr' (did you mean irm?)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_one_line(command, tree, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (line,) = command("compare", *arguments, "--root", tree, check=2).stderr.splitlines()
    assert line.startswith(f"error: {message}"), line
    assert [path.name for path in tmp_path.iterdir()] == ["music"]


def test_a_run_and_anyone_s_stems(command, run, tree, theirs, tmp_path, monkeypatch):
    monkeypatch.setattr(losses, "readable", lambda: ["l1_time"])  # all take seconds to be traced
    shutil.copytree(run, tmp_path / "copy")
    output = tmp_path / "page"
    given = (
        *("compare", run, tmp_path / "copy", "--root", tree, "--output", output),
        *("--estimates", f"theirs={theirs}", "--duration", "1", "--niter", "1"),
    )
    result = command(*given, check=0)
    assert result.stdout.startswith("1 example: there are no more songs\n")
    assert "small and copy have the highest mean SDR (" in result.stdout
    assert f"In {output}: compare.html, to be opened in a browser, and compare.csv" in result.stdout
    with (output / "compare.csv").open() as file:
        rows = list(csv.DictReader(file))
    small, copy = ([r for r in rows if r["method"] == name] for name in ("small", "copy"))
    assert [{**row, "method": "copy"} for row in small] == copy
    assert [row["si_sdr"] == "nan" for row in rows if row["method"] == "theirs"] == [
        *(False, False, True, True, True)
    ]


@pytest.mark.long
def test_the_page_in_a_browser(trainer, visitor, run, tree, theirs, tmp_path):
    """With all losses, in a process of its own."""
    arguments = (
        *("compare", run, f"again={run}", "--root", tree, "--subset", "valid"),
        *("--estimates", f"theirs={theirs}", "--oracle", "irm", "mixture", "--duration", "1"),
    )
    trainer(*arguments, "--output", tmp_path / "page", check=0)
    text = (tmp_path / "page/compare.html").read_text()
    assert all(f">{name}</th>" in text for name in losses.readable())
    for size in ({"width": 1280, "height": 800}, {"width": 360, "height": 640}):
        page = visitor(viewport=size).open((tmp_path / "page/compare.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator(".player-play").first.click()
        page.wait_for_function("document.querySelector('.player-play').textContent === 'Pause'")
        example = page.locator(".example").first
        example.get_by_role("button", name="drums, again").click()
        assert example.locator(".heard-name").inner_text() == "drums, again"
        assert page.locator(".player-play").first.inner_text() == "Pause"
        assert example.get_by_role("button", name="bass, theirs").count() == 0
