"""Documents into passages of about a paragraph: at most `WORDS` words, never across a heading."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import Any

from corpora.errors import IngestError
from corpora.ingest.read import Section, Span, sections, sentences
from corpora.records import Document, Passage
from corpora.trust import sha256

WORDS = 120
# Part of the index's fingerprint: raise it when the same text would be cut in another way.
VERSION = 1
# Sentences do not fill equal parts exactly.
_SLACK = 1.25
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "passages.labwright")


def passages(document: Document) -> list[Passage]:
    """The passages of a document, in order; `document.text[p.start:p.end] == p.text` for each.

    Raises `IngestError` if the splitter returns characters that do not stand in the text.
    """
    found = []
    for section in sections(document.text):
        found += [_passage(document, section, *span) for span in _pieces(document, section)]
    return found


def located(document: Document, start: int, end: int) -> Passage | None:
    """The characters `start` to `end` of a document as a passage; None if they do not lie in one section."""
    for section in sections(document.text):
        if section.start <= start < end <= section.end:
            return _passage(document, section, start, end)
    return None


def ingest(documents: Iterable[Document]) -> list[Passage]:
    """The passages of all documents, in order."""
    return [piece for document in documents for piece in passages(document)]


def _passage(document: Document, section: Section, start: int, end: int) -> Passage:
    text = document.text[start:end]
    digest = sha256(text)
    id = str(uuid.uuid5(_NAMESPACE, f"{document.id}:{start}:{end}:{digest}"))
    title = section.title or document.card.title
    return Passage(id=id, document=document.id, section=title, start=start, end=end, text=text, sha256=digest)


def _pieces(document: Document, section: Section) -> list[Span]:
    text = document.text[section.start : section.end]
    spans, cursor = [], 0
    for chunk in _splitter(_size(text)).split_text(text):
        # The splitter returns no positions, but its chunks follow one another: each is found in turn.
        at = text.find(chunk, cursor)
        if at < 0:
            raise IngestError(f"{document.id}: the splitter changed the text of section {section.title!r}")
        cursor = at + len(chunk)
        spans.append(Span(section.start + at, section.start + cursor))
    return spans


def _size(text: str) -> int:
    """How many words a passage of this section may have: about equal parts, and no sentence cut for that."""
    words = len(text.split())
    parts = max(1, math.ceil(words / WORDS))
    longest = max((len(sentence.split()) for sentence in _sentences(text)), default=1)
    return min(WORDS, max(math.ceil(_SLACK * words / parts), longest, 1))


@cache
def _splitter(words: int) -> Any:
    # Imported here: llama_index takes more than a second, and only a build needs it.
    from llama_index.core.node_parser import SentenceSplitter

    # Words and sentences of our own: the defaults would look for a tokenizer of tiktoken and a model of NLTK.
    return SentenceSplitter(
        chunk_size=words,
        chunk_overlap=0,
        tokenizer=str.split,
        chunking_tokenizer_fn=_sentences,
        paragraph_separator="\n\n",
    )


def _sentences(text: str) -> list[str]:
    starts = [span.start for span in sentences(text, 0, len(text))]
    edges = [0, *starts[1:], len(text)]
    return [text[left:right] for left, right in pairwise(edges)]
