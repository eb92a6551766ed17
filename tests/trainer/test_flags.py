"""The help of each command, and how flags are read."""

import re

import pytest

from mss_keras import config
from trainer.arguments import parse, with_defaults
from trainer.idle import IDLE
from trainer.parser import make_parser
from trainer.table import COMMANDS

SECTIONS = list(config.SECTIONS.values())


@pytest.fixture
def help_of(capsys, monkeypatch):
    def printed(*command):
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as exit:
            make_parser().parse_args([*command, "--help"])
        assert exit.value.code == 0
        return capsys.readouterr().out

    return printed


def sections_of(text):
    """The flags of a help text by section, in order."""
    sections = {}
    for block in re.split(r"\n(?=\S)", text):
        title, _, body = block.partition(":\n")
        if flags := re.findall(r"^  (?:-h, )?(--[a-z-]+)", body, re.MULTILINE):
            sections[title] = flags
    return sections


@pytest.mark.parametrize("command", COMMANDS)
def test_sections_stand_in_their_order_and_everyday_flags_first(help_of, command):
    text = help_of(command)
    sections = sections_of(text)
    titles = list(sections)
    assert titles[0] == "options"
    assert titles[1:] == [title for title in SECTIONS if title in titles]
    for section, title in config.SECTIONS.items():
        own = [f for f in COMMANDS[command].fields if f.metadata["section"] == section]
        everyday = [config.flag_name(f.name) for f in own if f.metadata["everyday"]]
        rest = [config.flag_name(f.name) for f in own if not f.metadata["everyday"]]
        assert sections.get(title, [])[: len(own)] == everyday + rest
    assert text.startswith(f"usage: python -m trainer {command} ")
    for riddle in ("Literal", "null", "class", "--loss+", "`"):
        assert riddle not in text


def test_root_is_the_first_flag_of_the_first_section(help_of):
    sections = sections_of(help_of("train"))
    assert list(sections)[:5] == ["options", "data", "loss", "training", "network"]
    assert sections["data"][0] == "--root"


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("train", "--mixed-precision {float16,bfloat16}"),
        ("train", "--nfft N FFT size and length of the periodic Hann window, samples (type: int,"),
        ("train", "half of --epochs at most"),
        ("separate", "--bits {16,24,float}"),
        ("separate", "usage: python -m trainer separate SONG [SONG ...] --model MODEL [FLAGS]"),
        ("evaluate", "(default: si_sdr sd_sdr snr)"),
        (
            "export",
            "--model MODEL Folder of a run, a .keras file, or the name of a published model",
        ),
    ],
)
def test_help_says(help_of, command, text):
    assert text in " ".join(help_of(command).split())


def test_overview_lists_the_commands(help_of):
    text = help_of()
    for name, command in COMMANDS.items():
        assert re.search(rf"^  {name}\b", text, re.MULTILINE)
        assert command.help[:30] in text


def test_the_command_may_be_left_out():
    assert with_defaults([])[0] == "train"
    assert with_defaults(["--root", "x"])[:2] == ["train", "--root"]
    assert with_defaults(["--version"]) == ["--version"]
    assert parse(["--root", "x"]).command == "train"


@pytest.mark.parametrize(
    "words", [["--loss", "a+b"], ["--loss", "a", "--loss=b"], ["--loss=a+b"]], ids=" ".join
)
def test_losses_are_gathered(words):
    assert parse(words)["train"].loss == ["a", "b"]


def test_dashes_at_the_end_of_a_name_and_no_prefix():
    options = parse(["--unidirectional", "--no-in-memory", "--loss-args.psa.x", "[1, 2]"])["train"]
    assert options.unidirectional is True
    assert options.in_memory is False
    assert options.loss_args == {"psa": {"x": [1, 2]}}


def test_null_is_nothing():
    options = parse(["--lr", "null", "--root", "null", "--mixed-precision", "null"])["train"]
    assert (options.lr, options.root, options.mixed_precision) == (None, None, None)


@pytest.mark.parametrize(
    ("command", "values"),
    [
        ("train", {"lr": 0.003, "hidden_size": 128}),
        ("tune", {"lr": 0.003}),
        ("benchmark", {"lr": None, "subset": "valid", "hidden_size": 128}),
    ],
)
def test_the_demonstration_has_small_sizes_that_flags_override(command, values):
    options = parse([command, "--demo"])[command]
    assert {name: options[name] for name in values} == values
    assert parse([command, "--demo", "--hidden-size", "16"])[command].hidden_size == 16


def test_print_config_is_what_config_takes(capsys, tmp_path):
    with pytest.raises(SystemExit):
        make_parser().parse_args(["train", "--hidden-size", "20", "--print-config"])
    (tmp_path / "run.yaml").write_text(capsys.readouterr().out)
    assert parse(["--config", str(tmp_path / "run.yaml")])["train"].hidden_size == 20


def test_flags_that_may_do_nothing_exist():
    for command, idle in IDLE.items():
        known = {field.name for field in COMMANDS[command].fields}
        known |= {flag.name.replace("-", "_") for flag in COMMANDS[command].flags}
        assert {name for each in idle for name in each.names} <= known


def test_flags_beside_what_they_are_for(tmp_path):
    for words in (
        ["evaluate", "--oracle", "irm", "--nfft", "512"],
        ["evaluate", "--estimates", "x", "--nhop", "64", "--metrics", "losses"],
        ["evaluate", "--model", "m", "--niter", "1", "--stems", "y", "--precision", "float32"],
        ["export", "--model=m", "--output=x", "--signatures=fixed_length", "--fixed-seconds=1"],
        ["prepare", "--root", "x", "--download", "--download-url", "y"],
    ):
        parse(words)
