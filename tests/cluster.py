"""Workers on this machine, which train together as those on several machines would."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path


def free_addresses(count: int) -> list[str]:
    """Addresses at which nobody listens."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return addresses


def tf_config(addresses: list[str], index: int) -> str:
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": addresses}, "task": task})


class Worker:
    """A process of the command line, one of several; what it prints goes to a file."""

    def __init__(self, arguments, *, addresses: list[str], index: int, log: Path):
        self.log = log
        environment = {**os.environ, "TF_CONFIG": tf_config(addresses, index)}
        with log.open("a") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "trainer", *map(str, arguments)],
                stdout=file, stderr=file, env=environment,
            )  # fmt: skip

    def ended(self, seconds: float = 240.0) -> int:
        """Waits for its end, and tells its exit code."""
        try:
            return self.process.wait(seconds)
        finally:
            self.process.kill()

    def printed(self) -> str:
        return self.log.read_text()

    def wait_for(self, text: str, seconds: float = 240.0) -> None:
        """Waits until it has printed something."""
        end = time.monotonic() + seconds
        while text not in self.printed():
            assert self.process.poll() is None, self.printed()
            assert time.monotonic() < end, self.printed()
            time.sleep(0.1)


def start(arguments, folder: Path, *, count: int = 2, addresses: list[str] | None = None):
    """Workers 0, 1, ... of a new cluster, of which each has the same arguments."""
    addresses = addresses or free_addresses(count)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        Worker(arguments, addresses=addresses, index=index, log=folder / f"worker-{index}.log")
        for index in range(count)
    ]
