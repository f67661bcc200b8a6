"""Things alike by words and by traces: what is found, what an update keeps, and what is begun anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from corpora.embed import DIMENSION
from corpora.errors import QuestionError
from corpora.likeness import SHARE, Likeness, Thing

SIZE = 6


def _unit(*places: int, size: int = DIMENSION) -> np.ndarray:
    vector = np.zeros(size, np.float32)
    vector[list(places)] = 1.0
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


THINGS = {
    "both": Thing("both", _unit(0), np.stack([_unit(1, size=SIZE), _unit(2, size=SIZE)])),
    "words": Thing("words", _unit(0, 1), None),
    "looks": Thing("looks", _unit(3), _unit(2, 3, size=SIZE)[None]),
}


class Maker:
    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, ids: Sequence[str]) -> list[Thing]:
        self.made += ids
        return [THINGS[id] for id in ids]


def _stamps(*ids: str) -> dict[str, str]:
    return dict.fromkeys(ids or THINGS, "1")


def test_text_and_trace_add_up_and_the_nearest_trace_counts(tmp_path: Path) -> None:
    index = Likeness(tmp_path, SIZE, "a")
    with index.session():
        assert index.update(_stamps(), Maker()) == 3
        found = {match.id: match for match in index.search(_unit(0), _unit(2, size=SIZE), 5)}
        assert found["both"].score == pytest.approx(1.0, abs=1e-5)
        assert found["words"].score == pytest.approx(SHARE / np.sqrt(2), abs=1e-5)
        assert found["words"].trace is None
        assert found["looks"].score == pytest.approx((1 - SHARE) / np.sqrt(2), abs=1e-5)
        assert [match.id for match in index.search(None, _unit(3, size=SIZE), 1)] == ["looks"]
        assert [match.id for match in index.search(_unit(0), None, 5, "both")] == ["words", "looks"]


def test_only_what_changed_is_made_again_and_what_is_gone_is_not_found(tmp_path: Path) -> None:
    maker = Maker()
    for stamps in (_stamps(), _stamps(), _stamps("both", "words") | {"words": "2"}):
        index = Likeness(tmp_path, SIZE, "a")
        with index.session():
            index.update(stamps, maker)
            found = [match.id for match in index.search(_unit(3), None, 5)]
    assert maker.made == ["both", "words", "looks", "words"]
    assert sorted(found) == ["both", "words"]


def test_other_vectors_or_a_damaged_index_begin_anew(tmp_path: Path) -> None:
    for made, spoil in (("a", False), ("b", False), ("b", True)):
        if spoil:
            for file in (tmp_path / "shard").rglob("*"):
                if file.is_file():
                    file.write_bytes(b"spoilt")
        maker = Maker()
        index = Likeness(tmp_path, SIZE, made)
        with index.session():
            index.update(_stamps(), maker)
            assert index.search(_unit(0), None, 1)[0].id == "both"
        assert len(maker.made) == 3


def test_what_is_stored_comes_back(tmp_path: Path) -> None:
    index = Likeness(tmp_path, SIZE, "a")
    with index.session():
        index.update(_stamps(), Maker())
        both, words = index.of("both"), index.of("words")
        assert both is not None
        assert both.traces is not None
        assert np.allclose(both.traces, THINGS["both"].traces, atol=1e-6)
        assert words is not None
        assert words.traces is None
        assert index.of("other") is None


def test_a_question_needs_something(tmp_path: Path) -> None:
    index = Likeness(tmp_path, SIZE, "a")
    with index.session():
        with pytest.raises(QuestionError, match="words, a trace, or both"):
            index.search(None, None, 1)
        with pytest.raises(QuestionError, match="limit = 0"):
            index.search(_unit(0), None, 0)
        assert index.search(_unit(0), None, 3) == []
