"""What several machines tell each other in a step, measured on loopback and computed for networks.

    python tests/benchmarks/machines.py [--hidden-size 512] [--batch-size 2] [--steps 10]
    python tests/benchmarks/machines.py --table

Two workers of one core each take steps together; then the same two take steps alone, side by side.
The bytes are those that pass the loopback device meanwhile, less what passes it when nobody works
here; the share of a step spent reducing is what the steps together take longer. The table is
computed: of a ring of n machines each sends 2 (n − 1) / n times the gradient in a step.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

# Trainable parameters: open-unmix's network of one target, and the joint network of four heads.
PARAMETERS = {"one target, hidden size 512": 8_887_204, "four, joint, hidden size 1024": 40_858_544}
LINKS = (1, 10, 100)  # Gbit/s
# Seconds that a device takes for an example of 6 s: two cores (BENCHMARKS.md), and a supposed GPU.
EXAMPLES = {"0.25 s": 0.25, "5 ms": 0.005}


def reduction(parameters: int, gbit: float, machines: int, *, each: int = 4) -> float:
    """Seconds for which a ring of machines reduces a gradient, if the link alone counts."""
    return 2 * (machines - 1) / machines * parameters * each / (gbit * 1e9 / 8)


def paying(parameters: int, gbit: float, example: float, *, each: int = 4) -> float:
    """Batch size from which more machines take less time for a step.

    A machine takes B t for a batch, n of them B t / n and the reduction. The reduction is as (n −
    1) / n, as is what is saved: the number of machines does not matter.
    """
    return reduction(parameters, gbit, 2, each=each) / (example / 2)


def table() -> str:
    """The table of mss_keras/training/README.md."""
    head = ["network", "gradient", "link", "reducing, 2 machines", "8 machines"]
    head += [f"pays from a batch of, {name} an example" for name in EXAMPLES]
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join(["---"] * len(head)) + " |"]
    for name, parameters in PARAMETERS.items():
        for gbit in LINKS:
            times = (reduction(parameters, gbit, n) for n in (2, 8))
            batches = (paying(parameters, gbit, example) for example in EXAMPLES.values())
            cells = [name, f"{parameters * 4 / 1e6:.0f} MB", f"{gbit} Gbit/s"]
            cells += [f"{1000 * seconds:.0f} ms" for seconds in times]
            cells += [str(max(2, int(np.ceil(batch)))) for batch in batches]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def loopback() -> int:
    """Bytes that the loopback device has passed on."""
    line = next(x for x in Path("/proc/net/dev").read_text().splitlines() if "lo:" in x)
    return int(line.split(":")[1].split()[0])


def work(options: argparse.Namespace) -> None:
    """Takes the steps, as a worker or alone, and prints what they took."""
    import keras
    import tensorflow as tf

    from mss_keras import Separator
    from mss_keras.config import AudioConfig, MachinesConfig, ModelConfig
    from mss_keras.training.devices import choose, together

    many = "TF_CONFIG" in os.environ
    used = together("cpu", MachinesConfig(), lambda line: None) if many else choose("cpu")
    keras.utils.set_random_seed(0)
    names = ("vocals",) if options.network == "separate" else ("vocals", "drums", "bass", "other")
    with used.strategy.scope():
        network = ModelConfig("joint", options.hidden_size)
        separator = Separator(names, AudioConfig(), network, synchronized=many)
        separator.build()
        separator.compile("adam", "l2_freq")
    shape = (options.batch_size, len(names), round(options.seq_dur * 44100), 2)
    batch = {"sources": np.random.default_rng(0).normal(size=shape).astype(np.float32)}
    data = used.prefetched(tf.data.Dataset.from_tensors(batch).repeat())
    fit = partial(separator.fit, data, shuffle=False, verbose=0)
    fit(steps_per_epoch=2)  # compiles
    before = loopback()
    time.sleep(5)
    idle = (loopback() - before) / 5
    fit(steps_per_epoch=1)  # waits for the other
    before, start = loopback(), time.perf_counter()
    fit(steps_per_epoch=options.steps)
    seconds = time.perf_counter() - start
    passed = loopback() - before - idle * seconds
    parameters = sum(int(np.prod(v.shape)) for v in separator.trainable_variables)
    print(json.dumps({"seconds": seconds / options.steps, "bytes": passed / options.steps,
                      "parameters": parameters}))  # fmt: skip


def run(options: argparse.Namespace, *, together: bool) -> list[dict]:
    """What two processes print, which work together or each alone."""
    sockets = [socket.socket() for _ in range(2)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    processes = []
    for index in range(2):
        environment = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}
        if together:
            task = {"type": "worker", "index": index}
            environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
        command = [sys.executable, __file__, "--work", *sys.argv[1:]]
        processes.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        )
    return [json.loads(p.communicate()[0].splitlines()[-1]) for p in processes]


def main() -> None:
    """Measures, or prints the table."""
    made = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    made.add_argument("--table", action="store_true", help="print the computed table")
    made.add_argument("--network", choices=["separate", "joint"], default="separate")
    made.add_argument("--hidden-size", type=int, default=512)
    made.add_argument("--batch-size", type=int, default=2, help="examples of each worker")
    made.add_argument("--seq-dur", type=float, default=2.0, help="seconds of an example")
    made.add_argument("--steps", type=int, default=10)
    made.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = made.parse_args()
    if options.table:
        print(table())
    elif options.work:
        work(options)
    else:
        both, alone = run(options, together=True), run(options, together=False)
        step, single = (float(np.mean([x["seconds"] for x in found])) for found in (both, alone))
        expected = both[0]["parameters"] * 4  # of two machines each sends the gradient once
        print(f"parameters {both[0]['parameters']:,}, gradient {expected / 1e6:.1f} MB")
        print(f"each worker sends {both[0]['bytes'] / 2e6:.1f} MB a step")
        print(
            f"a step together {step:.3f} s, alone {single:.3f} s: {1 - single / step:.0%} reducing"
        )


if __name__ == "__main__":
    main()
