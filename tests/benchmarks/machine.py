"""What a machine is, without saying whose."""

import os
import platform
from pathlib import Path

# Which of these a processor has decides how fast it multiplies.
_FLAGS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16",
          "amx_bf16", "amx_int8")  # fmt: skip


def _info(name: str) -> str:
    # The first line of a name in /proc/cpuinfo; other architectures have other names.
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.partition(":")[0].strip() == name:
            return line.partition(":")[2].strip()
    return ""


def flags() -> list[str]:
    """Instructions of the processor that matter here."""
    there = _info("flags").split()
    return [flag for flag in _FLAGS if flag in there]


def multiplies_bfloat16() -> bool:
    """Whether the processor has products in bfloat16."""
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags())


def our_sides() -> dict[str, str]:
    """Precisions that are worth timing, by the name of the side."""
    half = {"bfloat16": "mixed bfloat16"} if multiplies_bfloat16() else {}
    return {"ours": "float32", **half}


def description() -> dict[str, str]:
    """Facts about the processor, the memory and the system, by name."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    model = f"{_info('model name') or platform.machine()}"
    if family := _info("cpu family"):
        model += f", family {family}, model {_info('model')}"
    return {
        "processor": model,
        "cores": f"{len(os.sched_getaffinity(0))}",
        "instructions": ", ".join(flags()) or "not known",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}",
    }
