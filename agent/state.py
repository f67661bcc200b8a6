"""Input, inner and output states of the agent, and the records they are made of."""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tools.records import Check, Citation, Curve, Evidence, Fact, Quantity, Record

Intent = Literal["plan", "ask"]
LONGEST_REQUEST = 4000  # characters; a longer request would not fit the model's window beside its prompt


class Bound(Record):
    """A limit that a plan must keep, and who set it: the request, an instrument's card or an assumption."""

    name: str
    lower: float | None = None
    upper: float | None = None
    unit: str
    source: str


class Target(Record):
    """What is to be known, and how well: the relative half-width of its interval, in percent.

    `precision` is the limit that a plan must keep; None until the data have said what is known. `aim` is what the
    plan strives for where no precision was asked.
    """

    name: str
    precision: float | None = None
    aim: float | None = None


class Brief(Record):
    """The request as code understood it; every value is text that a tool parses and checks."""

    experiment: str
    settings: dict[str, str] = Field(default_factory=dict)
    bounds: tuple[Bound, ...] = ()
    target: Target | None = None
    choices: dict[str, str] = Field(default_factory=dict)  # what was named in words, for example the tracer
    assumptions: tuple[str, ...] = ()
    curves: tuple[Curve, ...] = ()  # measured ones that the plan follows


class Bench(Record):
    """What a thread knows of the laboratory from its earlier turns.

    `planned` are the settings of the run that was recommended last, `requests` what asked for it, the latest first, and
    `curves` those that were handed over.
    """

    experiment: str = ""
    planned: dict[str, str] = Field(default_factory=dict)
    requests: tuple[str, ...] = ()
    curves: tuple[Curve, ...] = ()


class Question(Record):
    """The one thing that is missing; `assumption` is what is taken when the person would rather not say."""

    name: str
    text: str
    assumption: str | None = None


class Reference(Record):
    """Characters `start` to `end` of the shown text stand for the fact or the citation `id`."""

    id: str
    start: int
    end: int


class Shown(Record):
    """A text with every place where it refers to a fact or quotes a passage."""

    text: str = ""
    references: tuple[Reference, ...] = ()


class Draft(Record):
    """Sentences with references in place of numbers, who wrote them and what was rejected on the way."""

    sentences: tuple[str, ...] = ()
    writer: str = "template"
    rejected: tuple[str, ...] = ()


class Answer(BaseModel):
    """What leaves the agent; the contract's JSON for `plan` and `ask`."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["recommended", "answered", "withheld", "needs_input", "declined"]
    request: str = ""
    experiment: str | None = None
    settings: list[Quantity | dict[str, Any]] = Field(default_factory=list)
    predictions: list[dict[str, Any]] = Field(default_factory=list)
    schedule: list[Quantity] = Field(default_factory=list)
    curve: dict[str, Any] = Field(default_factory=dict)
    calibration: dict[str, Any] = Field(default_factory=dict)  # what the measured curves gave that the plan follows
    checks: list[Check] = Field(default_factory=list)
    text: str = ""
    references: list[Reference] = Field(default_factory=list)
    facts: list[Fact] = Field(default_factory=list)
    citations: list[Citation] = Field(default_factory=list)
    alternatives: list[dict[str, Any]] = Field(default_factory=list)
    assumptions: list[str] = Field(default_factory=list)
    question: str | None = None
    reason: str | None = None
    run: str | None = None
    thread: str | None = None
    model: str = "none"
    writer: str = "template"
    seconds: dict[str, float] = Field(default_factory=dict)


def add_seconds(total: dict[str, float], more: dict[str, float]) -> dict[str, float]:
    """Sum stage times, since a stage may be entered more than once."""
    return {name: total.get(name, 0.0) + more.get(name, 0.0) for name in {*total, *more}}


class Request(BaseModel):
    """What goes into the graph."""

    request: str
    intent: Intent = "plan"
    experiment: str | None = None
    data: list[str] = Field(default_factory=list)
    assume: bool = False


class State(Request):
    """What the nodes share; checkpointed after each of them."""

    run: str = ""
    bench: Bench = Field(default_factory=Bench)
    earlier: tuple[str, ...] = ()  # the requests that this one changes, the latest first
    replies: Annotated[list[tuple[str, str]], operator.add] = Field(default_factory=list)
    brief: Brief | None = None
    question: Question | None = None
    evidence: Annotated[list[Evidence], operator.add] = Field(default_factory=list)
    draft: Draft = Field(default_factory=Draft)
    shown: Shown = Field(default_factory=Shown)
    cited: tuple[str, ...] = ()
    checks: list[Check] = Field(default_factory=list)
    repairs: int = 0
    declined: str | None = None
    seconds: Annotated[dict[str, float], add_seconds] = Field(default_factory=dict)
    answer: Answer | None = None

    @property
    def asked(self) -> str:
        """The request and the replies that completed it, as one text."""
        return " ".join([self.request, *(f"{name}: {text}." for name, text in self.replies)])


class Result(BaseModel):
    """What comes out of the graph."""

    answer: Answer | None = None
