"""`make` takes a Python that the dependencies have, or says in a line what is wanted."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# An interpreter that takes itself for another version.
STUB = """#!/bin/sh
shift
exec {python} -c "import sys; sys.version_info = {version}; $1"
"""


@pytest.fixture
def make(tmp_path):
    """Runs make in a folder of its own, with Pythons of the versions given on PATH."""

    def run(versions, *arguments):
        for name in ("Makefile", "setup.cfg", "pyproject.toml"):
            shutil.copy(ROOT / name, tmp_path / name)
        for name, version in versions.items():
            stub = tmp_path / "bin" / name
            stub.parent.mkdir(exist_ok=True)
            stub.write_text(STUB.format(python=sys.executable, version=version))
            stub.chmod(0o755)
        path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
        # What a make that runs these tests hands on would be taken for arguments.
        inherited = {"PYTHON", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"}
        environment = {name: os.environ[name] for name in os.environ.keys() - inherited}
        return subprocess.run(
            ["make", *arguments],
            cwd=tmp_path,
            env={**environment, "PATH": path},
            capture_output=True,
            text=True,
        )

    return run


@pytest.mark.parametrize(
    ("versions", "chosen"),
    [
        ({"python3": (3, 11), "python3.12": (3, 12), "python3.11": (3, 11)}, "python3"),
        ({"python3": (3, 13), "python3.12": (3, 12), "python3.11": (3, 11)}, "python3.12"),
        ({"python3": (3, 10), "python3.12": (2, 7), "python3.11": (3, 11)}, "python3.11"),
    ],
)
def test_a_python_that_will_do(make, versions, chosen):
    said = make(versions, "--dry-run", "demo").stdout
    assert f"{chosen} -m venv .venv\n" in said


@pytest.mark.parametrize("arguments", [(), ("PYTHON=python3.12",)])
def test_none_that_will_do(make, arguments):
    none = {"python3": (3, 13), "python3.12": (3, 14), "python3.11": (3, 10)}
    result = make(none, "demo", *arguments)
    assert result.returncode == 2
    said = result.stderr.splitlines()[0]
    assert said.startswith("make: found no Python 3.11 or 3.12 with venv on PATH, wanted one")
    assert not result.stdout
