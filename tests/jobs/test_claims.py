"""A folder belongs to one piece of work."""

import pytest
import yaml

from mss_keras.config import UserError
from mss_keras.jobs import claims
from mss_keras.jobs.claims import Claim, read_mapping

SETTINGS = {"epochs": 3, "loss": "l2_freq", "jobs": 1}


def claim(**changes):
    return Claim("run", "config.yaml", {**SETTINGS, **changes}, ("jobs",), {"loss": "l2_freq"})


def test_a_new_folder_is_taken_and_says_for_what(tmp_path):
    claim().take(tmp_path / "deep/run")
    assert yaml.safe_load((tmp_path / "deep/run/config.yaml").read_text()) == SETTINGS
    assert [path.name for path in (tmp_path / "deep/run").iterdir()] == ["config.yaml"]


def test_the_same_work_goes_on_and_what_may_change_is_written_anew(tmp_path):
    claim().take(tmp_path)
    claim(jobs=2).check(tmp_path)
    claim(jobs=2).take(tmp_path)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["jobs"] == 2


def test_what_a_kill_left_before_the_claim_is_no_other_work(tmp_path):
    (tmp_path / ".partial-killed").mkdir()
    claim().take(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_other_work_is_refused_with_what_differs(tmp_path):
    claim().take(tmp_path)
    with pytest.raises(UserError, match=r"output: found another run in .*`epochs` 3 \(now 5\), "):
        claim(epochs=5).take(tmp_path)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == SETTINGS


def test_settings_that_are_no_arguments_are_not_told_as_arguments(tmp_path):
    claim(ranges={"beta": "1 to 2"}).take(tmp_path)
    with pytest.raises(UserError, match=r": ranges \{'beta': '1 to 2'\} \(now \{\}\), wanted"):
        claim(ranges={}).take(tmp_path)


def test_a_key_that_an_earlier_version_lacked_has_its_default(tmp_path):
    (tmp_path / "config.yaml").write_text("epochs: 3\njobs: 1\n")
    claim().check(tmp_path)
    with pytest.raises(UserError, match=r"`loss` l2_freq \(now psa\)"):
        claim(loss="psa").check(tmp_path)


def test_what_the_file_says_goes_before_the_default(tmp_path):
    claim(loss="psa").take(tmp_path)
    claim(loss="psa").check(tmp_path)
    with pytest.raises(UserError, match=r"`loss` psa \(now l2_freq\)"):
        claim().check(tmp_path)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(UserError, match=r"output: found something else"):
        claim().take(tmp_path)
    with pytest.raises(UserError, match=r"output: found no run in .* wanted the folder of a run"):
        claim().check(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_another_process_takes_meanwhile(tmp_path, monkeypatch):
    def meanwhile(path):
        monkeypatch.undo()
        claim().take(tmp_path)
        return False

    (tmp_path / ".partial-of-another").mkdir()
    monkeypatch.setattr(claims, "is_hidden", meanwhile)
    claim().take(tmp_path)  # the same work
    (tmp_path / "config.yaml").unlink()
    (tmp_path / ".partial-of-another").mkdir()
    monkeypatch.setattr(claims, "is_hidden", meanwhile)
    with pytest.raises(UserError, match="found another run"):
        claim(epochs=5).take(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"output: found .* wanted a folder to write to"):
        claim().take(tmp_path / "file/run")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "No such file"),
        (b"- 1\n", "list"),
        (b"a: [", "no YAML"),
        (b"\xff\xfe\x00", "no YAML"),
        (b"a: 2026-13-45", "no YAML"),
        (b"a: " + b"[" * 3000, "no YAML"),
    ],
)
def test_files_that_hold_no_mapping(tmp_path, content, found):
    if content is not None:
        (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(UserError, match=rf"x\.yaml: found {found}.*, wanted settings"):
        read_mapping(tmp_path / "x.yaml", "settings")
