"""`listen` from the command line: a run and stems to a test; errors are one line."""

import re
import subprocess
import sys

import pytest
import yaml

from mss_keras.listening.key import read_key

# Whether TensorFlow was needed for what the command does.
_WATCHED = (
    "import sys; from trainer.__main__ import main; code = main(sys.argv[1:])\n"
    "assert not {'tensorflow', 'keras', 'pandas', 'scipy'} & set(sys.modules); sys.exit(code)"
)


def test_a_run_and_a_folder_of_stems(command, run, tree, tmp_path):
    output = tmp_path / "test"
    given = [
        *("listen", "--root", tree, "--subset", "train", "--systems", f"net={run}", f"true={tree}"),
        *("--duration", "0.5", "--per-source", "1", "--below-loudest", "20", "--below-mixture"),
        *("40", "--targets", "drums", "bass", "--output", output),
    ]
    said = command(*given, check=0).stdout.splitlines()
    key = read_key(output)
    assert [trial.source for trial in key.trials] == ["drums", "bass"]
    assert key.systems == ("net", "true")
    assert set(key.trials[0].stimuli.values()) == {"reference", "anchor", "mixture", "net", "true"}
    assert (output / "page/index.html").exists()
    assert said[0].startswith("2 excerpts of 0.5 s from ")
    assert re.match(r"2 trials of 5 stimuli, about 1 min for a listener; the page has", said[-2])
    assert said[-1].endswith(f"python -m trainer listen --serve --output {output}")
    settings = yaml.safe_load((output / "listening.yaml").read_text())
    assert settings["systems"]["net"].startswith("weights ")
    said = command(*given, check=0).stdout.splitlines()
    assert said[0] == f"the test is in {output} already; nothing of it was changed"
    other = command(*given, "--scale", "mos", check=2).stderr
    assert other.startswith(f"error: --output: found another listening test in {output}: --scale")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "--root: found nothing, wanted the folder of a data set"),
        (["--root", "{tree}"], "--systems: found nothing, wanted NAME=PATH for each system"),
        (["--root", "{tree}", "--systems", "x"], "--systems: found 'x', wanted NAME=PATH"),
        (
            ["--root", "{tree}", "--systems", "x=gone"],
            "--systems: found nothing at gone for x, wanted the folder of a run",
        ),
        (
            ["--root", "{tree}", "--systems", "reference={tree}"],
            "--systems: found 'reference', wanted a name of its own; reference, anchor,",
        ),
        (["--duration", "0.3"], "--duration: found 0.3, wanted 0.4 seconds or more"),
        (["--scale", "mus"], "--scale: found 'mus' (did you mean mushra?), wanted one of mushra"),
        (["--loudness", "3"], "--loudness: found 3.0, wanted -60 to -5 LUFS"),
        (
            ["--root", "{tree}", "--systems", "x={tree}", "--targets", "vocal"],
            "--targets: found 'vocal' (did you mean vocals?)",
        ),
        (
            ["--root", "{tree}", "--systems", "x={tree}", "--duration", "9"],
            "--duration: found 9 s, but no song that long, wanted",
        ),
        (["--port", "80"], "--port: found no --serve, wanted both, or neither"),
        (["--serve", "--port", "70000"], "--port: found 70000, wanted 0 to 65535"),
        (["--serve", "--root", "x"], "--root: found it with --serve, which takes the test as it"),
        (["--demo", "--scale", "mos"], "--scale: found it with --demo, which has its own"),
        (["--demo", "--serve"], "--demo: found it with --serve"),
    ],
)
def test_wrong_input_is_a_line(command, tree, tmp_path, monkeypatch, given, message):
    monkeypatch.chdir(tmp_path)
    words = [word.format(tree=tree) for word in given]
    if "--demo" not in words:
        words += ["--output", "test"]
    (line,) = command("listen", *words, check=2).stderr.splitlines()
    assert line.startswith(f"error: {message}"), line


def test_no_test_to_serve_is_told_at_once(tmp_path):
    command = [sys.executable, "-c", _WATCHED, "listen", "--serve", "--output", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith(f"error: {tmp_path}/key.json: found No such file or directory")


@pytest.mark.long
def test_the_demonstration(trainer, tmp_path):
    output = tmp_path / "listening-demo"
    result = trainer("listen", "--demo", "--output", output, check=0)
    assert "This is a demonstration" in result.stdout
    key = read_key(output)
    assert key.demonstration
    assert key.systems[-2:] == ("l1_time", "logl1_freq")
    assert len(key.trials) == 8
    assert '"demonstration": true' in (output / "page/test.js").read_text()
