"""What the READMEs show exists, and what the first of them shows is run."""

import ast
import configparser
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile
from command_line import flags

from mss_keras import config, losses
from mss_keras.data import make_demo
from mss_keras.data.musdb import demo_stem
from trainer.arguments import DEMO_CONFIG, parse
from trainer.parser import flags_of, make_parser
from trainer.table import COMMANDS

ROOT = Path(__file__).parents[1]
FIRST = ROOT / "README.md"
ROOMS = [
    path.parent
    for package in ("mss_keras", "serving", "trainer")
    for path in sorted((ROOT / package).rglob("__init__.py"))
    if path.parent != ROOT / "mss_keras"
]
READMES = [FIRST, ROOT / ".github/CONTRIBUTING.md"]
READMES += [room / "README.md" for room in ROOMS if (room / "README.md").exists()]
TEXTS = {str(path.relative_to(ROOT)): path.read_text() for path in READMES}
# Programs that are not ours, and flags of theirs.
OTHERS = {".", "cat", "cd", "curl", "docker", "echo", "for", "git", "kubectl", "srun", "-o", "|"}
FOREIGN_FLAGS = {
    *("--create-dirs", "--data-binary", "--from-file", "--help"),
    "--architecture",  # our own of before
    *("--enable_batching", "--batching_parameters_file"),  # of the server
    *("--logdir", "--samples_per_plugin"),  # of TensorBoard
    *("--ntasks", "--gpus-per-task"),  # of Slurm
}
NAMES = sorted(TEXTS)


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [block for found, block in fences if found == language]


def commands(text: str) -> list[list[str]]:
    """The words of each command of a README, from its blocks and in its lines."""
    lines = "".join(blocks(text, "sh")).replace("\\\n", " ").splitlines()
    inline = re.findall(r"`((?:python|make|pip) [^`]+)`", text)
    return [words for line in [*lines, *inline] if (words := shlex.split(line, comments=True))]


def help_of(module: str) -> str:
    return subprocess.check_output([sys.executable, "-m", module, "--help"], text=True)


def check_python(words: list[str], client: str) -> None:
    """A command `python ...` has a module or script, and flags, that exist."""
    if words[:2] == ["-m", "trainer"]:
        given = [word.strip("[]") for word in words[2:] if word not in ("...", "--help")]
        for place, word in enumerate(given):
            if word == "--config":  # a run's, which is not here
                given[place + 1] = str(DEMO_CONFIG)
        if len(given) > 1:
            parse(given)
        assert not given or given[0].startswith("-") or given[0] in COMMANDS
    elif words[:2] == ["-m", "serving.client"]:
        assert all(word in client for word in words if word.startswith("--"))
    elif words[0] != "-c" and words[:2] not in (["-m", "pytest"], ["-m", "tensorboard.main"]):
        known = (ROOT / words[0]).read_text()
        assert all(f'"{word}"' in known for word in words if word.startswith("--"))


@pytest.fixture(scope="module")
def client() -> str:
    """The help of the client."""
    return help_of("serving.client")


@pytest.mark.parametrize("name", NAMES)
def test_commands_exist(name, client):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    for words in commands(TEXTS[name]):
        while re.fullmatch(r"[A-Z_]+=.*", words[0]):  # a variable of the environment
            words = words[1:]
        program, *rest = words
        if program == "python":
            check_python(rest, client)
        elif program == "make":
            subprocess.run(["make", "--dry-run", *rest], cwd=ROOT, check=True, capture_output=True)
        elif program == "pip":
            for extra in re.findall(r"\[(\w+)\]", " ".join(rest)):
                assert extra in setup["options.extras_require"]
        else:
            assert program in OTHERS, words


@pytest.fixture(scope="module")
def known_flags(client) -> set[str]:
    """All flags, of commands, the client and the benchmarks."""
    parser = make_parser()
    known = {flag for command in COMMANDS for flag in flags_of(parser, command)}
    scripts = [client, *(path.read_text() for path in (ROOT / "tests/benchmarks").glob("*.py"))]
    return known.union(FOREIGN_FLAGS, *(re.findall(r"--[a-z][a-z-]+", text) for text in scripts))


@pytest.mark.parametrize("name", NAMES)
def test_flags_exist(name, known_flags):
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z_-]+", TEXTS[name]))
    assert not named - known_flags


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name):
    links = re.findall(r"\]\(([^)#\s]+)", TEXTS[name])
    local = [link for link in links if not link.startswith("http")]
    missing = [link for link in local if not ((ROOT / name).parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("name", NAMES)
def test_imports_of_the_examples_exist(name):
    for block in blocks(TEXTS[name], "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module:
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name), ast.unparse(node)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(ROOT)))
def test_a_room_lists_its_files(room):
    guide = room / "README.md"
    if not guide.exists():  # a folder within a room, whose README lists it
        guide = room.parent / "README.md"
    listed = set()
    for cells in re.findall(r"^\| (`[^|]+) \|", guide.read_text(), re.MULTILINE):
        listed |= set(re.findall(r"`([\w/]+\.py)`", cells))
    here = {path.relative_to(guide.parent).as_posix() for path in room.glob("*.py")}
    assert here - listed <= {path for path in here if path.endswith("__init__.py")}
    assert not [name for name in listed if not (guide.parent / name).exists()]


def test_every_room_is_in_the_first_readme():
    for room in ROOMS:
        if (room / "README.md").exists():
            assert f"]({room.relative_to(ROOT)}/README.md)" in TEXTS["README.md"]


def test_first_commands_are_targets_of_the_makefile():
    targets = re.findall(r"^make (\w+)$", blocks(TEXTS["README.md"], "sh")[0], re.MULTILINE)
    assert targets == ["demo", "test"]


def test_tables_of_losses_are_the_catalogue():
    assert losses.table() in TEXTS["mss_keras/losses/README.md"]
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ((?:`\w+` ?)+)\|", TEXTS["README.md"], re.MULTILINE)
    short = {domain: re.findall(r"`(\w+)`", names) for domain, names in rows}
    assert tuple(short) == config.DOMAINS
    assert short == {
        domain: [name for name in losses.names() if losses.entry(name).domain == domain]
        for domain in config.DOMAINS
    }


@pytest.mark.long
def test_commands_of_the_table(command, tree, small, stems, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = re.findall(r"^\| `python -m trainer (.*?)` \|", TEXTS["README.md"], re.MULTILINE)
    assert [text.split()[0].strip("[]") for text in table] == list(COMMANDS)
    (tmp_path / "MUSDB18/train").mkdir(parents=True)
    shutil.copy(demo_stem(), tmp_path / "MUSDB18/train/a.stem.mp4")
    soundfile.write(tmp_path / "song.wav", stems["mixture"][:44100], 44100)
    names = {"DATA": str(tree), "RUN": "run", "SONG...": "song.wav", "DIR": "out"}
    for text in table:
        words = [names.get(word, word.strip("[]")) for word in shlex.split(text)]
        if words[0] == "train":
            words += flags({**small, "unidirectional": True, "epochs": 1})
        if words[0] in ("prepare", "evaluate"):
            words[words.index("--output") + 1] = words[0]
        if words[0] in (
            *("import-openunmix", "import-spleeter", "benchmark", "tune", "listen", "correlate"),
            *("preview", "compare"),
        ):
            continue  # see tests/trainer
        if words[0] == "export":
            words[-1] = "model"
        command(*words, check=0)
    for made in (
        "prepare/train/a/bass.wav",
        "run/curves.png",
        "out/song/bass.wav",
        "model/1/variables",
    ):
        assert (tmp_path / made).exists()


def run_example(code: str, folder: Path) -> None:
    (folder / "example.py").write_text(code)
    environment = {**os.environ, "PATH": "/nowhere", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "example.py"], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


def test_python_example(stems, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    make_demo(tmp_path / "runs/demo-data")
    soundfile.write(tmp_path / "song.wav", stems["mixture"][:30000], 44100)
    (example,) = blocks(TEXTS["README.md"], "python")
    names: dict[str, Any] = {}
    exec(example, names)
    assert names["stems"]["drums"].shape == (30000, 2)
    assert (tmp_path / "models/open_unmix/1/saved_model.pb").exists()


@pytest.mark.long
@pytest.mark.parametrize(
    "room", ["data", "evaluation", "losses", "metrics", "models", "separation"]
)
def test_python_examples_of_rooms(room, run, stems, tmp_path):
    """All that need no more than the demonstration's data, its run, and a song."""
    make_demo(tmp_path / "runs/demo-data")
    shutil.copytree(run, tmp_path / "runs/demo")
    soundfile.write(tmp_path / "song.wav", stems["mixture"][:30000], 44100)
    for example in blocks(TEXTS[f"mss_keras/{room}/README.md"], "python"):
        run_example(example, tmp_path)


def test_folder_trees_name_what_a_run_has(run):
    trees = blocks(TEXTS["mss_keras/training/README.md"], "")
    (tree,) = (block for block in trees if block.startswith("RUN/"))
    for path in run.iterdir():
        assert re.search(rf"\b{re.escape(path.name)}\b", tree), path.name
