"""Imports run one way: config → jobs → signal → {data, models, …} → reports → …"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_JOBS = {"mss_keras.config", "mss_keras.jobs"}
_SIGNAL = _JOBS | {"mss_keras.signal"}
_ROOMS = {f"mss_keras.{room}" for room in ("data", "models", "domains", "losses", "metrics")}
_REPORTS = _SIGNAL | _ROOMS | {"mss_keras.reports"}
_EVALUATION = _REPORTS | {"mss_keras.separation"}
_EXPERIMENTS = _EVALUATION | {"mss_keras.evaluation", "mss_keras.training"}
_LISTENING = _EVALUATION | {"mss_keras.evaluation"}

# What each room may import besides itself.
ALLOWED = {
    "mss_keras.config": set(),
    "mss_keras.jobs": {"mss_keras.config"},
    "mss_keras.signal": _JOBS,
    **{room: _SIGNAL for room in _ROOMS},
    "serving": _SIGNAL | {"mss_keras.data", "mss_keras.models"},
    "mss_keras.reports": _SIGNAL | _ROOMS,
    "mss_keras.training": _REPORTS | {"serving"},
    "mss_keras.separation": _REPORTS,
    "mss_keras.evaluation": _EVALUATION,
    "mss_keras.experiments": _EXPERIMENTS,
    "mss_keras.listening": _LISTENING,
    "trainer": _EXPERIMENTS
    | {"serving", "mss_keras.experiments", "mss_keras.listening", "mss_keras"},
    "mss_keras": {"mss_keras.training"},
}


def room_of(module):
    rooms = [room for room in ALLOWED if module == room or module.startswith(room + ".")]
    return max(rooms, key=len) if rooms else None


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


TOPS = ("mss_keras", "trainer", "serving")
MODULES = sorted(path for top in TOPS for path in (ROOT / top).rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_room_reaches_back(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    own = room_of(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    imported = {room_of(name) for name in imports_of(path)} - {None, own}
    if not {"Separator", "*"} & set(names_from_the_top(path)):
        imported -= {"mss_keras"}  # only to name a room of it
    assert imported <= ALLOWED[own], f"{own} may not import {sorted(imported - ALLOWED[own])}"


def names_from_the_top(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "mss_keras":
            yield from (alias.name for alias in node.names)


def test_the_walk_sees_a_breach(tmp_path):
    breach = tmp_path / "x.py"
    breach.write_text("from mss_keras import training\nfrom mss_keras import Separator as S\n")
    assert "mss_keras.training" in {room_of(name) for name in imports_of(breach)}
    assert "Separator" in set(names_from_the_top(breach))
