"""What the agent sees of the numbers and the sentences: quantities, facts, passages and evidence."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """A value that does not change once made and refuses names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Quantity(Record):
    """A named number with its unit, as the user meets it."""

    name: str
    value: float
    unit: str


class Source(Record):
    """Where a fact comes from: the tool with its run and inputs, or the document with its passage."""

    tool: str | None = None
    document: str | None = None
    run: str | None = None
    passage: str | None = None
    inputs: dict[str, Any] = Field(default_factory=dict)


class Fact(Record):
    """A number that may be shown; `lower` and `upper` bound it at `level` where it is uncertain.

    `numerical_error` is the solver's own, in the fact's unit: a prediction has it.
    """

    id: str
    name: str
    value: float
    unit: str
    lower: float | None = None
    upper: float | None = None
    level: float | None = None
    numerical_error: float | None = None
    source: Source


class Citation(Record):
    """A passage of a trusted document: `quote` stands verbatim at characters `start` to `end` of it."""

    id: str
    document: str
    section: str
    start: int
    end: int
    quote: str
    sha256: str  # of the quote's UTF-8 text
    references: tuple[str, ...] = ()  # the published sources that the document names for it
    score: float | None = None


class Curve(Record):
    """A measured curve that was handed over as a file, and the settings under which it was measured.

    `settings` are those that the file's comments name, then also those that the person or the plan before it did.
    """

    path: str
    name: str
    experiment: str
    sha256: str
    points: int
    input: str = ""  # what the shape of the curve says of what was fed, where that is a choice
    settings: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Check(Record):
    """The verdict of one check, as the contract prints it."""

    name: str
    kind: Literal["conservation", "constraint", "grounding", "units"]
    status: Literal["pass", "fail", "not applicable"]
    value: float | None = None
    limit: float | None = None
    bound: Literal["at most", "at least"] = "at most"
    unit: str = ""
    detail: str = ""


class Section(Record):
    """A part of a plan: a title and lines that refer to facts; `joined` lines follow each other, with commas."""

    title: str
    lines: tuple[str, ...]
    note: str = ""
    joined: bool = False


class Outline(Record):
    """A plan in words, with references in place of numbers: `{flow}` stands for the fact `flow`."""

    headline: str
    sections: tuple[Section, ...]
    alternatives: tuple[str, ...] = ()


class Evidence(Record):
    """What one tool call hands to the agent."""

    tool: str
    run: str | None = None
    facts: tuple[Fact, ...] = ()
    citations: tuple[Citation, ...] = ()
    checks: tuple[Check, ...] = ()
    outline: Outline | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    trace: dict[str, Any] = Field(default_factory=dict)  # the vector of the run's fields, by which it is found again
    seconds: dict[str, float] = Field(default_factory=dict)
