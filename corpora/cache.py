"""Vectors on disk by the sha256 of model and text, so that nothing is embedded twice."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corpora.errors import EmbedError

Vector = NDArray[np.float32]
_BATCH = 500


class VectorCache:
    """A table of float32 vectors of one model; SQLite, since two processes may write at once.

    It holds nothing that cannot be computed again: a damaged file is thrown away and begun anew. Without a
    path it lives in memory.
    """

    def __init__(self, path: Path | None, model: str, dimension: int) -> None:
        self._path, self._model, self._dimension = path, model, dimension
        with self._named():
            try:
                self._connection = self._connect()
            except sqlite3.OperationalError:  # locked or not to be written: no reason to throw it away
                raise
            except sqlite3.DatabaseError:
                if path is not None:
                    path.unlink(missing_ok=True)
                self._connection = self._connect()

    def get(self, texts: Sequence[str]) -> list[Vector | None]:
        """The vector of each text, or None where it is not known yet."""
        keys = [self._key(text) for text in texts]
        found: dict[str, Vector] = {}
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            marks = ",".join("?" * len(batch))
            query = f"SELECT key, vector FROM vectors WHERE key IN ({marks})"  # noqa: S608 (marks only)
            with self._named():
                rows = self._connection.execute(query, batch).fetchall()
            for key, blob in rows:
                vector = np.frombuffer(blob, dtype="<f4")
                if vector.shape == (self._dimension,):
                    found[key] = vector
        return [found.get(key) for key in keys]

    def put(self, texts: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Keep `vectors` (texts x dimension)."""
        rows = [
            (self._key(text), np.ascontiguousarray(vector, dtype="<f4").tobytes())
            for text, vector in zip(texts, vectors, strict=True)
        ]
        with self._named(), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise EmbedError(f"{self._path}: the cache of vectors cannot be used ({error}); delete the file") from error

    def _connect(self) -> sqlite3.Connection:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        target = ":memory:" if self._path is None else str(self._path)
        connection = sqlite3.connect(target, timeout=30, check_same_thread=False)
        try:
            with connection:
                connection.execute("CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB NOT NULL)")
        except sqlite3.DatabaseError:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
            raise
        return connection

    def _key(self, text: str) -> str:
        return hashlib.sha256(f"{self._model}\0{text}".encode()).hexdigest()
