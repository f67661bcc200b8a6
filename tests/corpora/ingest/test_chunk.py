from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpora.ingest.chunk import WORDS, ingest, passages
from corpora.ingest.read import sections, sentences
from corpora.trust import Library, sha256
from tests.corpora.builders import PACKING, document

LINES = st.sampled_from(
    [
        "## Heading\n",
        "\n\n",
        "A short sentence. ",
        "word " * 130 + ". ",
        "One clause, and another; then a third. " * 8,
        "The same sentence again. " * 30,
        "ünïcode µm² ≤ 5 %. ",
        "\t\n",
    ]
)


@settings(deadline=None, max_examples=60)
@given(st.lists(LINES, max_size=12).map("".join))
def test_passages_are_exact_short_and_within_a_section(text: str) -> None:
    made = document(text)
    spans = [(section.start, section.end) for section in sections(text)]
    cursor = 0
    for passage in passages(made):
        assert text[passage.start : passage.end] == passage.text
        assert passage.sha256 == sha256(passage.text)
        assert len(passage.text.split()) <= WORDS
        assert passage.start >= cursor
        assert any(start <= passage.start and passage.end <= end for start, end in spans)
        cursor = passage.end


@settings(deadline=None, max_examples=60)
@given(st.lists(LINES, max_size=12).map("".join))
def test_no_word_is_lost(text: str) -> None:
    bodies = "".join(text[section.start : section.end] for section in sections(text))
    assert "".join("".join(p.text for p in passages(document(text))).split()) == "".join(bodies.split())


def test_same_input_same_ids() -> None:
    first, second = passages(document(PACKING)), passages(document(PACKING))
    assert first == second
    assert len({passage.id for passage in first}) == len(first) == 2
    moved = passages(document(PACKING.replace("Packing a", "Packing one")))
    assert not {p.id for p in moved} & {p.id for p in first}


def test_a_passage_names_its_section() -> None:
    made = document("Before.\n\n" + PACKING)
    assert [p.section for p in passages(made)] == ["Made", "Saturation", "Layers"]


@pytest.mark.parametrize("id", list(Library.open()) or [pytest.param("", marks=pytest.mark.skip("none packaged"))])
def test_packaged_spans_are_exact(id: str) -> None:
    made = Library.open()[id]
    found = ingest([made])
    assert found
    for passage in found:
        assert made.text[passage.start : passage.end] == passage.text
        assert len(passage.text.split()) <= WORDS
        spans = sentences(made.text, passage.start, passage.end)
        assert spans[0].start == passage.start
        assert spans[-1].end == passage.end
