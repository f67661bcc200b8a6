"""Things found by their words and by what they looked like: two named vectors in one embedded Qdrant collection.

    score = SHARE cos(text, text') + (1 - SHARE) max over traces cos(trace, trace')

A thing has one vector of its words and any number of its traces (a multivector, of which the nearest counts); one that
lacks what is asked about scores zero there. With one leg alone that leg's cosine is the score. All that is stored can
be computed again: an index of other vectors or a damaged one is thrown away and begun anew.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as qdrant
from numpy.typing import NDArray

from corpora.embed import DIMENSION
from corpora.engines.lock import held
from corpora.errors import QuestionError, StoreError
from corpora.progress import Notify

Vector = NDArray[np.float32]
WAIT_SECONDS = 30.0
TEXT, TRACE = "text", "trace"
SHARE = 0.35  # measured by the suite similar_runs
MOST = 10_000  # things that take part in a ranking
_BATCH = 256


@dataclass(frozen=True)
class Thing:
    """What is stored: vectors of unit length, of the words (384,) and of each trace (traces, size)."""

    id: str
    text: Vector | None
    traces: Vector | None


@dataclass(frozen=True)
class Match:
    """A thing found, its score, and the cosines of both legs; None where a leg was not asked or the thing lacks it."""

    id: str
    score: float
    text: float | None
    trace: float | None


class Likeness:
    """An index in a folder; one process at a time holds it.

    Args:
        folder: where it stands.
        size: of the vectors of traces.
        made: by what the vectors are made; an index of other ones is begun anew.
        wait_seconds, notify: how long a call waits for its turn, and who is told for whom.

    Raises:
        StoreError: the folder cannot hold an index.
    """

    def __init__(
        self, folder: Path, size: int, made: str, *, wait_seconds: float = WAIT_SECONDS, notify: Notify | None = None
    ) -> None:
        self._folder, self._size, self._made = folder, size, made
        self._wait, self._notify = wait_seconds, notify
        self._shard: Any = None
        self._known: dict[str, str] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{folder}: no index can be kept there ({error.strerror}); choose another path") from error

    @contextmanager
    def session(self) -> Iterator[None]:
        """Hold the index for the updates and searches of the body.

        Raises:
            IndexHeldError: another process still has it after the wait.
            StoreError: it cannot be read or written.
        """
        with held(self._folder, "searching past runs", self._wait, self._notify):
            self._shard = self._open()
            try:
                yield
            finally:
                self._shard.close()
                self._shard = None

    def update(self, stamps: Mapping[str, str], make: Callable[[Sequence[str]], Sequence[Thing]]) -> int:
        """Bring the index to what there is; only what is not in it as it is now is made. Return how many were.

        Args:
            stamps: of each thing that there is, by its id; another stamp is another content.
            make: returns the things with the given ids.
        """
        missing = [id for id, stamp in stamps.items() if self._known.get(id) != stamp]
        gone = [id for id in self._known if id not in stamps]
        if not missing and not gone:
            return 0
        for first in range(0, len(missing), _BATCH):
            points = [_point(thing) for thing in make(missing[first : first + _BATCH])]
            with self._writing():
                if points:
                    self._shard.update(qdrant.UpdateOperation.upsert_points(points))
        with self._writing():
            if gone:
                self._shard.update(qdrant.UpdateOperation.delete_points([_key(id) for id in gone]))
            self._shard.flush()
            self._known = dict(stamps)
            partial = self._folder / "known.json.partial"
            partial.write_text(json.dumps({"made": self._made, "known": self._known}), encoding="utf-8")
            os.replace(partial, self._folder / "known.json")
        return len(missing)

    def of(self, id: str) -> Thing | None:
        """Return a stored thing; None if there is none."""
        for record in self._shard.retrieve([_key(id)], with_payload=False, with_vector=True):
            vectors = record.vector
            text, traces = vectors.get(TEXT), vectors.get(TRACE)
            return Thing(id, None if text is None else _array(text), None if traces is None else _array(traces))
        return None

    def search(
        self, text: Vector | None, trace: Vector | None, limit: int, leave_out: str | None = None
    ) -> list[Match]:
        """Return the `limit` likest things, best first.

        Args:
            text, trace: unit vectors of what is looked for; one of the two may be left out.
            limit: how many.
            leave_out: the id of a thing that is not wanted, as the one that was asked about.
        """
        if text is None and trace is None:
            raise QuestionError("a search needs words, a trace, or both")
        if limit < 1:
            raise QuestionError(f"limit = {limit}: must be at least 1")
        legs = [self._leg(name, vector) for name, vector in ((TEXT, text), (TRACE, trace))]
        share = 1.0 if trace is None else 0.0 if text is None else SHARE
        found = []
        for id in {**legs[0], **legs[1]}:
            one, other = legs[0].get(id), legs[1].get(id)
            found.append(Match(id, share * (one or 0.0) + (1.0 - share) * (other or 0.0), one, other))
        ranked = sorted((match for match in found if match.id != leave_out), key=lambda match: (-match.score, match.id))
        return ranked[:limit]

    def _leg(self, name: str, vector: Vector | None) -> dict[str, float]:
        """Return the cosines of all things with one vector."""
        if vector is None:
            return {}
        query = qdrant.Query.Nearest(np.asarray(vector, np.float32).tolist(), using=name)
        request = qdrant.QueryRequest(limit=MOST, query=query, with_payload=True)
        found = {str((point.payload or {})["id"]): float(point.score) for point in self._shard.query(request)}
        # A process that was killed between writing points and naming them may have left some of things that are gone.
        return {id: score for id, score in found.items() if id in self._known}

    def _open(self) -> Any:
        """Return the shard, a fresh one where there is none that can be used."""
        path = self._folder / "shard"
        try:
            told = json.loads((self._folder / "known.json").read_text(encoding="utf-8"))
            if told["made"] == self._made:
                self._known = {str(id): str(stamp) for id, stamp in told["known"].items()}
                return qdrant.EdgeShard.load(str(path))
        except Exception:  # noqa: S110 - whatever is wrong with it, it is made again; the binding raises nothing narrower
            pass
        self._known = {}
        with self._writing():
            shutil.rmtree(path, ignore_errors=True)
            (self._folder / "known.json").unlink(missing_ok=True)
            path.mkdir(parents=True)
            traces = qdrant.MultiVectorConfig(qdrant.MultiVectorComparator.MaxSim)
            cosine = qdrant.Distance.Cosine
            config = qdrant.EdgeConfig(
                vectors={
                    TEXT: qdrant.EdgeVectorParams(size=DIMENSION, distance=cosine),
                    TRACE: qdrant.EdgeVectorParams(size=self._size, distance=cosine, multivector_config=traces),
                }
            )
            return qdrant.EdgeShard.create(str(path), config)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # the binding raises nothing narrower
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise StoreError(f"{self._folder}: the index cannot be written ({first}); check the free space") from error


def _key(id: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"run:{id}"))


def _point(thing: Thing) -> qdrant.Point:
    vectors: dict[str, Any] = {}
    if thing.text is not None:
        vectors[TEXT] = np.asarray(thing.text, np.float32).tolist()
    if thing.traces is not None and len(thing.traces):
        vectors[TRACE] = np.asarray(thing.traces, np.float32).tolist()
    return qdrant.Point(_key(thing.id), vectors, {"id": thing.id})


def _array(values: Any) -> Vector:
    return np.asarray(values, dtype=np.float32)
