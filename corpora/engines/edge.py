"""Qdrant in process: `qdrant_edge`, whose shard only one process at a time may open."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import qdrant_edge as qdrant

from corpora.engines.base import DENSE, RRF_K, SPARSE, Point, Request
from corpora.engines.lock import held
from corpora.errors import IndexDamagedError, IndexMissingError, StoreError
from corpora.progress import Notify, Progress

_BATCH = 256


class EdgeEngine:
    """A folder with one finished shard, named by `current.json`, and the lock beside it.

    A build fills a shard of its own and is named only when it is whole: a process killed meanwhile leaves the
    index as it was. The shard is open only during a call, so that other commands get their turn.
    """

    def __init__(self, folder: Path, dimension: int, wait_seconds: float, notify: Notify | None) -> None:
        self._folder, self._dimension = folder, dimension
        self._wait, self._notify = wait_seconds, notify
        self._shard: Any = None
        try:
            (folder / "shards").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{folder}: no index can be kept there ({error.strerror}); choose another path") from error

    def fingerprint(self) -> str | None:
        """What the finished shard was built from; None if there is none."""
        current = self._current()
        return current["fingerprint"] if current else None

    def write(self, fingerprint: str, points: Sequence[Point], progress: Progress | None, force: bool = False) -> bool:
        """Build a shard from `points` and let it take the place of the one before."""
        with self._held("building"):
            if not force and self.fingerprint() == fingerprint:
                return False
            name = f"{fingerprint[:16]}-{uuid.uuid4().hex[:8]}"
            self._fill(self._folder / "shards" / name, points, progress)
            partial = self._folder / "current.json.partial"
            partial.write_text(json.dumps({"fingerprint": fingerprint, "shard": name}), encoding="utf-8")
            os.replace(partial, self._folder / "current.json")
            for other in (self._folder / "shards").iterdir():
                if other.name != name:
                    shutil.rmtree(other, ignore_errors=True)
        return True

    def query(self, request: Request) -> list[tuple[dict[str, Any], float]]:
        """The payloads found with their scores, best first."""
        with nullcontext() if self._shard else self.session():
            found = self._shard.query(_translate(request))
        return [(point.payload or {}, point.score) for point in found]

    @contextmanager
    def session(self) -> Iterator[None]:
        """Hold the lock and the shard for the queries of the body; other commands wait meanwhile."""
        with self._held("searching"), self._opened() as shard:
            self._shard = shard
            try:
                yield
            finally:
                self._shard = None

    def close(self) -> None:
        """Nothing is held between calls."""

    def _current(self) -> dict[str, str] | None:
        path = self._folder / "current.json"
        try:
            current = json.loads(path.read_text(encoding="utf-8"))
            return {"fingerprint": str(current["fingerprint"]), "shard": Path(str(current["shard"])).name}
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return None  # as good as nothing: the next build writes it anew
        except OSError as error:
            raise StoreError(f"{path}: cannot be read ({error.strerror}); mend its permissions") from error

    def _held(self, purpose: str) -> Any:
        return held(self._folder, purpose, self._wait, self._notify)

    def _fill(self, path: Path, points: Sequence[Point], progress: Progress | None) -> None:
        config = qdrant.EdgeConfig(
            vectors={DENSE: qdrant.EdgeVectorParams(size=self._dimension, distance=qdrant.Distance.Cosine)},
            sparse_vectors={SPARSE: qdrant.EdgeSparseVectorParams(modifier=qdrant.Modifier.Idf)},
        )
        with self._writing():
            path.mkdir(parents=True)
            shard = qdrant.EdgeShard.create(str(path), config)
        try:
            for start in range(0, len(points), _BATCH):
                if progress:
                    progress(start, len(points), "indexing")
                with self._writing():
                    # One by one, which is as quick: inside one update the engine orders points at random, and
                    # passages of equal score would then change places from build to build.
                    for point in points[start : start + _BATCH]:
                        shard.update(qdrant.UpdateOperation.upsert_points([_point(point)]))
            with self._writing():
                shard.optimize()
                shard.flush()
        finally:
            shard.close()
        if progress:
            progress(len(points), len(points), "indexing")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # the binding raises nothing narrower
            raise StoreError(
                f"{self._folder}: the index cannot be written ({_first_line(error)}); check the free space"
            ) from error

    @contextmanager
    def _opened(self) -> Iterator[qdrant.EdgeShard]:
        current = self._current()
        if current is None:
            raise IndexMissingError(f"{self._folder}: no index has been built there; build it first")
        try:
            shard = qdrant.EdgeShard.load(str(self._folder / "shards" / current["shard"]))
        except Exception as error:  # the binding raises nothing narrower
            raise IndexDamagedError(
                f"{self._folder}: the index cannot be opened ({_first_line(error)}); "
                f"delete the folder and it is built again"
            ) from error
        try:
            yield shard
        finally:
            shard.close()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _point(point: Point) -> qdrant.Point:
    sparse = qdrant.SparseVector(point.sparse.indices, point.sparse.values)
    return qdrant.Point(point.id, {DENSE: point.dense, SPARSE: sparse}, point.payload)


def _translate(request: Request) -> qdrant.QueryRequest:
    conditions: list[Any] = [
        qdrant.FieldCondition(field, match=qdrant.MatchAny(list(values))) for field, values in request.narrow
    ]
    narrow = qdrant.Filter(must=conditions) if conditions else None
    legs = []
    if request.dense is not None:
        legs.append(qdrant.Query.Nearest(request.dense, using=DENSE))
    if request.sparse is not None:
        terms = qdrant.SparseVector(request.sparse.indices, request.sparse.values)
        legs.append(qdrant.Query.Nearest(terms, using=SPARSE))
    if len(legs) == 1:
        return qdrant.QueryRequest(limit=request.limit, query=legs[0], filter=narrow, with_payload=True)
    fusion: Any = qdrant.Fusion.Rrf(RRF_K)  # a Fusion, though the package's stub does not say so
    return qdrant.QueryRequest(
        limit=request.limit,
        query=fusion,
        prefetches=[qdrant.Prefetch(limit=request.depth, query=leg, filter=narrow) for leg in legs],
        with_payload=True,
    )
