"""Question -> ranked hits, and the sentences of a hit that answer best."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import get_args

import numpy as np

from corpora.embed import Embedder
from corpora.errors import IndexDamagedError, QuestionError
from corpora.index import Index, Item
from corpora.ingest import chunk
from corpora.ingest.read import Span, sentences
from corpora.progress import Progress
from corpora.records import Card, Hit, Passage, Sentence
from corpora.trust import Library, sha256

KINDS: tuple[str, ...] = get_args(Card.model_fields["kind"].annotation)
# Part of the fingerprint: raise it when `words` or what is stored changes.
VERSION = 1
_FEWEST_WORDS = 4  # less is a label or a fragment, not a sentence to quote


class Retriever:
    """Trusted passages for a question. The index is built when it is not that of this library and model."""

    def __init__(self, library: Library, index: Index, embedder: Embedder) -> None:
        self.library, self.index, self.embedder = library, index, embedder

    @cached_property
    def fingerprint(self) -> str:
        """Changes with any served text or card, the model, and the way to cut and to index."""
        parts = (self.library.fingerprint, self.embedder.model, f"{chunk.VERSION}.{VERSION}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def build(self, progress: Progress | None = None, *, force: bool = False) -> bool:
        """Cut, embed and index the library; False, and nothing done, if that has been done already.

        `progress` is called with what is done, what there is to do, and a word for the stage.
        """
        if not force and self.index.fingerprint() == self.fingerprint:
            return False
        if progress:
            progress(0, len(self.library), "reading")
        passages = chunk.ingest(self.library.values())
        words = [self._words(passage) for passage in passages]
        # The sentences go in now, so that a later question needs no vector but its own.
        spoken = [text for passage in passages for _, text in self._sentences(passage)]
        vectors = self.embedder.embed([*words, *spoken], progress)
        items = []
        for passage, text, vector in zip(passages, words, vectors, strict=False):
            card = self.library[passage.document].card
            items.append(Item(passage, text, vector, card.kind, card.experiments))
        return self.index.build(items, self.fingerprint, progress, force=force)

    def search(
        self,
        question: str,
        limit: int = 8,
        kind: str | None = None,
        experiment: str | None = None,
        progress: Progress | None = None,
    ) -> list[Hit]:
        """The `limit` best trusted passages for `question`, best first.

        `kind` (protocol, theory or instrument) and `experiment` narrow the search. What the index returns is
        held against the library; what does not stand there is dropped. Raises `QuestionError` for an empty
        question, an unknown kind or experiment, or a limit below 1; also `EmbedError` and `StoreError`.
        """
        self._check(question, limit, kind, experiment)
        self.build(progress)
        vector = self.embedder.embed_question(question)
        narrow = ([kind] if kind else None, [experiment] if experiment else None)
        try:
            hits = self.index.search(question, vector, limit, *narrow)
        except IndexDamagedError:
            self.build(progress, force=True)
            hits = self.index.search(question, vector, limit, *narrow)
        hits = [hit for hit in hits if self._stands(hit.passage)]
        cosines = self._cosines(vector, [self._words(hit.passage) for hit in hits])
        return [hit.model_copy(update={"similarity": c}) for hit, c in zip(hits, cosines, strict=True)]

    def best_sentences(self, hit: Hit, question: str, n: int = 2) -> list[Sentence]:
        """The `n` sentences of a hit nearest to `question`, nearest first, as exact spans of the document."""
        spans = self._sentences(hit.passage)
        cosines = self._cosines(self.embedder.embed_question(question), [text for _, text in spans])
        ranked = sorted(zip(cosines, spans, strict=True), key=lambda pair: (-pair[0], pair[1][0]))
        return [
            Sentence(
                document=hit.passage.document,
                section=hit.passage.section,
                start=span.start,
                end=span.end,
                text=text,
                sha256=sha256(text),
                similarity=cosine,
            )
            for cosine, (span, text) in ranked[:n]
        ]

    def _check(self, question: str, limit: int, kind: str | None, experiment: str | None) -> None:
        if not question.strip():
            raise QuestionError("the question is empty; ask in a few words")
        if any("\ud800" <= letter <= "\udfff" for letter in question):
            raise QuestionError("the question is not valid UTF-8; check the encoding of your terminal")
        if limit < 1:
            raise QuestionError(f"limit = {limit}: must be at least 1")
        if kind is not None and kind not in KINDS:
            raise QuestionError(f"kind = {kind!r}: choose one of {', '.join(KINDS)}")
        known = sorted({name for document in self.library.values() for name in document.card.experiments})
        if experiment is not None and experiment not in known:
            raise QuestionError(f"experiment = {experiment!r}: the corpus covers {', '.join(known) or 'none'}")

    def _words(self, passage: Passage) -> str:
        """What a passage is found by: a paragraph often leaves out what its headings say."""
        title = self.library[passage.document].card.title
        return f"{title}. {passage.section}. {passage.text}"

    def _sentences(self, passage: Passage) -> list[tuple[Span, str]]:
        text = self.library[passage.document].text
        spans = [(span, text[span.start : span.end]) for span in sentences(text, passage.start, passage.end)]
        return [pair for pair in spans if len(pair[1].split()) >= _FEWEST_WORDS] or spans

    def _cosines(self, vector: np.ndarray, texts: list[str]) -> list[float]:
        return [float(known @ vector) for known in self.embedder.known(texts)]

    def _stands(self, passage: Passage) -> bool:
        document = self.library.get(passage.document)
        return document is not None and passage == chunk.located(document, passage.start, passage.end)
