"""`Document`, `Passage` and `Hit`: the walk from a sentence back to the file it stands in."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """A value that does not change once made and refuses names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reference(Record):
    """A published source of a document's facts."""

    key: str  # how the text cites it, for example "danckwerts1953"
    text: str  # the full reference
    doi: str | None = None
    url: str | None = None


class InstrumentLimit(Record):
    """A limit of an instrument that a program can hold a plan against."""

    name: str  # "flow", "sampling_interval", "concentration", ...
    lower: float | None = None
    upper: float | None = None
    unit: str
    meaning: str


class Card(Record):
    """A document's card: where its facts come from and why it is trusted."""

    id: str
    title: str
    kind: Literal["protocol", "theory", "instrument"]
    experiments: tuple[str, ...]
    origin: str
    licence: str
    trusted_because: str
    reviewer_role: str
    reviewed: date
    references: tuple[Reference, ...] = Field(min_length=1)
    limits: tuple[InstrumentLimit, ...] = ()


class Document(Record):
    """A trusted text with its card; `sha256` is that of the UTF-8 text."""

    card: Card
    text: str
    sha256: str

    @property
    def id(self) -> str:
        """The document's identifier, the name of its folder."""
        return self.card.id


class Passage(Record):
    """The characters `start` to `end` of a document, verbatim; `sha256` is that of the passage's own text."""

    id: str
    document: str
    section: str
    start: int
    end: int
    text: str
    sha256: str


class Hit(Record):
    """A passage found for a question; a larger score is a better match.

    `score` orders the hits of one search. `similarity`, the cosine of question and passage, may be compared
    between questions, where it is known.
    """

    passage: Passage
    score: float
    similarity: float | None = None


class Sentence(Record):
    """The characters `start` to `end` of a document, verbatim, with the cosine of question and sentence."""

    document: str
    section: str
    start: int
    end: int
    text: str
    sha256: str
    similarity: float
