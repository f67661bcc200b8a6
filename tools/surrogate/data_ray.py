"""Solve batches of runs on a Ray cluster; the package `ray` is needed only where one is named.

Ray's processes listen on the network, also those of a cluster that is started here: use it where the network is
trusted, or with its authentication by token.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from physics.surrogate.frames import Frames
from physics.surrogate.generate import Batches, one
from physics.surrogate.regime import Regime
from physics.surrogate.regimes import get
from tools.errors import Failed, Retry

LOCAL = "local"
_PATIENCE = 10.0  # seconds
_WAITING = 2  # batches for each processor of the cluster that are handed out at once

Solve = Callable[[Regime, str, Sequence[range], int, bool, int], Batches]


@contextmanager
def ray_batches(address: str | None) -> Iterator[Solve | None]:
    """Give what `physics.surrogate.generate.generate` solves batches with; None without an address.

    Raises:
        Retry: Ray is not installed, or there is no cluster at the address.
    """
    if address is None:
        yield None
        return
    try:
        import ray
    except ImportError as error:
        raise Retry(
            "--ray needs the package ray, which is not installed; 'pip install labwright[ray]' adds it"
        ) from error
    try:
        _reach(address)
        ray.init(
            address=address,
            include_dashboard=False if address == LOCAL else None,
            log_to_driver=False,
            logging_level="error",
        )
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        told = " ".join(str(error).split())[:200]
        raise Retry(f"there is no Ray cluster at {address!r} ({told}); start one with 'ray start --head'") from error
    try:
        yield _solver(ray)
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Knock at `host:port`; Ray itself waits long for an answer."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()


def _solver(ray: Any) -> Solve:
    work = ray.remote(num_cpus=1)(_batch)

    def solve(regime: Regime, split: str, pieces: Sequence[range], seed: int, beyond: bool, frames: int) -> Batches:
        most = max(1, _WAITING * int(ray.cluster_resources().get("CPU", 1)))
        waiting: list[Any] = []
        for piece in pieces:
            waiting.append(work.remote(regime.name, split, piece, seed, beyond, frames))
            if len(waiting) >= most:
                yield _got(ray, waiting.pop(0))
        while waiting:
            yield _got(ray, waiting.pop(0))

    return solve


def _got(ray: Any, reference: Any) -> Frames:
    try:
        values, settings, name = ray.get(reference)
    except ray.exceptions.RayTaskError:
        raise  # it is an instance of what the batch raised
    except ray.exceptions.RayError as error:
        raise Failed(
            f"the Ray cluster lost a batch: {' '.join(str(error).split())[:200]}; run the command again"
        ) from error
    return Frames(name, values, settings)


def _batch(name: str, split: str, piece: range, seed: int, beyond: bool, frames: int) -> tuple[Any, Any, str]:
    found = one(get(name), split, piece, seed, beyond, frames)
    return found.values, dict(found.settings), found.regime
