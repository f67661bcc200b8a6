from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from corpora.embed import Embedder
from corpora.errors import QuestionError
from corpora.index import Index
from corpora.retrieve import Retriever
from corpora.trust import Library, write_manifest
from corpora.verify import verify


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture
def retriever(library: Library, tmp_path: Path, embedder: Embedder) -> Iterator[Retriever]:
    with Index.open(tmp_path / "index") as index:
        yield Retriever(library, index, embedder)


def test_a_question_finds_its_passage(retriever: Retriever) -> None:
    hits = retriever.search("How should the column be saturated?")
    assert hits[0].passage.document == "packing"
    assert hits[0].passage.section == "Saturation"
    assert hits[0].similarity is not None
    assert 0.3 < hits[0].similarity < 1
    assert retriever.search("flow range of the pump", 1)[0].passage.document == "lab-pump"


def test_narrowed_by_kind_and_experiment(retriever: Retriever) -> None:
    hits = retriever.search("water", kind="theory", experiment="column")
    assert {hit.passage.document for hit in hits} == {"tracer"}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"question": "  "}, "empty"),
        ({"question": "caf\udce9"}, "UTF-8"),
        ({"kind": "blog"}, "protocol, theory, instrument"),
        ({"experiment": "flash"}, "covers column"),
        ({"limit": 0}, "at least 1"),
    ],
)
def test_bad_questions(retriever: Retriever, change: dict[str, object], word: str) -> None:
    with pytest.raises(QuestionError, match=word):
        retriever.search(**({"question": "water"} | change))  # type: ignore[arg-type]


def test_the_best_sentence_can_be_quoted(retriever: Retriever, library: Library) -> None:
    question = "What does trapped air do to the residence time?"
    hit = retriever.search(question, 1)[0]
    best, second = retriever.best_sentences(hit, question, 2)
    assert best.text == "Trapped air shortens the residence time [key]."
    assert best.similarity > second.similarity
    assert verify(best.document, best.start, best.end, best.text, best.sha256, library).ok


def test_built_once(retriever: Retriever) -> None:
    seen: list[str] = []
    assert retriever.build(lambda done, total, stage: seen.append(stage))
    assert list(dict.fromkeys(seen)) == ["reading", "embedding", "indexing"] or seen[-1] == "indexing"
    assert not retriever.build()


def test_a_document_that_falls_from_trust_is_not_found(retriever: Retriever, root: Path) -> None:
    question = "How do I get the air out of the sand?"
    assert retriever.search(question)[0].passage.document == "packing"
    (root / "packing" / "text.md").write_text("# Packing\n\nAnything that somebody slipped in.\n")
    later = Retriever(Library.open(root), retriever.index, retriever.embedder)
    assert "packing" not in {hit.passage.document for hit in later.search(question)}
    write_manifest(root, retired=("tracer",))
    last = Retriever(Library.open(root), retriever.index, retriever.embedder)
    assert "tracer" not in {hit.passage.document for hit in last.search("tracer")}


def test_a_text_slipped_into_the_index_is_dropped(retriever: Retriever, library: Library) -> None:
    from corpora.index import Item
    from corpora.ingest.chunk import passages

    true = passages(library["packing"])[0]
    changes = ({"text": true.text.replace("slowly", "quickly")}, {"section": "Forged"}, {"end": true.end - 1})
    vector = retriever.embedder.embed_question(true.text)
    for change in changes:
        false = true.model_copy(update=change)
        retriever.index.build([Item(false, false.text, vector)], retriever.fingerprint, force=True)
        assert retriever.search("Saturate the column quickly") == []
    retriever.index.build([Item(true, true.text, vector)], retriever.fingerprint, force=True)
    assert retriever.search("Saturate the column quickly")


def test_a_damaged_index_is_built_again(retriever: Retriever, tmp_path: Path) -> None:
    retriever.build()
    for path in (tmp_path / "index" / "shards").rglob("*.json"):
        path.write_text("{")
    assert retriever.search("tracer")
