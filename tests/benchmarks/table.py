"""BENCHMARKS.md of rows, and the short table of the README of BENCHMARKS.md."""

import re
from collections.abc import Mapping, Sequence

from floor import told
from rows import Row
from tabulate import tabulate

_HEADERS = ("work", "beside", "wall: ours, s", "theirs", "ratio", "CPU: ours, s", "theirs",
            "ratio", "memory: ours, GiB", "theirs", "ratio", "floor, s", "rounds")  # fmt: skip
_ABOUT = """# Benchmarks

`make bench` wrote this file. Each row is a comparison of ours with somebody else's, on the CPU.
The sides are processes that stay alive and work in turn, round by round, and the figures are
medians over the rounds; those that warm up do not count. A ratio is ours to theirs: below 1, ours
takes less. CPU time is that of all threads. Memory is the peak of the process; of losses and of
BSSEval, what it grows by beyond libraries and inputs. The peer of the joint network is written in
torch of open-unmix's parts. The floor is the time that the products, transforms and copies of the
work alone would take, measured in the same rounds; of commands, the import of TensorFlow and
Keras; of BSSEval none is counted. [Notes](tests/benchmarks/NOTES.md) say what was tried.
"""
BEGIN, END = "<!-- figures of BENCHMARKS.md -->\n", "<!-- end of figures -->\n"


def _cells(row: Row) -> list[str]:
    cells = [row.work, row.peer or "–"]
    for name in ("wall", "cpu", "memory"):
        ours, ratio = row.ours.get(name), row.ratio(name)
        cells.append("–" if ours is None else f"{ours:.3g}")
        if ours is None or not row.peer:
            cells += ["–", "–"]
        elif ratio is None:
            cells += ["not installed", "–"]
        else:
            assert row.theirs
            cells += [f"{row.theirs[name]:.3g}", f"**{ratio:.2f}**"]
    return [*cells, "–" if row.floor is None else f"{row.floor:.3g}", str(row.rounds)]


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    return tabulate(rows, headers, tablefmt="github", disable_numparse=True)


def write(rows: Sequence[Row], facts: Mapping[str, str]) -> str:
    """The text of BENCHMARKS.md.

    Args:
        rows: what was measured.
        facts: about the machine and the run, by name.
    """
    versions = {name: version for row in rows for name, version in row.versions.items()}
    known = {
        **facts,
        "versions": ", ".join(f"{name} {versions[name]}" for name in sorted(versions)),
    }
    if rates := [row.rates for row in rows if row.rates]:
        middle = {key: sorted(x[key] for x in rates)[len(rates) // 2] for key in rates[0]}
        known["rates of the floor"] = told(middle)
    lines = "\n".join(f"- {name}: {fact}" for name, fact in known.items())
    return f"{_ABOUT}\n{lines}\n\n{_table([_cells(row) for row in rows], _HEADERS)}\n"


def short(benchmarks: str) -> str:
    """The table of the README: the range of each claim's ratios of a BENCHMARKS.md."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for line in benchmarks.splitlines():
        cells = [cell.strip().strip("*") for cell in line.split("|")[1:-1]]
        if len(cells) == len(_HEADERS) and re.fullmatch(r"[\d.]+", cells[4]):
            claim = cells[0].partition(":")[0], cells[1]
            found.setdefault(claim, []).append((cells[4], cells[10]))
    rows = [[*claim, *map(_span, zip(*ratios, strict=True))] for claim, ratios in found.items()]
    return _table(rows, ["work", "beside", "time", "memory"])


def _span(ratios: Sequence[str]) -> str:
    known = sorted({ratio for ratio in ratios if ratio != "–"}, key=float)
    return " to ".join(dict.fromkeys([known[0], known[-1]])) if known else "–"


def updated(readme: str, benchmarks: str) -> str:
    """A README whose short table is that of a BENCHMARKS.md."""
    figures = f"{BEGIN}{short(benchmarks)}\n{END}"
    return re.sub(f"{BEGIN}.*?{END}", lambda _: figures, readme, flags=re.DOTALL)
