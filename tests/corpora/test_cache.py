from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from corpora.cache import VectorCache
from corpora.errors import EmbedError

ONE = np.arange(4, dtype=np.float32)


def test_kept_across_openings(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "vectors.sqlite"
    first = VectorCache(path, "m", 4)
    first.put(["a"], ONE[None])
    first.close()
    known, unknown = VectorCache(path, "m", 4).get(["a", "b"])
    assert known is not None
    np.testing.assert_array_equal(known, ONE)
    assert unknown is None


def test_another_model_shares_nothing(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    VectorCache(path, "m", 4).put(["a"], ONE[None])
    assert VectorCache(path, "n", 4).get(["a"]) == [None]


def test_more_texts_than_one_query_takes() -> None:
    cache = VectorCache(None, "m", 4)
    texts = [str(i) for i in range(1201)]
    cache.put(texts, np.arange(1201 * 4, dtype=np.float32).reshape(-1, 4))
    last = cache.get(texts)[-1]
    assert last is not None
    assert last[0] == 4800


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    path.write_bytes(b"not a database" * 100)
    cache = VectorCache(path, "m", 4)
    assert cache.get(["a"]) == [None]
    cache.put(["a"], ONE[None])
    assert cache.get(["a"])[0] is not None


def test_a_place_that_cannot_hold_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbedError, match="cannot be used"):
        VectorCache(tmp_path / "file" / "vectors.sqlite", "m", 4)


def test_a_locked_file_is_not_thrown_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "vectors.sqlite"
    VectorCache(path, "m", 4).put(["a"], ONE[None])

    def refuse(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(sqlite3, "connect", refuse)
    with pytest.raises(EmbedError, match="locked"):
        VectorCache(path, "m", 4)
    monkeypatch.undo()
    assert VectorCache(path, "m", 4).get(["a"])[0] is not None
