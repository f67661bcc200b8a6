"""The machine that a benchmark ran on, in words."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import torch


def machine() -> str:
    """Return processor, cores, threads of torch, system and Python."""
    return (
        f"{processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads of torch, {platform.system()}, "
        f"Python {platform.python_version()}"
    )


def processor() -> str:
    """Return the processor's name where the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()
