"""The trusted corpus as the agent sees it: questions in, verbatim citations out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from string import ascii_lowercase
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpora import instruments
from corpora.embed import Embedder
from corpora.errors import CorpusError
from corpora.index import Index
from corpora.records import Hit, Sentence
from corpora.retrieve import Retriever
from corpora.trust import Library, sha256
from corpora.verify import verify
from tools.errors import Failed
from tools.records import Citation, Evidence

RELEVANT = 0.35  # cosine of question and sentence below which a sentence is not offered as evidence
PASSAGES = 6
FEW = 24  # texts up to this number are embedded one by one, which starts faster than a batch
_KEYS = re.compile(r"(?:\s*\[[a-z][a-z0-9-]*\])+[.]?\s*$")  # the sources at the end of a document's sentence
_KEY = re.compile(r"\[([a-z][a-z0-9-]*)\]")


class Corpus:
    """The trusted documents, their index and the embedding model; each is opened when first needed."""

    def __init__(
        self,
        index: Path,
        *,
        url: str | None = None,
        extra: Path | None = None,
        wait: float = 60.0,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self._path, self._url, self._extra, self._wait = index, url, extra, wait
        self._notify = notify or (lambda message: None)

    @cached_property
    def library(self) -> Library:
        """The documents that the manifest vouches for."""
        return Library.open(extra=self._extra) if self._extra else Library.open()

    @cached_property
    def embedder(self) -> Embedder:
        """The embedding model behind its cache."""
        return Embedder(self._path.parent / "embeddings.sqlite")

    @cached_property
    def retriever(self) -> Retriever:
        """Library, index and embedder together."""
        index = Index.open(self._path, self._url, wait_seconds=self._wait, notify=self._notify)
        return Retriever(self.library, index, self.embedder)

    def build(self) -> bool:
        """Build the index unless it is that of this library; say whether there was anything to do.

        Raises:
            Failed: the index cannot be written, or another process holds it.
        """
        try:
            return self.retriever.build(self._tell)
        except CorpusError as error:
            raise Failed(str(error)) from error

    def listing(self) -> dict[str, list[dict[str, str]]]:
        """Return what is served and what is not, with the reason."""
        documents = [
            {
                "id": document.id,
                "title": document.card.title,
                "kind": document.card.kind,
                "reviewer_role": document.card.reviewer_role,
                "reviewed": document.card.reviewed.isoformat(),
                "licence": document.card.licence,
                "origin": document.card.origin,
                "sha256": document.sha256,
            }
            for document in self.library.values()
        ]
        return {"documents": documents, "rejected": [item.model_dump() for item in self.library.rejected]}

    def hits(self, question: str, *, limit: int = 8, experiment: str | None = None) -> list[Hit]:
        """Return the passages that fit `question` best.

        Raises:
            Failed: the corpus cannot be searched.
        """
        try:
            return self.retriever.search(question, limit, experiment=experiment, progress=self._tell)
        except CorpusError as error:
            raise Failed(str(error)) from error

    def search(self, topics: Mapping[str, str], *, experiment: str | None, per_topic: int) -> Evidence:
        """Find verbatim sentences in the trusted documents for each topic (its name and what to ask).

        Returns citations `a`, `b`, ... with the topic each one serves; a topic on which the corpus says nothing
        relevant stays without one.
        """
        citations: list[Citation] = []
        served: dict[str, str] = {}
        start = perf_counter()
        self.embed(list(topics.values()))
        embedding = perf_counter() - start
        labels = _labels()
        self.build()
        with self.retriever.index.session():
            for name, query in topics.items():
                taken = {(c.document, c.start) for c in citations}
                for sentence in self._sentences(query, experiment, per_topic, taken):
                    citation = self._citation(next(labels), sentence)
                    citations.append(citation)
                    served[citation.id] = name
        return Evidence(
            tool="search",
            citations=tuple(citations),
            data={"topics": served, "queries": dict(topics)},
            seconds={"embedding": embedding},
        )

    def verify(self, citation: Citation) -> str | None:
        """Return why a citation does not stand in the trusted documents, or None if it does."""
        verdict = verify(citation.document, citation.start, citation.end, citation.quote, citation.sha256, self.library)
        return None if verdict.ok else verdict.reason

    def limits(self, card: str) -> list[dict[str, Any]]:
        """Return the limits of an instrument card; none when the card is unknown."""
        try:
            return [{"card": key, **limit.model_dump()} for key, limit in instruments.limits(self.library, card)]
        except CorpusError:
            return []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, shape (texts, 384); texts seen before cost nothing."""
        try:
            if len(texts) > FEW:
                return self.embedder.embed(list(texts), self._tell)
            vectors = self.embedder.known(list(texts))
        except CorpusError as error:
            raise Failed(str(error)) from error
        return np.stack(vectors) if vectors else np.zeros((0, self.embedder.dimension), dtype=np.float32)

    def close(self) -> None:
        """Let go of the index and the cache."""
        if "retriever" in self.__dict__:
            self.retriever.index.close()
        if "embedder" in self.__dict__:
            self.embedder.close()

    def _sentences(self, query: str, experiment: str | None, limit: int, taken: set[tuple[str, int]]) -> list[Sentence]:
        """Return the best sentences over the best passages, at most one from each place already taken."""
        found: list[Sentence] = []
        for hit in self.hits(query, limit=PASSAGES, experiment=experiment):
            found += self.retriever.best_sentences(hit, query, 2)
        ranked = sorted(found, key=lambda sentence: -sentence.similarity)
        fresh = [s for s in ranked if (s.document, s.start) not in taken and s.similarity >= RELEVANT]
        return fresh[:limit]

    def _citation(self, label: str, sentence: Sentence) -> Citation:
        """Quote a sentence up to the source keys at its end, and name those sources in full."""
        quote = _KEYS.sub("", sentence.text)
        keys = set(_KEY.findall(sentence.text))
        return Citation(
            id=label,
            document=sentence.document,
            section=sentence.section,
            start=sentence.start,
            end=sentence.start + len(quote),
            quote=quote,
            sha256=sha256(quote),
            references=tuple(r.text for r in self.library[sentence.document].card.references if r.key in keys),
            score=sentence.similarity,
        )

    def _tell(self, done: int, total: int, what: str) -> None:
        self._notify(f"preparing the corpus: {what} {done} of {total}")


def _labels() -> Iterator[str]:
    """Yield a, b, ..., z, za, zb, ...: labels without digits, since a digit in a text must be a fact's."""
    prefix = ""
    while True:
        yield from (prefix + letter for letter in ascii_lowercase)
        prefix += "z"
