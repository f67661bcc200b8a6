"""Work on the members of a batch on several threads, each with its arrays in its own core's cache."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, initializer=torch.set_num_threads, initargs=(1,))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


def each_member(batch: int, work: Callable[[int], None]) -> None:
    """Run `work(member)` for each member; it must release the GIL to gain from it, and share nothing."""
    if batch == 1:
        work(0)
        return
    for done in [_pool().submit(work, member) for member in range(batch)]:
        done.result()


def in_parts(parts: int, work: Callable[[int], None]) -> None:
    """Run `work(part)` for each part, the last one here: with two cores one handing over is enough."""
    waiting = [_pool().submit(work, part) for part in range(parts - 1)]
    work(parts - 1)
    for done in waiting:
        done.result()
