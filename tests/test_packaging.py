"""A wheel that is installed elsewhere runs the demonstration outside the checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("mss_keras", "serving", "trainer")
DATA = (
    *(".config", ".css", ".html", ".jinja", ".js", ".md", ".py", ".txt", ".typed"),
    *(".sh", ".yaml", ".yml"),
)


def run(*command: object, **kwargs) -> str:
    # The checkout must not be found by way of the environment.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=300, env=environment, **kwargs
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of a copy of the checkout, which stays as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        leave = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / "source" / package, ignore=leave)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source" / name)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    run(*build, "--wheel-dir", folder, folder / "source")
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.long
def test_the_wheel_has_every_module_and_all_data(wheel):
    files = [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in DATA and path.is_file()
    ]
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == set(files)


@pytest.mark.long
def test_the_demonstration_runs_outside_the_checkout(wheel, tmp_path):
    venv, outside = tmp_path / "venv", tmp_path / "outside"
    outside.mkdir()
    run(sys.executable, "-m", "venv", "--without-pip", venv)
    python = venv / "bin/python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps"]
    run(*install, "--no-index", wheel)
    # The dependencies are read where they are, but not the .pth files beside them (an editable
    # installation has one there): Python reads only those in its own folders.
    (site,) = venv.glob("lib/*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = f"import {', '.join(PACKAGES)}; print({', '.join(f'{p}.__file__' for p in PACKAGES)})"
    found = run(python, "-c", where, cwd=outside).split()
    assert [Path(path).parents[1] for path in found] == [site] * 3
    small = ["--hidden-size", 16, "--epochs", 1, "--samples-per-track", 4, "--nfft", 1024]
    said = run(python, "-m", "trainer", "train", "--demo", "--nhop", 512, *small, cwd=outside)
    assert "This is a demonstration" in said
    assert (outside / "runs/demo/saved_model/1/saved_model.pb").exists()
    assert (outside / "runs/demo/spectrograms.png").exists()
