"""One, two and four devices train alike, whatever the last batch of validation leaves over."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cluster import free_addresses, tf_config
from once import once

SCRIPT = Path(__file__).with_name("devices_matrix.py")
KINDS = ("plain", "two", "norms", "adversarial", "deep", "waves")
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
# Two losses with their gradients' norms, in float32, clipped; and a network of waveforms.
QUICK = [10, 22]
SOME = [1, 14, 17]  # plain, adversarial and with deep features, in the three precisions


def test_the_cases_hold_every_pair_of_properties():
    values = {
        "kind": KINDS, "precision": PRECISIONS, "clip": (False, True),
        "validation": [4 + r for r in REMAINDERS],
    }  # fmt: skip
    for one, other in itertools.combinations(values, 2):
        found = {(case[one], case[other]) for case in CASES}
        missing = set(itertools.product(values[one], values[other])) - found
        assert not missing, (one, other)


def results(devices, chosen, workers=1):
    """What the script gives for the cases, made once for all workers; of each of its processes."""
    case_names = "-".join(map(str, chosen))
    name = f"devices-{workers}-{devices.replace(':', '-')}-{case_names}.json"

    def make(path):
        paths = [str(SCRIPT.parents[2]), str(SCRIPT.parents[1])]
        addresses = free_addresses(workers)
        processes = []
        for index in range(workers):
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
            if workers > 1:
                environment["TF_CONFIG"] = tf_config(addresses, index)
            process = subprocess.Popen(
                [sys.executable, "-W", "ignore", str(SCRIPT), devices], env=environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            assert process.stdin is not None
            process.stdin.write(json.dumps([CASES[i] for i in chosen]))
            process.stdin.close()
            process.stdin = None
            processes.append(process)
        ends = [process.communicate(timeout=1500) for process in processes]
        for process, (_, errors) in zip(processes, ends, strict=True):
            assert process.returncode == 0, errors
        path.write_text(
            json.dumps([json.loads(out.splitlines()[-1])["results"] for out, _ in ends])
        )

    return json.loads(once(name, make).read_text())


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
    one, two = (results(devices, QUICK)[0][QUICK.index(index)] for devices in ("cpu", "cpu:2"))
    compare(CASES[index], one, two)


@pytest.mark.long
@pytest.mark.parametrize("devices", ["cpu:2", "cpu:4"])
@pytest.mark.parametrize(
    "index", range(len(CASES)), ids=lambda i: "-".join(map(str, CASES[i].values()))
)
def test_any_number_of_devices_is_as_one(index, devices):
    every = list(range(len(CASES)))
    compare(CASES[index], results("cpu", every)[0][index], results(devices, every)[0][index])


def compare_workers(index, chosen, devices):
    one = results("cpu", chosen)[0][chosen.index(index)]
    both = [found[chosen.index(index)] for found in results(devices, chosen, workers=2)]
    assert both[0] == both[1]  # in bits
    compare(CASES[index], one, both[0])
    if CASES[index]["precision"] == "float32":
        np.testing.assert_allclose(one["losses"], both[0]["losses"], atol=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("index", QUICK, ids=lambda i: "-".join(map(str, CASES[i].values())))
def test_two_workers_are_as_one(index):
    compare_workers(index, QUICK, "cpu")


@pytest.mark.long
@pytest.mark.parametrize("index", SOME, ids=lambda i: "-".join(map(str, CASES[i].values())))
@pytest.mark.parametrize("devices", ["cpu", "cpu:2"])
def test_two_workers_of_one_and_two_devices_are_as_one(index, devices):
    compare_workers(index, SOME, devices)


@pytest.mark.faults  # four devices on two cores take longer than anybody waits for a change
@pytest.mark.parametrize("devices", ["cpu", "cpu:2"])
@pytest.mark.parametrize(
    "index", range(len(CASES)), ids=lambda i: "-".join(map(str, CASES[i].values()))
)
def test_two_workers_of_any_number_of_devices_are_as_one(index, devices):
    compare_workers(index, list(range(len(CASES))), devices)
