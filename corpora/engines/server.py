"""Qdrant as a server, through qdrant-client; any number of processes may use it at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from corpora.engines.base import DENSE, RRF_K, SPARSE, Point, Request
from corpora.errors import IndexMissingError, IndexUnreachableError, StoreError
from corpora.progress import Progress

ALIAS = "labwright"
_BATCH = 256
_TIMEOUT_SECONDS = 30


class ServerEngine:
    """A collection per fingerprint, and the alias `labwright` that points to the finished one.

    A build fills a collection of its own and moves the alias when it is whole: others never see a part.
    `client` is a `qdrant_client.QdrantClient`.
    """

    def __init__(self, client: Any, dimension: int, where: str) -> None:
        self._client, self._dimension, self._where = client, dimension, where

    @classmethod
    def connect(cls, url: str, dimension: int, api_key: str | None = None) -> ServerEngine:
        """Speak to the server at `url`. Raises `IndexUnreachableError` if it does not answer."""
        # Imported here: the client takes a second to import, and the embedded index does without it.
        from qdrant_client import QdrantClient

        try:
            client = QdrantClient(url=url, api_key=api_key, timeout=_TIMEOUT_SECONDS, check_compatibility=False)
        except ValueError as error:
            raise StoreError(f"{url}: not the address of a Qdrant server ({error})") from error
        engine = cls(client, dimension, url)
        engine.fingerprint()
        return engine

    def fingerprint(self) -> str | None:
        """What the collection behind the alias was built from; None if there is none."""
        with self._answering():
            for alias in self._client.get_aliases().aliases:
                if alias.alias_name == ALIAS:
                    return str(alias.collection_name).removeprefix(f"{ALIAS}-")
        return None

    def write(self, fingerprint: str, points: Sequence[Point], progress: Progress | None, force: bool = False) -> bool:
        """Fill a collection from `points` and move the alias to it."""
        before = self.fingerprint()
        if not force and before == fingerprint:
            return False
        name = f"{ALIAS}-{fingerprint}"
        with self._answering():
            self._create(name)
            for start in range(0, len(points), _BATCH):
                if progress:
                    progress(start, len(points), "indexing")
                batch = [_point(point) for point in points[start : start + _BATCH]]
                self._client.upsert(name, batch, wait=True)
            self._point_alias(name, before)
        if progress:
            progress(len(points), len(points), "indexing")
        return True

    def query(self, request: Request) -> list[tuple[dict[str, Any], float]]:
        """The payloads found with their scores, best first."""
        if self.fingerprint() is None:
            raise IndexMissingError(f"{self._where}: no index has been built there; build it first")
        with self._answering():
            found = self._client.query_points(ALIAS, with_payload=True, limit=request.limit, **_translate(request))
        return [(point.payload, point.score) for point in found.points]

    def session(self) -> AbstractContextManager[None]:
        """Nothing to open: the server is."""
        return nullcontext()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _create(self, name: str) -> None:
        from qdrant_client import models

        # What a broken build left under this name is not to be trusted.
        self._client.delete_collection(name)
        self._client.create_collection(
            name,
            vectors_config={DENSE: models.VectorParams(size=self._dimension, distance=models.Distance.COSINE)},
            sparse_vectors_config={SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        )

    def _point_alias(self, name: str, before: str | None) -> None:
        from qdrant_client import models

        moves: list[Any] = []
        if before is not None:
            moves.append(models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=ALIAS)))
        target = models.CreateAlias(collection_name=name, alias_name=ALIAS)
        moves.append(models.CreateAliasOperation(create_alias=target))
        self._client.update_collection_aliases(moves)
        if before is not None and name != f"{ALIAS}-{before}":
            self._client.delete_collection(f"{ALIAS}-{before}")

    @contextmanager
    def _answering(self) -> Iterator[None]:
        from httpx import HTTPError
        from qdrant_client.http.exceptions import ApiException

        try:
            yield
        except (ApiException, HTTPError, ConnectionError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise IndexUnreachableError(
                f"{self._where}: the Qdrant server does not answer as it should ({first}); "
                "check that it runs and the address, or leave the address out to use the embedded index"
            ) from error


def _point(point: Point) -> Any:
    from qdrant_client import models

    sparse = models.SparseVector(indices=point.sparse.indices, values=point.sparse.values)
    return models.PointStruct(id=point.id, vector={DENSE: point.dense, SPARSE: sparse}, payload=point.payload)


def _translate(request: Request) -> dict[str, Any]:
    from qdrant_client import models

    conditions: list[Any] = [
        models.FieldCondition(key=field, match=models.MatchAny(any=list(values))) for field, values in request.narrow
    ]
    narrow = models.Filter(must=conditions) if conditions else None
    legs: list[tuple[Any, str]] = []
    if request.dense is not None:
        legs.append((request.dense, DENSE))
    if request.sparse is not None:
        terms = models.SparseVector(indices=request.sparse.indices, values=request.sparse.values)
        legs.append((terms, SPARSE))
    if len(legs) == 1:
        query, using = legs[0]
        return {"query": query, "using": using, "query_filter": narrow}
    prefetch = [models.Prefetch(query=q, using=using, limit=request.depth, filter=narrow) for q, using in legs]
    return {"query": models.RrfQuery(rrf=models.Rrf(k=RRF_K)), "prefetch": prefetch}
