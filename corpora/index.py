"""Qdrant, in process or as a server, behind one face."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import qdrant_edge as qdrant
from numpy.typing import NDArray

from corpora.embed import DIMENSION
from corpora.engines.base import EXPERIMENTS, KINDS, Engine, Point, Request, Sparse
from corpora.engines.edge import EdgeEngine
from corpora.engines.server import ServerEngine
from corpora.errors import QuestionError
from corpora.progress import Notify, Progress
from corpora.records import Hit, Passage

WAIT_SECONDS = 30.0
_DEPTH = 100
# Ranks (i, j) and (j, i) fuse to the same score, and the engine returns such a pair in any order: so a few
# more are asked for than wanted, and ties are put in the order of the corpus.
_TIES = 8
_BM25_K = 1.2
_STORED = ("id", "document", "section", "start", "end", "text", "sha256")


@dataclass(frozen=True)
class Item:
    """A passage to index: the words and the vector that find it, and what a search may be narrowed by."""

    passage: Passage
    words: str
    vector: NDArray[np.float32]  # (dimension,)
    kind: str = "protocol"
    experiments: tuple[str, ...] = ()


class Index:
    """Passages found by meaning and by words, their ranks fused by the engine (reciprocal rank fusion).

    Cormack, Clarke & Buettcher (2009), doi 10.1145/1571941.1572114. Use it as a context manager.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asks = qdrant.Bm25(qdrant.Bm25Config(language="english", k=_BM25_K))

    @classmethod
    def open(
        cls,
        path: Path,
        url: str | None = None,
        *,
        api_key: str | None = None,
        wait_seconds: float = WAIT_SECONDS,
        notify: Notify | None = None,
        dimension: int = DIMENSION,
    ) -> Index:
        """The embedded index in the folder `path`, or that of the Qdrant server at `url` if one is given.

        One process at a time may use the embedded one: each call waits up to `wait_seconds` for its turn,
        says through `notify` for whom it waits, and then raises `IndexHeldError`. Raises `StoreError` if
        `path` cannot hold an index and `IndexUnreachableError` if the server does not answer.
        """
        if url:
            return cls(ServerEngine.connect(url, dimension, api_key))
        return cls(EdgeEngine(Path(path), dimension, wait_seconds, notify))

    def fingerprint(self) -> str | None:
        """What the index was built from; None if nothing is there."""
        return self._engine.fingerprint()

    def build(
        self,
        items: Sequence[Item],
        fingerprint: str,
        progress: Progress | None = None,
        *,
        force: bool = False,
    ) -> bool:
        """Index `items` in place of what is there; False, and nothing done, if `fingerprint` is there.

        A build that breaks off leaves the index as it was. `force` builds in any case, to mend a damaged one.
        """
        if not force and self.fingerprint() == fingerprint:
            return False
        documents = _bm25([item.words for item in items])
        points = [_point(item, documents) for item in items]
        return self._engine.write(fingerprint, points, progress, force)

    def search(
        self,
        text: str | None,
        dense: NDArray[np.float32] | None,
        limit: int,
        kinds: Sequence[str] | None = None,
        experiments: Sequence[str] | None = None,
    ) -> list[Hit]:
        """The `limit` best passages for the words of `text` and the vector `dense` (dimension,), best first.

        With one of the two left out, the other alone ranks. `kinds` and `experiments` narrow the search to
        passages with one of the values. Raises `IndexMissingError`, `IndexHeldError`, `IndexDamagedError` or
        `IndexUnreachableError`.
        """
        if text is None and dense is None:
            raise QuestionError("a search needs words, a vector, or both")
        if limit < 1:
            raise QuestionError(f"limit = {limit}: must be at least 1")
        fields = ((KINDS, kinds), (EXPERIMENTS, experiments))
        request = Request(
            limit=limit + _TIES,
            depth=max(_DEPTH, limit),
            dense=None if dense is None else dense.tolist(),
            sparse=None if text is None else _sparse(self._asks.embed_query(text)),
            narrow=tuple((field, tuple(values)) for field, values in fields if values),
        )
        hits = [_hit(payload, score) for payload, score in self._engine.query(request)]
        hits.sort(key=lambda hit: (-hit.score, hit.passage.document, hit.passage.start, hit.passage.id))
        return hits[:limit]

    def session(self) -> AbstractContextManager[None]:
        """Keep the index open for several searches in the body, which then need not open it one by one."""
        return self._engine.session()

    def close(self) -> None:
        """Let go of what is held."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _bm25(texts: Sequence[str]) -> qdrant.Bm25:
    """The engine's BM25 with the mean length, in its own tokens, of the texts at hand."""
    # With b = 0 a term of frequency f weighs f (k + 1) / (f + k): the frequencies follow from the weights.
    plain = qdrant.Bm25(qdrant.Bm25Config(language="english", k=_BM25_K, b=0.0))
    lengths = [sum(w * _BM25_K / (_BM25_K + 1 - w) for w in plain.embed_document(text).values) for text in texts]
    mean = float(np.mean(lengths)) if lengths else 0.0
    return qdrant.Bm25(qdrant.Bm25Config(language="english", k=_BM25_K, avg_len=max(mean, 1.0)))


def _point(item: Item, documents: qdrant.Bm25) -> Point:
    payload = item.passage.model_dump(include=set(_STORED))
    payload |= {KINDS: item.kind, EXPERIMENTS: list(item.experiments)}
    sparse = _sparse(documents.embed_document(item.words))
    return Point(item.passage.id, np.asarray(item.vector, dtype=np.float32).tolist(), sparse, payload)


def _sparse(vector: qdrant.SparseVector) -> Sparse:
    return Sparse(list(vector.indices), list(vector.values))


def _hit(payload: dict[str, Any], score: float) -> Hit:
    return Hit(passage=Passage(**{field: payload[field] for field in _STORED}), score=score)
