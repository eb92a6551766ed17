"""`python -m trainer tune` from flags to an exported model."""

import csv
import json

import pytest
import tensorflow as tf
import yaml
from command_line import flags
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from mss_keras.config import RunConfig, fields
from mss_keras.training import runs
from trainer.__main__ import main
from trainer.arguments import parse


@pytest.mark.long
def test_searched_trained_and_exported(tree, small, tmp_path, command):
    output, model = tmp_path / "search", tmp_path / "served"
    arguments = [
        *("tune", *flags({**small, "root": tree, "unidirectional": True, "output": output})),
        *("--loss", "dissimilarity_freq+l1_time", "--range", "beta=0:10", "--range", "lr"),
        *("--tuner", "random", "--trials", 2, "--epochs", 2, "--trial-epochs", 1),
    ]
    result = command(*arguments, "--then-train", "--export", model, check=0)
    assert f"searching beta, lr for val_si_sdr, in {output}" in result.stdout
    assert "2/2 trial 1: beta " in result.stdout
    with (output / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_si_sdr"]) for row in rows] == sorted(
        (float(row["val_si_sdr"]) for row in rows), reverse=True
    )

    # What a trial reports is what its loss used, and its score that of the weights it keeps.
    for row in rows:
        trial = output / "trials" / row["trial"]
        training = runs.read_config(trial / "config.yaml").training
        assert training.loss_args == {"beta": float(row["beta"])}
        assert training.lr == float(row["lr"])
        assert training.epochs == 1
        (epoch,) = csv.DictReader((trial / "history.csv").open())
        assert float(epoch["val_si_sdr"]) == pytest.approx(float(row["val_si_sdr"]), rel=1e-6)
        assert not (trial / "saved_model").exists()

    options = parse(["train", "--config", str(output / "best.yaml")])["train"]
    config = RunConfig.from_flat({name: options[name] for name in fields()})
    assert config.training.loss_args == {"beta": float(rows[0]["beta"])}
    assert (config.training.epochs, config.training.lr) == (2, float(rows[0]["lr"]))
    best = output / f"best-{rows[0]['trial']}"
    assert (best / "curves.png").exists()
    with (best / "history.csv").open() as file:
        epochs = list(csv.DictReader(file))
    assert [row["epoch"] for row in epochs] == ["1", "2"]
    assert epochs[0] == next(
        csv.DictReader((output / f"trials/{rows[0]['trial']}/history.csv").open())
    )
    card = json.loads((model / "1/assets.extra/model_card.json").read_text())
    assert card["configuration"]["loss_args"] == config.training.loss_args

    for picture in ("weights", "coordinates", "progress"):
        assert (output / f"{picture}.png").read_bytes().startswith(b"\x89PNG")
    for row in rows:
        log = EventAccumulator(str(output / "tensorboard" / row["trial"])).Reload()
        (score,) = log.Tensors("val_si_sdr")
        assert tf.make_ndarray(score.tensor_proto) == pytest.approx(float(row["val_si_sdr"]))
        found = plugin_data_pb2.HParamsPluginData.FromString(
            log.PluginTagToContent("hparams")["_hparams_/session_start_info"]
        )
        weights = found.session_start_info.hparams
        assert weights["beta"].number_value == float(row["beta"])

    # All is there already: nothing is trained again.
    result = command(*arguments, check=0)
    assert "2 of 2 trials are finished already" in result.stdout
    assert "trial 1: beta" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--trials", "0"], "--trials: found 0"),
        (
            ["--loss", "l1_time"],
            "--loss: found l1_time, without weights to search, wanted dissimilarity",
        ),
        (["--range", "beta=1:1"], "--range: found 'beta=1:1', wanted a smaller number"),
        (["--objective", "val_loss"], "--objective: found val_loss, which a smaller weight lowers"),
        (["--objective", "pesq"], "--objective: found 'pesq', wanted one of val_si_sdr, val_snr"),
        (["--export", "x"], "--export: found no --then-train, wanted both"),
        (["--tuner", "annealing"], "--tuner"),
        (["--root", "null"], "--root: found nothing, wanted the folder of a data set"),
    ],
)
def test_wrong_flags(arguments, message, capsys, tmp_path, monkeypatch, tree):
    monkeypatch.chdir(tmp_path)
    usual = ["--loss", "dissimilarity_freq", "--root", str(tree)]
    loss = usual[2:] if "--loss" in arguments else usual
    assert main(["tune", *loss, *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert [path for path in tmp_path.iterdir()] == [tree]


def test_another_search_in_the_folder(tmp_path, capsys, tree):
    (tmp_path / "search").mkdir()
    (tmp_path / "search/search.yaml").write_text(yaml.safe_dump({"loss": ["adversarial"]}))
    arguments = ["--root", str(tree), "--loss", "dissimilarity_freq"]
    assert main(["tune", *arguments, "--output", str(tmp_path / "search")]) == 2
    assert "--output: found another search in" in capsys.readouterr().err
