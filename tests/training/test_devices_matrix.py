"""One, two and four devices train alike, whatever the last batch of validation leaves over."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from once import once

SCRIPT = Path(__file__).with_name("devices_matrix.py")
KINDS = ("plain", "two", "norms", "adversarial", "deep")
PRECISIONS = ("float32", "float16", "bfloat16")
REMAINDERS = (1, 2, 3, 4)  # of validation's last batch of 4; 5 excerpts more make a batch before

# How far figures may be apart. Weights are compared in float32: half precision rounds sums of
# another order otherwise, and steps of discriminators make much of it.
WEIGHTS = 1e-4
FIGURES = {"float32": 1e-5, "float16": 2e-2, "bfloat16": 1e-1}


def cases():
    """Every pair of values of two of the properties stands in a case (tested below)."""
    for number, (kind, remainder) in enumerate(itertools.product(KINDS, REMAINDERS)):
        precision = PRECISIONS[(number + number // 4) % 3]
        clip = bool((number // 2 + number // 4 + number // 12) % 2)
        yield {
            "kind": kind, "precision": precision, "clip": clip, "validation": 4 + remainder
        }  # fmt: skip


CASES = list(cases())
QUICK = [10]  # two losses with their gradients' norms, in float32, clipped


def test_the_cases_hold_every_pair_of_properties():
    values = {
        "kind": KINDS, "precision": PRECISIONS, "clip": (False, True),
        "validation": [4 + r for r in REMAINDERS],
    }  # fmt: skip
    for one, other in itertools.combinations(values, 2):
        found = {(case[one], case[other]) for case in CASES}
        missing = set(itertools.product(values[one], values[other])) - found
        assert not missing, (one, other)


def results(devices, chosen):
    """What the script gives for the cases, made once for all workers."""
    name = f"devices-{devices.replace(':', '-')}-{'-'.join(map(str, chosen))}.json"

    def make(path):
        paths = [str(SCRIPT.parents[2]), str(SCRIPT.parents[1])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        result = subprocess.run(
            [sys.executable, "-W", "ignore", str(SCRIPT), devices],
            input=json.dumps([CASES[i] for i in chosen]), capture_output=True, text=True,
            timeout=1500, env=environment,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        path.write_text(result.stdout.splitlines()[-1])

    return json.loads(once(name, make).read_text())["results"]


def compare(case, one, several):
    precision = case["precision"]
    assert one["moved"] > 1e-3
    assert one["updates"] == several["updates"] == 4
    for a, b in zip(one["weights"], several["weights"], strict=True):
        assert np.isfinite(a).all()
        assert np.isfinite(b).all()
        if precision == "float32":
            np.testing.assert_allclose(a, b, atol=WEIGHTS)
    assert one["history"].keys() == several["history"].keys()
    for name, values in one["history"].items():
        assert np.isfinite(values).all()
        np.testing.assert_allclose(
            values, several["history"][name], rtol=FIGURES[precision], atol=FIGURES[precision],
            err_msg=name,
        )  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("index", QUICK, ids=lambda i: "-".join(map(str, CASES[i].values())))
def test_two_devices_are_as_one(index):
    one, two = (results(devices, QUICK)[QUICK.index(index)] for devices in ("cpu", "cpu:2"))
    compare(CASES[index], one, two)


@pytest.mark.long
@pytest.mark.parametrize("devices", ["cpu:2", "cpu:4"])
@pytest.mark.parametrize(
    "index", range(len(CASES)), ids=lambda i: "-".join(map(str, CASES[i].values()))
)
def test_any_number_of_devices_is_as_one(index, devices):
    every = list(range(len(CASES)))
    compare(CASES[index], results("cpu", every)[index], results(devices, every)[index])
