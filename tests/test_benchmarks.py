"""The benchmarks answer, and their tables say what was measured; nothing is timed here."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "tests/benchmarks"
sys.path.append(str(BENCHMARKS))

import bench  # noqa: E402
import machine  # noqa: E402
import networks  # noqa: E402
import table  # noqa: E402
from floor import Work  # noqa: E402
from rows import Row, row, text  # noqa: E402
from sides import Measured, alternate  # noqa: E402

# The others are modules of these, or record what torch gives.
SCRIPTS = sorted(
    path.name for path in BENCHMARKS.glob("*.py") if "argparse" in path.read_text()
    and "__main__" in path.read_text()
)  # fmt: skip
RATES = {"gflop": 100.0, "gflop_bfloat16": 200.0, "frames": 1e5, "gib": 10.0}
SIDE = """
import sys
sys.path.insert(0, {folder!r})
from sides import parser, serve

def make(options):
    if options.side == "absent":
        import a_module_that_nobody_has
    print("what a library prints is no answer")
    held = []
    return lambda: held.append(bytearray(50 * 2**20))

serve(make, parser("A side.", rounds=1).parse_args())
"""


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_answer_help(script):
    result = subprocess.run(
        [sys.executable, BENCHMARKS / script, "--help"], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"usage: {script}")


def test_every_claim_has_a_script():
    for scripts in bench.CLAIMS.values():
        for script, *flags in scripts:
            source = (BENCHMARKS / script).read_text() + (BENCHMARKS / "sides.py").read_text()
            assert script in SCRIPTS
            assert all(f'"{flag}"' in source for flag in flags if flag.startswith("--"))


def test_sides_work_in_turn_and_absent_ones_are_left_out(tmp_path):
    script = tmp_path / "side.py"
    script.write_text(SIDE.format(folder=str(BENCHMARKS)))
    pythons = {"ours": sys.executable, "absent": sys.executable, "nowhere": "/no/python"}
    found = alternate(str(script), pythons, [], rounds=2, warm=1)
    assert list(found.sides) == ["ours"]
    assert 0.14 < found.sides["ours"]["grown"] < 0.2  # 3 times 50 MiB
    assert found.sides["ours"]["peak"] > found.sides["ours"]["grown"]
    assert found.rates.keys() >= RATES.keys()
    assert found.versions["tensorflow"]


def measured(**sides: float) -> Measured:
    figures = {"cpu": 2.0, "peak": 1.5, "grown": 0.5}
    return Measured({name: {"wall": wall, **figures} for name, wall in sides.items()}, RATES)


def test_a_row_scales_times_and_adds_up_the_floor():
    counted = Work(gflop=50.0, frames=1e4, gib=2.0)
    made = row("work", measured(ours=1.0, peer=4.0), peer="peer", counted=counted, scale=2.0,
               rounds=3)  # fmt: skip
    assert made.ours == {"wall": 2.0, "cpu": 4.0, "memory": 1.5}
    assert made.theirs == {"wall": 8.0, "cpu": 4.0, "memory": 1.5}
    assert (made.ratio("wall"), made.ratio("cpu"), made.ratio("memory")) == (0.25, 1.0, 1.0)
    assert made.floor == pytest.approx(2.0 * (0.5 + 0.1 + 0.2))
    assert counted.seconds(RATES, half=True) == pytest.approx(0.25 + 0.1 + 0.2)


@pytest.fixture
def rows() -> list[Row]:
    there = row("one: work", measured(ours=1.0, peer=4.0), peer="peer", rounds=3)
    again = row("one: more", measured(ours=1.0, peer=2.0), peer="peer", rounds=3)
    missing = row("another", measured(ours=1.0), peer="peer", memory="", rounds=1)
    return [there, again, missing, row("a third", measured(ours=1.0), rounds=3)]


def test_the_table_tells_ratios_and_who_is_not_installed(rows):
    written = table.write(rows, {"processor": "one"})
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in written.splitlines()]
    cells = {each[0]: each[1:] for each in lines if len(each) == 13}
    assert cells["one: work"][:4] == ["peer", "1", "4", "**0.25**"]
    assert cells["another"] == [
        *("peer", "1", "not installed", "–"),
        *("2", "not installed", "–", "–", "–", "–", "–", "1"),
    ]
    assert cells["a third"][:4] == ["–", "1", "–", "–"]
    assert "- processor: one\n" in written
    assert "100 GFLOP/s" in written
    short = table.short(written)
    (line,) = (line for line in short.splitlines() if "peer" in line)
    assert [cell.strip() for cell in line.split("|")] == [
        "",
        "one",
        "peer",
        "0.25 to 0.50",
        "1.00",
        "",
    ]
    assert "another" not in short
    assert "a third" not in short
    readme = f"before\n{table.BEGIN}old\n{table.END}after\n"
    assert table.updated(readme, written) == f"before\n{table.BEGIN}{short}\n{table.END}after\n"


def test_rows_as_text(rows):
    there, _, missing, alone = map(text, rows)
    assert "0.25 of its wall" in there
    assert "not installed" in missing
    assert "ratio" not in alone


def test_the_readme_shows_what_benchmarks_md_says():
    readme, benchmarks = (ROOT / "README.md").read_text(), (ROOT / "BENCHMARKS.md").read_text()
    assert table.BEGIN in readme
    assert table.updated(readme, benchmarks) == readme


def test_the_description_names_no_host_and_no_path():
    import platform

    described = "\n".join(machine.description().values())
    assert "/" not in described
    assert platform.node() not in described


def test_arithmetic_of_a_step_is_the_networks():
    """Known: 220 GFLOP for a batch of 16 excerpts of 6 s, forward and backward, at 512."""
    assert 3 * 16 * networks.frames(6.0) * networks.gflop(512) == pytest.approx(220, rel=0.01)
