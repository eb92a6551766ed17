"""Times of two sides that work in turn, in one process."""

import json
import time
from collections.abc import Callable, Mapping

import numpy as np

Times = dict[str, np.ndarray]


def medians(sides: Mapping[str, Callable[[], object]], rounds: int) -> Times:
    """Wall and CPU time of each side, seconds, `[2]`: medians over rounds behind one to warm up.

    Args:
        sides: what is timed, by name.
        rounds: number of rounds; in each the sides work one after the other.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, work in sides.items():
            start, before = time.perf_counter(), time.process_time()
            work()
            times[name].append((time.perf_counter() - start, time.process_time() - before))
    return {name: np.median(each[1:], axis=0) for name, each in times.items()}


def tell(claim: str, times: Times, *, as_json: bool) -> None:
    """Prints a line for each of `ours` and `peer` and the ratio, or all as one line of JSON.

    Args:
        claim: what is measured, with its unit.
        times: as of `medians`, scaled to what the claim is about.
        as_json: whether it is JSON.
    """
    ratio = times["ours"] / times["peer"]
    if as_json:
        figures = {"ours": times["ours"][0], "peer": times["peer"][0], "ratio": ratio[0]}
        cpu = {"ours_cpu": times["ours"][1], "peer_cpu": times["peer"][1], "ratio_cpu": ratio[1]}
        print(json.dumps({"claim": claim, **{k: float(v) for k, v in (figures | cpu).items()}}))
        return
    print(claim)
    for name, (wall, cpu_time) in times.items():
        print(f"{name:<8}{wall:>10.3f} s{cpu_time:>10.3f} s of CPU")
    print(f"{'ratio':<8}{ratio[0]:>10.2f}  {ratio[1]:>10.2f}")
