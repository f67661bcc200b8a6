"""What the index asks of an engine, whether it runs in process or as a server."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from corpora.progress import Progress

DENSE = "dense"
SPARSE = "bm25"
RRF_K = 60
# Payload fields that a search may be narrowed by.
KINDS = "kind"
EXPERIMENTS = "experiments"


@dataclass(frozen=True)
class Sparse:
    """A sparse vector: the weights of the terms by their hashed index."""

    indices: list[int]
    values: list[float]


@dataclass(frozen=True)
class Point:
    """What is stored of a passage; `id` is a UUID."""

    id: str
    dense: list[float]
    sparse: Sparse
    payload: dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One search; the ranks of both legs are fused where both are given."""

    limit: int
    depth: int  # how many of each leg take part in the fusion
    dense: list[float] | None = None
    sparse: Sparse | None = None
    narrow: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (payload field, values of which one must match)


class Engine(Protocol):
    """A store of points that knows what it was built from."""

    def fingerprint(self) -> str | None:
        """What the points were built from; None if nothing is there."""

    def write(self, fingerprint: str, points: Sequence[Point], progress: Progress | None, force: bool = False) -> bool:
        """Replace all points at once; False, and nothing done, if `fingerprint` is there already.

        With `force` what is there is not asked.
        """

    def query(self, request: Request) -> list[tuple[dict[str, Any], float]]:
        """The payloads found with their scores, best first."""

    def session(self) -> AbstractContextManager[None]:
        """Keep the store open for the queries of the body, where opening it costs something."""

    def close(self) -> None:
        """Let go of what is held."""
