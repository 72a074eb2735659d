"""What this machine is: its accelerator, its memory, and what it can do."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import shutil
import sys
import threading
from dataclasses import dataclass
from typing import Literal

import psutil
import torch

from engine.errors import UserError
from engine.status import Memory

Precision = Literal["fp32", "bf16"]

GIVEN_WAY = 5
"""Niceness of the thread that trains: it gets a quarter of a core's time beside one of niceness 0."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h; 32 MB is the most it takes


@dataclass(frozen=True, slots=True)
class Plan:
    """How training runs: device, precision, compiled or not, and why."""

    device: str
    precision: Precision = "fp32"
    compile: bool = False
    reason: str = "asked for"
    tokens_per_second: float | None = None
    """As measured on the first phase's batch; None if nothing was measured."""

    @property
    def summary(self) -> str:
        """For people: `cpu, fp32, compiled`."""
        return f"{self.device}, {self.precision}, {'compiled' if self.compile else 'not compiled'}"


def choose_device(wanted: str) -> tuple[torch.device, str]:
    """Return the device for `auto`, `cpu`, `cuda`, `mps` (or `cuda:1`), and why; UserError if it is not there."""
    cuda = torch.cuda.is_available()
    mps = torch.backends.mps.is_available()
    if wanted == "auto":
        if cuda:
            return torch.device("cuda"), "a CUDA card is present"
        if mps:
            return torch.device("mps"), "an Apple GPU is present"
        return torch.device("cpu"), "no CUDA card or Apple GPU is present"
    kind = wanted.partition(":")[0]
    present = {"cpu": True, "cuda": cuda, "mps": mps}
    if kind not in present:
        raise UserError(f"--device {wanted}: unknown; use auto, cpu, cuda or mps")
    if not present[kind]:
        raise UserError(f"--device {wanted}: this machine (or this build of PyTorch) has none; use --device auto")
    try:
        return torch.device(wanted), "asked for"
    except RuntimeError:
        raise UserError(f"--device {wanted}: not a device; use auto, cpu, cuda or mps") from None


def cores() -> int:
    """Return the cores this process may use; `OMP_NUM_THREADS` asks for fewer."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else (psutil.cpu_count(logical=False) or os.cpu_count() or 1)


def keep_freed_memory() -> bool:
    """Make glibc reuse freed memory rather than hand it back; returns False where the C library is another.

    Every step frees and asks for the same buffers of some megabytes. Pages that come fresh from the kernel each time
    cost a seventh of a step of `quick` on two cores (docs/experiments.md).
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all([mallopt(M_TRIM_THRESHOLD, 1 << 30), mallopt(M_MMAP_THRESHOLD, 32 << 20)])


def give_way() -> None:
    """Let who draws or types go before this thread and those it starts, where threads have priorities of their own.

    Training keeps every core busy; a key that waits for its turn is felt, a step that waits is not.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), GIVEN_WAY)


def processor() -> str:
    """Return the name of what computes, for people and as a key of what was measured."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    if sys.platform == "linux":
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:  # noqa: PTH123
            for line in lines:
                if line.startswith("model name"):
                    return f"{line.partition(':')[2].strip()}, {cores()} cores"
    return f"{platform.processor() or platform.machine()}, {cores()} cores"


def compiler() -> str | None:
    """Return the path of a C++ compiler, which `torch.compile` needs on a CPU, or None."""
    return shutil.which(os.environ.get("CXX", "")) or next(
        filter(None, (shutil.which(name) for name in ("g++", "clang++", "c++", "cl"))), None
    )


def memory(device: torch.device | None) -> Memory:
    """Read the memory in use now, in bytes."""
    process = psutil.Process().memory_info().rss
    if device is not None and device.type == "cuda":
        return Memory(process, torch.cuda.memory_allocated(device), torch.cuda.mem_get_info(device)[1])
    if device is not None and device.type == "mps":
        return Memory(process, torch.mps.current_allocated_memory(), torch.mps.recommended_max_memory())
    return Memory(process, None, psutil.virtual_memory().total)
