"""What the README says of several machines is what the script computes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "tests/benchmarks/machines.py"


def test_the_table_of_the_readme():
    result = subprocess.run(
        [sys.executable, str(SCRIPT), "--table"], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() in (ROOT / "mss_keras/training/README.md").read_text()


@pytest.mark.parametrize("machines", [2, 8])
def test_from_the_batch_that_pays_more_machines_are_as_fast_as_one(machines):
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        import machines as costs
    finally:
        sys.path.remove(str(SCRIPT.parent))
    batch = costs.paying(9_000_000, 10, 0.005)
    together = 0.005 * batch / machines + costs.reduction(9_000_000, 10, machines)
    assert together == pytest.approx(0.005 * batch)
