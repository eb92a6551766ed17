"""GPUs, each for one job at a time as far as they go."""

from collections.abc import Mapping, Sequence

VISIBLE = "CUDA_VISIBLE_DEVICES"


class Gpus:
    """Shares GPUs out among jobs: each job gets the GPU that the fewest jobs have.

    Args:
        names: sequence of str. The GPUs, as CUDA_VISIBLE_DEVICES names them. Without any, jobs
            see what this process sees.

    Example:
        >>> gpus = Gpus(["0", "2"])
        >>> first, second = gpus.take(), gpus.take()
        >>> gpus.give_back(second)
        >>> first, gpus.take()
        ({'CUDA_VISIBLE_DEVICES': '0'}, {'CUDA_VISIBLE_DEVICES': '2'})
    """

    def __init__(self, names: Sequence[str]):
        self._jobs = dict.fromkeys(names, 0)

    def take(self) -> dict[str, str]:
        """The environment of one more job, in which it sees one GPU."""
        if not self._jobs:
            return {}
        name = min(self._jobs, key=lambda each: self._jobs[each])
        self._jobs[name] += 1
        return {VISIBLE: name}

    def give_back(self, environment: Mapping[str, str]) -> None:
        """Takes the GPU back of a job that has ended.

        Args:
            environment: mapping of str to str. What `take` returned for the job.
        """
        if VISIBLE in environment:
            self._jobs[environment[VISIBLE]] -= 1
