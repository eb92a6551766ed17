import numpy as np
import pytest

from mss_keras.config import (
    AudioConfig,
    DataConfig,
    EvaluationConfig,
    ModelConfig,
    RunConfig,
    SearchConfig,
    SeparationConfig,
    ServingConfig,
    SongConfig,
    TrainingConfig,
    UserError,
    default_of,
    fields,
    from_options,
)

# Values that differ from every default, of the types that YAML gives.
CHANGED = {
    "nhop": 512,
    "network": "separate",
    "sources": ["flute", "harp"],
    "loss": ["psa", "l2_freq"],
    "loss_weight": [1.0, 0.5],
    "loss_args": {"psa": {"x": [1, 2]}},
    "mixed_precision": "bfloat16",
    "pretrained": "runs/a",
}


def test_flat_and_back():
    run = RunConfig.from_flat(CHANGED)
    assert run.data.sources == ("flute", "harp")
    assert run.training.loss_weight == (1.0, 0.5)
    flat = run.to_flat()
    assert {name: flat[name] for name in CHANGED} == CHANGED
    assert RunConfig.from_flat(flat) == run


def test_defaults_are_those_of_the_fields():
    assert RunConfig.from_flat({}) == RunConfig()
    assert {name: default_of(field) for name, field in fields().items()} == RunConfig().to_flat()


def test_an_unknown_key_is_answered_by_the_closest():
    with pytest.raises(UserError, match=r"config: found 'hidden_sizes' .*mean hidden_size\?"):
        RunConfig.from_flat({"hidden_sizes": 3})


def test_one_name_in_place_of_a_list():
    assert RunConfig.from_flat({"loss": "psa"}).training.loss == ("psa",)


def test_options_of_a_command_may_be_more_and_fewer_than_the_fields():
    options = {"trials": 3, "nhop": 512, "output": "x"}
    assert from_options(SearchConfig, options) == SearchConfig(trials=3)
    assert from_options(AudioConfig, options) == AudioConfig(nhop=512)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"bandwidth": 30000.0}, "bandwidth: found 30000.0, wanted at most the Nyquist rate 22050"),
        ({"epochs": 2, "pretrain_epochs": 2}, "pretrain_epochs: found 2, wanted fewer than `epoch"),
        ({"lr": 0.0}, "lr: found 0.0, wanted a number above 0"),
        ({"clip": -1.0}, "clip: found -1.0, wanted a number above 0"),
        ({"discriminator_clip": 0.0}, "discriminator_clip: found 0.0, wanted a number above 0"),
        ({"loss_weight": [-1.0]}, "loss_weight: found -1.0, wanted 0 or more"),
        ({"loss_weight": [0.0]}, r"loss_weight: found \[0.0\], wanted one above 0"),
        ({"loss": []}, r"loss: found \[\], wanted at least one name"),
        ({"feature_layers": ["conv1", "conv1"]}, "feature_layers: found .*, wanted different ones"),
        ({"feature_layers": []}, "feature_layers: found .*, wanted different ones"),
        ({"seed": -1}, "seed: found -1, wanted 0 to 2147483647"),
        ({"dropout": 1.0}, "dropout: found 1.0, wanted a share from 0 to below 1"),
        ({"sources": ["mixture"]}, "sources: found 'mixture', wanted names other than mixture"),
        ({"pretrained": "x", "pretrain_epochs": 2}, "pretrain_epochs: found 2, wanted 0 with"),
    ],
)
def test_wrong_values(values, message):
    with pytest.raises(UserError, match=message):
        RunConfig.from_flat(values)


def test_the_default_bandwidth_is_within_every_sample_rate():
    for rate, bandwidth in ((8000, 4000.0), (31000, 15500.0), (32000, 16000.0), (44100, 16000.0)):
        assert RunConfig.from_flat({"sample_rate": rate}).model.bandwidth == bandwidth
    with pytest.raises(UserError, match=r"bandwidth: found 12000\.0, wanted at most"):
        RunConfig.from_flat({"sample_rate": 22050, "bandwidth": 12000.0})


def test_a_bandwidth_may_reach_the_nyquist_rate():
    assert RunConfig.from_flat({"bandwidth": 22050.0}).model.bandwidth == 22050.0


@pytest.mark.parametrize("field", ["lr", "clip"])
def test_none_is_no_wrong_number(field):
    assert getattr(RunConfig.from_flat({field: None}).training, field) is None


def test_what_a_resumed_run_may_change():
    kept = RunConfig.from_flat(CHANGED)
    more = RunConfig.from_flat({**CHANGED, "epochs": 2000, "in_memory": True})
    assert kept.binding("run") == more.binding("run")
    assert kept.binding("benchmark") != more.binding("benchmark")
    assert "loss" in kept.binding("search")
    assert "loss" not in kept.binding("benchmark")


def test_mappings_are_not_shared():
    first, second = SongConfig(), SongConfig()
    assert first.aggregate == second.aggregate == {}
    assert first.aggregate is not second.aggregate


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (EvaluationConfig, {"oracle": ["irm"]}),
        (DataConfig, {"augmentations": ["gain"]}),
        (TrainingConfig, {"feature_layers": ["conv1"]}),
        (ServingConfig, {"signatures": ["serving_default"]}),
    ],
)
def test_several_names_may_be_a_list(kind, values):
    ((name, value),) = values.items()
    assert list(getattr(kind(**values), name)) == value


def test_xla_and_determinism_do_not_go_together():
    """Keras would drop XLA without a word."""
    with pytest.raises(UserError, match="jit_compile: found True, wanted False with `determin"):
        TrainingConfig(jit_compile=True, deterministic=True)


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("hidden_size", None, "a whole number"),
        ("hidden_size", 24.5, "a whole number"),
        ("nfft", "512", "a whole number"),
        ("epochs", True, "a whole number"),
        ("dropout", [0.4], "a number"),
        ("weight_decay", float("nan"), "a finite number"),
        ("lr", "fast", "a number or null"),
        ("unidirectional", "yes", "true or false"),
        ("root", 3, "a text or null"),
        ("sources", [1], "a list, each a text"),
        ("loss_args", [], "a mapping, each value a value"),
    ],
)
def test_values_of_other_types(field, value, wanted):
    """A file may hold any; the command line is checked by its parser."""
    with pytest.raises(UserError, match=rf"^{field}: found .*, wanted {wanted}$"):
        RunConfig.from_flat({field: value})


@pytest.mark.parametrize(
    ("group", "field", "value", "wanted"),
    [
        (ModelConfig, "mask_activation", [], "one of"),
        (EvaluationConfig, "subset", ["test"], "one of"),
        (DataConfig, "seq_dur", float("inf"), "finite"),
        (DataConfig, "seq_dur", float("nan"), "finite"),
        (DataConfig, "seq_dur", 1e308, "12 hours"),
        (SeparationConfig, "chunk_dur", 1e308, "12 hours"),
        (SeparationConfig, "context_dur", 43201.0, "12 hours"),
        (ServingConfig, "max_seconds", 1e9, "12 hours"),
    ],
)
def test_values_that_no_work_can_have(group, field, value, wanted):
    with pytest.raises(UserError, match=rf"^{field}: found .*{wanted}"):
        from_options(group, {field: value})


def test_numpy_s_numbers_are_numbers():
    found = from_options(TrainingConfig, {"deterministic": np.bool_(True), "epochs": np.int64(3)})
    assert found.deterministic
    assert found.epochs == 3
