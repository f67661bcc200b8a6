from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora.engines.server import ServerEngine
from corpora.errors import (
    IndexDamagedError,
    IndexHeldError,
    IndexMissingError,
    IndexUnreachableError,
    QuestionError,
    StoreError,
)
from corpora.index import Index, Item
from corpora.records import Passage
from corpora.trust import sha256

TEXTS = (
    "the pump is steady",
    "the tracer is bromide",
    "saturate the column slowly from below",
    "density makes fingers in the column",
)
SIZE = 8
VECTORS = np.eye(4, SIZE, dtype=np.float32)


def item(number: int, text: str, kind: str = "protocol", experiments: tuple[str, ...] = ("column",)) -> Item:
    passage = Passage(
        id=str(uuid.UUID(int=number + 1)),
        document="d",
        section="s",
        start=0,
        end=len(text),
        text=text,
        sha256=sha256(text),
    )
    return Item(passage, text, VECTORS[number % 4], kind, experiments)


ITEMS = [item(i, text, "theory" if i == 3 else "protocol") for i, text in enumerate(TEXTS)]


@pytest.fixture(params=["embedded", "server"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Index]:
    """Both forms; qdrant-client's in-memory mode stands in for a server, which is not to be had here."""
    if request.param == "embedded":
        opened = Index.open(tmp_path, dimension=SIZE)
    else:
        from qdrant_client import QdrantClient

        opened = Index(ServerEngine(QdrantClient(":memory:"), SIZE, "memory"))
    with opened:
        yield opened


def texts(index: Index, *args: object, **kwargs: object) -> list[str]:
    return [hit.passage.text for hit in index.search(*args, **kwargs)]  # type: ignore[arg-type]


def test_words_vectors_and_both(index: Index) -> None:
    index.build(ITEMS, "one")
    assert texts(index, "saturated columns", None, 2) == [TEXTS[2], TEXTS[3]]
    assert texts(index, None, VECTORS[1], 1) == [TEXTS[1]]
    hits = index.search("saturated columns", VECTORS[2], 3)
    assert hits[0].passage == ITEMS[2].passage
    assert hits[0].score == pytest.approx(2 / 60)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_a_search_can_be_narrowed(index: Index) -> None:
    index.build(ITEMS, "one")
    assert texts(index, "column", VECTORS[2], 9, kinds=["theory"]) == [TEXTS[3]]
    assert texts(index, "column", None, 9, kinds=["theory", "protocol"], experiments=["column"])[1:]
    assert texts(index, "column", VECTORS[2], 9, experiments=["flash"]) == []


def test_a_second_build_of_the_same_does_nothing(index: Index) -> None:
    assert index.fingerprint() is None
    assert index.build(ITEMS, "one")
    assert index.fingerprint() == "one"
    assert not index.build(ITEMS[:1], "one")
    assert len(texts(index, None, VECTORS[0], 9)) == 4
    assert index.build(ITEMS[:1], "two")
    assert texts(index, None, VECTORS[0], 9) == [TEXTS[0]]
    assert index.build(ITEMS, "two", force=True)
    assert len(texts(index, None, VECTORS[0], 9)) == 4


def test_bad_calls(index: Index) -> None:
    with pytest.raises(IndexMissingError, match="build it first"):
        index.search("column", None, 1)
    with pytest.raises(QuestionError, match="limit = 0"):
        index.search("column", None, 0)
    with pytest.raises(QuestionError, match="words, a vector"):
        index.search(None, None, 1)


def test_a_build_shows_progress(index: Index) -> None:
    seen: list[tuple[int, int, str]] = []
    index.build(ITEMS, "one", lambda *now: seen.append(now))
    assert seen == [(0, 4, "indexing"), (4, 4, "indexing")]


def test_words_with_no_term_at_all(index: Index) -> None:
    index.build(ITEMS, "one")
    assert texts(index, "?!", None, 3) == []
    assert texts(index, "the", VECTORS[0], 1) == [TEXTS[0]]


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=40))
def test_any_words_can_be_asked(text: str) -> None:
    assert _shared().search(text, VECTORS[0], 2)


def _shared(made: list[Index] = []) -> Index:  # noqa: B006 (one index for all examples)
    if not made:
        import tempfile

        made.append(Index.open(Path(tempfile.mkdtemp()), dimension=SIZE))
        made[0].build(ITEMS, "one")
    return made[0]


def test_passages_of_equal_score_keep_their_order(tmp_path: Path) -> None:
    same = [item(i, f"the tracer number{i}") for i in range(60)]
    orders = set()
    for name in "ab":
        index = Index.open(tmp_path / name, dimension=SIZE)
        index.build(same, "one")
        orders.add(tuple(hit.passage.id for hit in index.search("tracer", None, 30)))
    assert len(orders) == 1


def test_ties_of_the_fusion_come_in_one_order(index: Index) -> None:
    first, second = item(0, "tracer tracer tracer"), item(1, "tracer and much else besides it here")
    index.build([first, second], "one")
    # By words the first is ahead, by vector the second: both fuse to the same score.
    found = {tuple(hit.passage.id for hit in index.search("tracer", VECTORS[1], limit)) for limit in [1] * 8}
    assert len(found) == 1
    hits = index.search("tracer", VECTORS[1], 2)
    assert hits[0].score == hits[1].score


def test_the_index_survives_a_new_opening_and_a_broken_build(tmp_path: Path) -> None:
    Index.open(tmp_path, dimension=SIZE).build(ITEMS, "one")
    index = Index.open(tmp_path, dimension=SIZE)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.build(ITEMS[:1], "two", stop)
    assert index.fingerprint() == "one"
    assert len(texts(index, None, VECTORS[0], 9)) == 4
    index.build(ITEMS[:1], "two")
    assert len(list((tmp_path / "shards").iterdir())) == 1


def test_damage_is_named_and_mended_by_a_build(tmp_path: Path) -> None:
    index = Index.open(tmp_path, dimension=SIZE)
    index.build(ITEMS, "one")
    for path in (tmp_path / "shards").rglob("*.json"):
        path.write_text("{")
    with pytest.raises(IndexDamagedError, match="cannot be opened"):
        index.search("column", None, 1)
    index.build(ITEMS, "one", force=True)
    assert index.search("column", None, 1)


def test_a_place_that_cannot_hold_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="choose another path"):
        Index.open(tmp_path / "file" / "index")


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(IndexUnreachableError, match=r"127\.0\.0\.1:1"):
        Index.open(tmp_path, url="http://127.0.0.1:1")


HOLD = """
import sys, time
from pathlib import Path
from corpora.engines.lock import held
with held(Path(sys.argv[1]), "building", 5):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def hold(folder: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(folder), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_waits_and_says_for_whom(tmp_path: Path) -> None:
    words: list[str] = []
    index = Index.open(tmp_path, wait_seconds=20, notify=words.append, dimension=SIZE)
    index.build(ITEMS, "one")
    with hold(tmp_path, 1.5) as process:
        start = time.monotonic()
        assert index.search("column", None, 1)
        assert 0.3 < time.monotonic() - start < 15
    assert words == [f"the index is held by process {process.pid} (building); waiting up to 20 s"]


def test_a_second_process_gives_up_and_says_who_holds_it(tmp_path: Path) -> None:
    index = Index.open(tmp_path, wait_seconds=0.1, dimension=SIZE)
    index.build(ITEMS, "one")
    with hold(tmp_path, 30) as process:
        with pytest.raises(IndexHeldError, match=rf"still held by process {process.pid} \(building\) after 0.1 s"):
            index.search("column", None, 1)
        process.terminate()
    assert index.search("column", None, 1)  # whoever dies lets go


SEARCH = """
import sys
from pathlib import Path
import numpy as np
from corpora.index import Index
index = Index.open(Path(sys.argv[1]), dimension=8)
print(sum(len(index.search("column", np.eye(4, 8, dtype="f4")[i % 4], 4)) for i in range(25)))
"""


def test_two_processes_take_turns(tmp_path: Path) -> None:
    Index.open(tmp_path, dimension=SIZE).build(ITEMS, "one")
    command = [sys.executable, "-c", SEARCH, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=60)[0] for process in running] == ["100\n", "100\n"]
