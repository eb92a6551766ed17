"""The command line as a user meets it: no ffmpeg, one line for an error.

In real processes, but for commands that follow another of their kind: see `command`.
"""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from command_line import flags

from mss_keras.config import WorkFailedError
from mss_keras.data.musdb import demo_stem
from mss_keras.jobs.locks import locked
from mss_keras.training import runs
from trainer import commands
from trainer.__main__ import main
from trainer.table import COMMANDS


def error_of(result):
    lines = result.stderr.strip().splitlines()
    assert result.returncode == 2, result.stderr
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def test_help_comes_without_tensorflow():
    code = (
        "import sys; from trainer.__main__ import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    for arguments in (["--help"], ["train", "--help"], ["--version"], ["models"]):
        command = [sys.executable, "-c", code, *arguments]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stderr
    overview = subprocess.run(
        [sys.executable, "-m", "trainer", "--help"], capture_output=True, text=True
    )
    assert all(command in overview.stdout for command in COMMANDS)


FLAGS = """
--root --epochs --batch-size --lr --lr-decay-patience --lr-decay-gamma --patience --weight-decay
--seq-dur --samples-per-track --hidden-size --nb-channels --nfft --nhop --bandwidth --unidirectional
--seed --loss --output --config --mixed-precision --jit-compile --deterministic --devices
--in-memory --statistics --sources --prepared --network --network-args --dropout --demo --download
--vggish --feature-layers --log-gradient-norms --audio-every --tensorboard
"""


def test_every_flag_has_its_unit_or_meaning_and_default(trainer):
    text = trainer("train", "--help", check=0).stdout
    for flag in FLAGS.split():
        assert re.search(rf"^  {flag}\b", text, re.MULTILINE), flag
    assert "Length of a training excerpt, seconds (type: float, default:" in " ".join(text.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--root", "/no/such"], "--root: found no such folder /no/such, wanted the folder"),
        ([], "--root: found nothing, wanted the folder of a data set"),
        (["--batch-size", "0"], "--batch-size: found 0, wanted a number above 0"),
        (["--epochs", "two"], "--epochs: found 'two', wanted a whole number"),
        (["--lr", "fast"], "--lr: found 'fast', wanted a number"),
        (["--loss-args", "3"], "--loss-args: found '3', wanted a mapping"),
        (
            ["--epochs"],
            "--epochs: found no value, wanted one; see 'python -m trainer train --h",
        ),
        (["--in-memory=maybe"], "--in-memory: found 'maybe', wanted no value"),
        (["song.wav"], "command: found 'song.wav', wanted one of train, prepare, "),
        (["trian"], r"command: found 'trian' \(did you mean train\?\), wanted one of train, "),
        (["--losss", "psa"], r"'train': found '--losss' \(did you mean --loss\?\), wanted flags "),
        (
            ["--loss-arg.beta=2"],
            r"'train': found '--loss-arg.beta' \(did you mean --loss-args.beta",
        ),
        (["tune", "--trails", "3"], r"'tune': found '--trails' \(did you mean --trials\?\)"),
        (
            ["train", "song.wav"],
            "'train': found 'song.wav', wanted flags that 'python -m tr",
        ),
        (
            ["--loss", "l3_freq"],
            "--loss: found 'l3_freq' .*mean l2_freq.*, wanted one of l1_time, ",
        ),
        (["--demo", "--loss", "l3"], "--loss: found 'l3', wanted one of l1_time"),
        (["--loss", "l1_freq", "--loss", "l3"], "--loss: found 'l3', wanted one of l1_time"),
        (["--loss", "psa", "--loss", "psa"], "--loss: .* different names"),
        (
            ["--loss", "psa", "--loss", "l1_time", "--loss-weight", "2"],
            "--loss-weight: found .2.0., wanted one for each of the 2 losses",
        ),
        (
            ["--loss", "psa", "--loss", "dissimilarity_freq", "--loss-args.gamma", "2"],
            "--loss-args: found 'gamma', wanted one of psa: none; dissimilarity_freq: beta",
        ),
        (
            ["--loss", "logl1_freq", "--loss-args.normalization", "sum"],
            "--loss-args.normalization: found 'sum', wanted 'mean' or 'paper'",
        ),
        (
            ["--demo", "--loss", "deep_feature", "--vggish", "/no/such"],
            "--vggish: found /no/such, which is no file or folder, wanted a TF-Hub handle",
        ),
        (["--vggish", "/no/such"], "--vggish: found /no/such with --loss l2_freq, wanted"),
        (["--feature-layers", "conv9"], "--feature-layers: found 'conv9' .*wanted one of conv1, "),
        (["--hidden-sizes", "3"], "--hidden-sizes"),
        (["--audio-every", "-1"], "--audio-every: found -1, wanted 0 or more epochs"),
        (["--tensorboard", "--dry-run"], "--tensorboard: found it with --dry-run, which writes no"),
        (["--nhop", "1000"], "--nhop: found 1000, wanted a divisor of --nfft 4096"),
        (["--hidden-size", "33"], "--hidden-size: found 33, wanted an even number"),
        (["--bandwidth", "30000"], "--bandwidth: found 30000.0, wanted at most .* 22050"),
        (
            ["--mixed-precision", "float8"],
            r"--mixed-precision: found 'float8' \(did you mean float16\?\), wanted one of float16",
        ),
        (["evaluate", "--oracle", "imr"], r"--oracle: found 'imr' \(did you mean irm\?\)"),
        (["--devices", "tpu"], "--devices: found 'tpu'"),
        (["--config", "/no/such.yaml"], "no/such.yaml"),
        (["prepare"], "--root: found nothing, wanted the folder of a data set"),
        (["separate", "x.wav", "--model", "/no/such"], "--model: found nothing at /no/such, want"),
        (["separate", "x.wav", "--model", "musik"], r"nothing at musik \(did you mean music\?\)"),
        (["export", "--model", "/no/such", "--output", "x"], "--model: found nothing at /no/such"),
        (
            ["separate", "x.wav"],
            "--model: found nothing, wanted a value; see 'python -m trainer separ",
        ),
        (
            ["separate", "x", "--model", "m", "--precision", "float64"],
            r"--precision: found 'float64' .*, wanted one of float32, float16, bfloat16",
        ),
        (
            ["separate", "x", "--model", "m", "--two-stems", "bass", "--residual", "rest"],
            "--two-stems: found it with --residual, wanted one of the two",
        ),
        (["benchmark", "--losses", "psaa", "--root", "x"], r"--losses: found 'psaa' .*mean psa"),
        (["separate"], "inputs: found nothing, wanted a value"),
        (
            ["separate", "x.wav", "--model", "m", "--format", "stem.mp4", "--bits=16"],
            "--bits: found it with --format mp3 or stem.mp4, which have no such samples, wanted it",
        ),
        (["evaluate", "--model", "m", "--nfft", "4096"], "--nfft: found it with --model, wanted"),
        (["evaluate", "--model", "m", "--sources", "a"], "--sources: found it with --model, want"),
        (["evaluate", "--oracle", "irm", "--niter=0"], "--niter: found no --model, wanted both"),
        (["evaluate", "--oracle", "irm", "--no-softmask"], "--softmask: found no --model, wanted"),
        (["evaluate", "--estimates", "x", "--stems", "y"], "--stems: found no --model, wanted"),
        (
            ["evaluate", "--oracle", "irm", "--precision", "float32"],
            "--precision: found no --model",
        ),
        (
            ["evaluate", "--oracle", "mixture", "--nhop", "64"],
            "--nhop: found nothing that has an STFT, wanted it with an --oracle or with losses as",
        ),
        (["prepare", "--root", "x", "--download-url", "y"], "--download-url: found no --download"),
        (
            ["export", "--model", "m", "--output", "x", "--fixed-seconds", "6"],
            "--fixed-seconds: found no fixed_length among --signatures, wanted both, or neither",
        ),
        (
            ["benchmark", "--losses", "l2_freq", "--root", "music", "--feature-layers", "conv1"],
            "--feature-layers: found ..conv1.. with --loss l2_freq, wanted it with deep_feature",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_one_line(command, tmp_path, tree, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    if arguments and arguments[0].startswith("--") and "--root" not in arguments:
        arguments = [*arguments, "--root", str(tree)]
    line = error_of(command(*arguments, check=2))
    assert re.search(message, line), line
    assert [path.name for path in tmp_path.iterdir()] == ["music"]  # nothing is left of it


@pytest.mark.parametrize("arguments", [["trian"], ["--loss", "l3_freq", "--root", "/no/such"]])
def test_nothing_else_is_printed_with_wrong_input(trainer, tmp_path, arguments):
    result = trainer(*arguments, cwd=tmp_path)
    assert "found" in error_of(result)
    assert not result.stdout
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            [],
            ["prepare"],
            ["tune"],
            ["evaluate"],
            ["compare"],
            ["--nhop", "3"],
            ["tune", "--tuner", "x"],
        ),
        *(["--loss", "psaa"], ["benchmark", "--losses", "psaa"]),
        *([command, "--root", "/no/such"] for command in ("train", "tune", "evaluate")),
    ],
    ids=" ".join,
)
def test_wrong_flags_are_told_without_tensorflow(arguments):
    code = (
        "import sys; from trainer.__main__ import main; assert main(sys.argv[1:]) == 2\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


def test_wrong_data_is_one_line(trainer, tree, small, tmp_path):
    path = tree / "train/b/bass.wav"
    path.write_bytes(path.read_bytes()[:5000])
    line = error_of(trainer(*flags({**small, "root": tree}), "--output", tmp_path / "run"))
    assert f"{path}: found a file that is cut short" in line
    assert not (tmp_path / "run").exists()


def test_a_file_named_as_a_command_keeps_its_name(command, tmp_path, run):
    (tmp_path / "train.wav").write_text("hello")
    arguments = ("separate", tmp_path / "train.wav", "--model", run)
    result = command(*arguments, "--output", tmp_path / "out", check=1)
    assert f"failed: {tmp_path}/train.wav: " in result.stdout


def test_traceback_on_demand(trainer):
    result = trainer("--root", "/no/such", "--traceback")
    assert "Traceback" in result.stderr
    assert "UserError" in result.stderr


def test_work_that_fails_is_one_line_and_exit_code_1(command, monkeypatch):
    def fail(options):
        error = WorkFailedError("loss is nan\nat epoch 1")
        error.add_note("the last checkpoint is in runs/a")
        raise error

    monkeypatch.setattr("trainer.commands.prepare", fail)
    result = command("prepare", "--root", "x", check=1)
    assert result.stderr == "failed: loss is nan at epoch 1; the last checkpoint is in runs/a\n"
    with pytest.raises(WorkFailedError, match="loss is nan"):
        command("prepare", "--root", "x", "--traceback", check=1)


def test_a_folder_of_something_else_is_not_touched(trainer, tree, small, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/thesis.txt").write_text("chapter one")
    line = error_of(trainer(*flags({**small, "root": tree}), "--output", tmp_path / "run"))
    assert "--output" in line
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("name", ["train", "tune", "benchmark", "evaluate", "compare"])
def test_the_same_command_twice_at_once(command, tree, small, tmp_path, name):
    """The second leaves the folder to the first."""
    more = {
        "tune": ["--loss", "dissimilarity_freq"],
        "benchmark": ["--losses", "l2_freq", "--subset", "valid"],
    }.get(name, [])
    settings = [*flags({**small, "root": tree}), *more]
    if name in ("evaluate", "compare"):
        settings = ["--root", tree, "--oracle", "mixture", "--subset", "valid"]
    output = tmp_path / "output"
    output.mkdir()
    with locked(output):
        line = error_of(command(name, *settings, "--output", output, check=2))
    assert f"--output: found {output}, where" in line
    assert "is at work" in line
    assert not any(output.iterdir())


def test_a_folder_that_cannot_be_written(trainer, tree, small, tmp_path):
    (tmp_path / "file").write_text("")
    line = error_of(trainer(*flags({**small, "root": tree}), "--output", tmp_path / "file/run"))
    assert "--output" in line


def test_data_is_checked_without_tensorflow(tree):
    code = (
        "import sys; from trainer.__main__ import main; assert main(sys.argv[1:]) == 0\n"
        "assert 'tensorflow' not in sys.modules"
    )
    command = [sys.executable, "-c", code, "check-data", "--root", str(tree)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


@pytest.mark.long
def test_a_disk_that_fills_up_is_one_line_and_loses_nothing(tree, small, tmp_path):
    """The operating system refuses to let files grow beyond a size, as a full disk does."""
    run = tmp_path / "run"
    arguments = ["--output", str(run), *flags({**small, "epochs": 9, "root": tree})]
    code = (
        "import resource, sys; from trainer.__main__ import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert "File too large while the checkpoint of epoch 1 was written" in error_of(result)
    assert list((run / "checkpoints").iterdir()) == []


def test_whoever_finds_the_disk_full_it_is_one_line(command, monkeypatch):
    def fail(options):
        raise RuntimeError("{{function_node}} out/part-0\n; No space left on device [Op:SaveV2]")

    monkeypatch.setattr(commands, "devices", fail)
    said = command("devices", check=2)
    assert error_of(said) == ("error: No space left on device; with space the same command will do")
    with pytest.raises(RuntimeError):
        main(["devices", "--traceback"])


def test_check_data(command, tree):
    good = command("check-data", "--root", tree, check=0)
    assert "0 errors, 0 warnings" in good.stdout
    (tree / "train/a/drums.wav").write_text("nothing")
    bad = command("check-data", "--root", tree, check=1)
    assert bad.stderr.endswith(f"failed: {tree} has errors\n")
    assert f"error: {tree}/train/a/drums.wav: found no audio" in bad.stdout


@pytest.mark.long
def test_prepare_then_train_on_stems_with_a_config_file(trainer, command, small, tmp_path):
    root = tmp_path / "musdb18"
    for split, names in (("train", "ab"), ("test", "c")):
        (root / split).mkdir(parents=True)
        for name in names:
            (root / split / f"{name}.stem.mp4").symlink_to(demo_stem())
    result = trainer("prepare", "--root", root, check=0)
    assert "3 tracks decoded" in result.stdout
    assert (tmp_path / "musdb18-wav/test/c/vocals.wav").exists()
    (tmp_path / "run.yaml").write_text("hidden_size: 24\nepochs: 7\nunidirectional: true\n")
    settings = {**small, "root": root, "epochs": 1, "hidden_size": 20}
    command(
        *("--config", tmp_path / "run.yaml", *flags(settings), "--output", tmp_path / "run"),
        check=0,
    )
    assert (tmp_path / "run/stems/valid/vocals.wav").exists()
    config = runs.read_config(tmp_path / "run/config.yaml")
    assert config.model.unidirectional  # of the file
    assert (config.model.hidden_size, config.training.epochs) == (20, 1)  # flags override it
    assert config.training.lr == 1e-3  # the loss's own, resolved


def test_download_from_an_archive(command, tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "sample.zip", "w") as zipped:
        for name in ("train/a", "train/b", "test/c"):
            zipped.write(demo_stem(), f"{name}.stem.mp4")
    url = (tmp_path / "sample.zip").as_uri()
    result = command(
        "prepare", "--download", "--download-url", url, "--root", tmp_path / "musdb", check=0
    )
    assert "3 tracks decoded" in result.stdout


def test_separate(trainer, run, excerpt, tmp_path):
    soundfile.write(tmp_path / "song.flac", excerpt["mixture"][:50000], 44100)
    output = tmp_path / "out"
    trainer("separate", tmp_path / "song.flac", "--model", run, "--output", output, check=0)
    mixture, _ = soundfile.read(tmp_path / "song.flac", dtype="float32")
    expected = runs.load(run).separate(mixture)
    assert sorted(p.name for p in (output / "song").iterdir()) == [
        "bass.wav", "drums.wav", "other.wav", "vocals.wav",
    ]  # fmt: skip
    for name, stem in expected.items():
        found, rate = soundfile.read(output / "song" / f"{name}.wav", dtype="float32")
        assert rate == 44100
        np.testing.assert_allclose(found, stem, atol=1e-6)


def test_separate_reports_what_failed_and_goes_on(command, run, excerpt, tmp_path):
    songs = tmp_path / "songs"
    songs.mkdir()
    (songs / "a.wav").write_text("hello")
    soundfile.write(songs / "b.wav", excerpt["mixture"][:20000], 48000)
    result = command(
        *("separate", songs, "--model", run, "--output", tmp_path / "out", "--format", "flac"),
        *("--bits", "16", "--niter", 1, "--targets", "vocals", "--residual", "rest"),
        *("--aggregate", '{"all": ["vocals", "rest"]}', "--original-rate", "--start", "0.1"),
        check=1,
    )
    assert "failed: " in result.stdout
    assert "a.wav" in result.stdout
    assert "failed: 1 of 2 songs" in result.stderr
    (stem,) = (path for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert stem == tmp_path / "out/b/all.flac"
    found, rate = soundfile.read(stem)
    assert rate == 48000
    mixture = soundfile.read(songs / "b.wav")[0][4800:]
    assert len(found) == len(mixture)
    assert np.sum((found - mixture)[1000:-1000] ** 2) < 1e-3 * np.sum(mixture**2)


@pytest.mark.long
def test_separate_interrupted(run, tmp_path):
    """An hour of silence, and Ctrl-C on the way: no half-written stems."""
    import signal
    import time

    with soundfile.SoundFile(tmp_path / "song.flac", "w", 44100, 2) as song:
        for _ in range(60):
            song.write(np.zeros((60 * 44100, 2), np.float32))
    output = tmp_path / "out"
    command = [sys.executable, "-m", "trainer", "separate", str(tmp_path / "song.flac")]
    process = subprocess.Popen(
        [*command, "--model", str(run), "--output", str(output)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not any(x.stat().st_size > 1000 for x in output.glob("song/.partial-*/vocals.wav")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    assert not [path for path in output.rglob("*") if path.is_file()]


def test_import_openunmix_and_separate_with_it(trainer, command, excerpt, tmp_path):
    sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
    from checkpoints import state
    from pth import save

    sizes: dict[str, Any] = {"hidden": 8, "channels": 2, "bins": 2049, "max_bin": 1487}
    for seed, name in enumerate(("vocals", "drums")):
        save(tmp_path / f"{name}.pth", state(seed, **sizes))
    result = trainer("import-openunmix", tmp_path, "--output", tmp_path / "m.keras", check=0)
    assert "vocals, drums: hidden size 8, bidirectional, 2 channels at 44100 Hz" in result.stdout
    soundfile.write(tmp_path / "song.wav", excerpt["mixture"][:50000], 44100)
    arguments = ("separate", tmp_path / "song.wav", "--model", tmp_path / "m.keras")
    command(*arguments, "--output", tmp_path / "out", check=0)
    stem, _ = soundfile.read(tmp_path / "out/song/drums.wav")
    assert stem.shape == (50000, 2)
    assert np.abs(stem).max() > 0.001


def test_import_openunmix_without_checkpoints(trainer, tmp_path):
    result = trainer("import-openunmix", tmp_path / "gone", "--output", tmp_path / "m.keras")
    assert "gone: found nothing, wanted .pth files of open-unmix" in error_of(result)


def test_export(trainer, command, run, tmp_path):
    output = tmp_path / "model"
    (output / "1").mkdir(parents=True)
    options = (
        *("--signatures", "separate_wav", "fixed_length", "--fixed-seconds", "0.5"),
        *("--niter", "1", "--max-seconds", "60", "--licence", "CC0 1.0"),
    )
    made = trainer("export", "--model", run, "--output", output, *options, check=0)
    assert made.stdout.strip() == f"version 2 in {output / '2'}"
    assert not made.stderr
    card = json.loads((output / "2/assets.extra/model_card.json").read_text())
    config = runs.read_config(run / "config.yaml")
    assert (card["loss"], card["sources"]) == ([*config.training.loss], [*config.data.sources])
    assert card["configuration"]["hidden_size"] == config.model.hidden_size
    assert card["metrics"]["best_epoch"]["val_loss"]
    assert card["signatures"] == ["separate_wav", "fixed_length", "describe"]
    assert (card["separation"]["niter"], card["max_seconds"]) == (1, 60)
    assert (card["licence"], card["test_sdr"]) == ("CC0 1.0", None)
    assert card["data"]["dataset"] == Path(config.data.root or "").name
    assert str(Path(config.data.root or "").parent) not in json.dumps(card)
    error = error_of(command("export", "--model", run, "--output", run / "config.yaml", check=2))
    assert "config.yaml: found File exists, wanted a folder to write to" in error


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hidden_sizes: 24", r"--config: found 'hidden_sizes' \(did you mean hidden_size\?\)"),
        ("hidden_size: wide", "--hidden-size: found 'wide', wanted a whole number"),
        ("network: joined", r"--network: found 'joined' \(did you mean joint\?\)"),
        ("a: [", r"--config: found no YAML \(.*line .*\), wanted a YAML file of flags"),
        (
            b"nfft: \xff",
            r"--config: found no YAML \('utf-8' codec .*\), wanted a YAML file of flags",
        ),
        ("a: &a [*a]", r"--config: found no YAML \(maximum recursion depth .*\), wanted"),
        ("epochs: " + "9" * 5000, r"--config: found no YAML \(Exceeds the limit .*\), wanted"),
        ("hidden_size: &a", "--hidden-size: found None, wanted a whole number"),
    ],
)
def test_wrong_config_file(command, tmp_path, text, message):
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "bad.yaml").write_bytes(content)
    bad = command("--config", tmp_path / "bad.yaml", "--root", tmp_path, check=2)
    assert re.search(message, error_of(bad))


@pytest.mark.long
def test_losses_of_several_domains_and_their_hyperparameters(command, tree, small, tmp_path):
    small = {**small, "unidirectional": True}
    run = tmp_path / "run"
    result = command(
        *flags({**small, "epochs": 1, "root": tree}), "--output", run,
        "--loss", "dissimilarity_freq", "--loss=multi_resolution_stft", "--loss", "l2_mask",
        "--loss-weight", "1", "--loss-weight", "0.1", "--loss-weight", "2",
        "--loss-args.beta", "0.2",
        "--loss-args.multi_resolution_stft.resolutions", "[[256, 64, 256]]", check=0,
    )  # fmt: skip
    description = "1·dissimilarity_freq + 0.1·multi_resolution_stft + 2·l2_mask"
    assert f"loss {description}, learning rate 0.0001" in result.stdout
    with (run / "history.csv").open() as file:
        (row,) = csv.DictReader(file)
    for part in ("", "val_"):
        terms = [float(row[part + name]) for name in description.replace("·", " ").split()[1::3]]
        total = 1 * terms[0] + 0.1 * terms[1] + 2 * terms[2]
        assert float(row[f"{part}loss"]) == pytest.approx(total, rel=1e-4)
    config = runs.read_config(run / "config.yaml").training
    assert config.loss == ("dissimilarity_freq", "multi_resolution_stft", "l2_mask")
    assert config.loss_args["beta"] == 0.2
    # The folder of a run takes the same configuration alone.
    again = command("--config", run / "config.yaml", "--output", run, check=0)
    assert description in again.stdout
    assert "going on after epoch 1" in again.stdout


@pytest.mark.long
def test_interrupted(tree, small, tmp_path):
    import signal
    import time

    arguments = flags({**small, "unidirectional": True, "epochs": 500, "root": tree})
    command = [sys.executable, "-m", "trainer", *arguments, "--output", str(tmp_path / "run")]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while not (tmp_path / "run/checkpoints/epoch-0001").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr


def test_evaluate(trainer, command, run, tree, tmp_path):
    arguments = (
        *("evaluate", "--model", run, "--root", tree, "--output", tmp_path / "scores"),
        *("--oracle", "irm", "mixture", "--metrics", "snr", "l1_time", "--examples", "1"),
    )
    result = trainer(*arguments, check=0)
    told, header, *_ = result.stdout.splitlines()
    assert re.search(r"scores/report.html: 1 excerpt, 1 s of music in all, in \d+ s$", told)
    assert header.split()[:6] == ["method", "source", "sdr", "isr", "sir", "sar"]
    assert {p.name for p in (tmp_path / "scores").iterdir()} == {
        "evaluation.yaml", "small", "irm", "mixture", "scores.png", "summary.csv", "summary.md",
        "tracks.csv", "report.html",
    }  # fmt: skip
    (tmp_path / "scores/irm/e.json").unlink()
    again = command(*arguments, check=0)
    assert "2 of 3 tracks are scored already" in again.stdout
    assert again.stdout.splitlines()[2:] == result.stdout.splitlines()[1:]
    assert "--metrics: found 'x'" in error_of(command(*arguments, "--metrics", "x", check=2))
    # The card of an export tells what was found of this model.
    to = ("export", "--output", tmp_path / "model", "--signatures", "spectrogram")
    command(*to, "--model", run, "--scores", tmp_path / "scores", check=0)
    told = json.loads((tmp_path / "model/1/assets.extra/model_card.json").read_text())["test_sdr"]
    with (tmp_path / "scores/summary.csv").open() as file:
        small = {
            row["source"]: row["sdr"] for row in csv.DictReader(file) if row["method"] == "small"
        }
    assert told["subset"] == "test"
    assert {source: str(sdr) for source, sdr in told["sdr"].items()} == small
    # A copy is the same model, even one that is called like an oracle; other weights are not.
    shutil.copytree(run, tmp_path / "irm")
    command(*to, "--model", tmp_path / "irm", "--scores", tmp_path / "scores", check=0)
    card = json.loads((tmp_path / "model/2/assets.extra/model_card.json").read_text())
    assert card["test_sdr"] == told
    runs.build(runs.read_config(run / "config.yaml")).save(tmp_path / "small.keras")
    another = ("--model", tmp_path / "small.keras")
    wrong = command(*to, *another, "--scores", tmp_path / "scores", check=2)
    assert "--scores: found scores of small, weights " in error_of(wrong)
    gone = command(*to, "--model", run, "--scores", tmp_path / "gone", check=2)
    assert "evaluation.yaml: found No such file" in error_of(gone)


@pytest.mark.long
def test_benchmark_records_what_failed_and_skips_what_is_finished(
    trainer, command, tree, small, tmp_path
):
    """deep_feature has no VGGish here."""
    output = tmp_path / "benchmark"
    values = {**small, "unidirectional": True, "epochs": 1, "root": tree}
    arguments = (
        *("benchmark", *flags(values), "--output", output),
        *("--losses", "deep_feature", "l2_freq", "--vggish", tmp_path / "gone"),
        *("--examples", "1"),
    )
    result = trainer(*arguments, check=1)
    assert "l2_freq: done" in result.stdout
    assert "failed: deep_feature" in result.stderr
    with (output / "table.csv").open() as file:
        rows = {row["loss"]: row for row in csv.DictReader(file)}
    assert float(rows["l2_freq"]["SDR mean"]) < 30
    assert not rows["l2_freq"]["note"]
    assert rows["deep_feature"]["note"].startswith("failed: `vggish`: found ")
    page = (output / "report.html").read_text()
    assert "1 of 2 losses are trained and scored." in page
    assert "failed: --vggish: found" in page
    assert "e (test), 0 to 1 s" in page
    for made in ("runs/l2_freq/curves.png", "evaluations/l2_freq/scores.png", "heatmap.png"):
        assert (output / made).exists()
    again = command(*arguments, check=1)
    assert "1 of 2 losses are finished already" in again.stdout
    assert "1/1 deep_feature: --vggish: found" in again.stdout
    assert f"found another benchmark in {output}: --epochs 1 (now 2)" in error_of(
        command(*arguments, "--epochs", "2", check=2)
    )
