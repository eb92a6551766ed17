from pathlib import Path

import pytest

from mss_keras.config import UserError, WorkFailedError, flag_name


def test_arguments_are_named_as_in_python_or_as_flags():
    error = UserError("loss_args.psa.beta", 3, "less than `trial_epochs` 2, or `loss_args.psa.x`")
    assert str(error) == (
        "loss_args.psa.beta: found 3, wanted less than `trial_epochs` 2, or `loss_args.psa.x`"
    )
    assert error.spelled(flag_name) == (
        "--loss-args.psa.beta: found 3, wanted less than --trial-epochs 2, or --loss-args.psa.x"
    )


def test_a_file_keeps_its_name():
    error = UserError(Path("root"), "text", "audio")
    assert error.spelled(flag_name) == "root: found text, wanted audio"


def test_a_text_that_is_no_name_stays():
    error = UserError("runs/a_b", "text", "audio")
    assert error.spelled(flag_name) == "runs/a_b: found text, wanted audio"


def test_text_in_backticks_that_is_no_name_stays():
    error = UserError("root", "`a b`", "`--x`")
    assert error.spelled(flag_name) == "--root: found `a b`, wanted `--x`"


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ("vocal", "found 'vocal' (did you mean vocals?), wanted one of vocals, drums"),
        ("xyz", "found 'xyz', wanted one of vocals, drums"),
        (3, "found 3, wanted one of vocals, drums"),
    ],
)
def test_an_unknown_name(found, message):
    assert str(UserError.unknown("targets", found, iter(["vocals", "drums"]))) == (
        f"targets: {message}"
    )


def test_an_unknown_name_of_many():
    error = UserError.unknown("config", "hop", ["nhop", "nfft"], wanted="names of fields")
    assert str(error) == "config: found 'hop' (did you mean nhop?), wanted names of fields"


def test_the_tree():
    assert issubclass(UserError, ValueError)
    assert issubclass(WorkFailedError, RuntimeError)
