"""Rows of BENCHMARKS.md: what a script of this folder measured for a claim."""

import dataclasses
import json
from dataclasses import dataclass, field

from floor import Work
from sides import Figures, Measured


@dataclass
class Row:
    """Ours beside a peer.

    Attributes:
        work: what is done: the claim, a colon, and the particulars.
        peer: who does it too; empty if nobody.
        ours: `wall` and `cpu`, seconds, and `memory`, GiB; what is not measured is left out.
        theirs: the same of the peer; None if it is not installed.
        floor: seconds that the arithmetic alone would take; None if it was not counted.
        rates: of `floor.py`, in the same run.
        versions: of the packages.
        rounds: number of rounds of which the figures are medians.
    """

    work: str
    peer: str
    ours: Figures
    theirs: Figures | None = None
    floor: float | None = None
    rates: Figures = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    rounds: int = 0

    def ratio(self, name: str) -> float | None:
        """Ours to theirs of a figure, where there are both."""
        if self.theirs is None or name not in self.ours or name not in self.theirs:
            return None
        return self.ours[name] / self.theirs[name]


def row(
    work: str,
    measured: Measured,
    *,
    peer: str = "",
    side: str = "ours",
    counted: Work | None = None,
    memory: str = "peak",
    scale: float = 1.0,
    half: bool = False,
    rounds: int,
) -> Row:
    """A row of what two sides measured.

    Args:
        work: what is done.
        measured: by `alternate`.
        peer: name of the peer's side, if there is one.
        side: name of our side. Defaults to `"ours"`.
        counted: arithmetic of a round, before scaling.
        memory: which figure of memory is told, `peak` or `grown`; empty for none.
        scale: by which times are multiplied, the floor's too.
        half: whether the floor's products are in bfloat16. Defaults to `False`.
        rounds: number of rounds that were taken.
    """

    def figures(name: str) -> Figures:
        found = {key: scale * measured.sides[name][key] for key in ("wall", "cpu")}
        return {**found, "memory": measured.sides[name][memory]} if memory else found

    return Row(
        work,
        peer,
        figures(side),
        theirs=figures(peer) if peer in measured.sides else None,
        floor=scale * counted.seconds(measured.rates, half=half) if counted else None,
        rates=measured.rates,
        versions=measured.versions,
        rounds=rounds,
    )


def tell(rows: list[Row], *, as_json: bool) -> None:
    """Prints rows, as text or a line of JSON each."""
    for each in rows:
        print(json.dumps(dataclasses.asdict(each)) if as_json else text(each), flush=True)


def text(each: Row) -> str:
    """A row as lines."""
    units = {"wall": "s", "cpu": "s of CPU", "memory": "GiB"}
    lines = [each.work]
    sides = {"ours": each.ours, each.peer: each.theirs} if each.peer else {"ours": each.ours}
    for name, figures in sides.items():
        known = figures or {}
        told = [f"{known[key]:.3g} {units[key]}" for key in units if key in known]
        lines.append(f"  {name:<24}{', '.join(told) or 'not installed'}")
    ratios = {key: each.ratio(key) for key in units}
    told = [f"{ratio:.2f} of its {key}" for key, ratio in ratios.items() if ratio is not None]
    lines += [f"  {'ratio':<24}{', '.join(told)}"] if told else []
    lines += [f"  {'floor':<24}{each.floor:.3g} s"] if each.floor is not None else []
    return "\n".join(lines)
