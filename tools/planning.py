"""What the agent must know of an experiment to plan it: what a request may say, what is needed, what to read."""

from __future__ import annotations

from tools.records import Record


class Slot(Record):
    """Something that a request may put a number to."""

    name: str
    unit: str
    meaning: str
    keywords: tuple[str, ...]
    kinds: tuple[str, ...] = ("value", "range", "at_most", "at_least")  # of span that it takes


class Need(Record):
    """What no plan can do without: at least one of `names`; else `question` is asked."""

    names: tuple[str, ...]
    question: str


class Assumption(Record):
    """What is taken when the request does not say; `sentence` refers to it as `{name}`."""

    name: str
    value: str
    sentence: str


class Topic(Record):
    """A decision of the plan, and what to ask the trusted corpus about it."""

    name: str
    query: str
    when: str | None = None  # only for a plan with this input


class Planning(Record):
    """Everything of one experiment's planning that is not physics."""

    experiment: str
    slots: tuple[Slot, ...]
    needs: tuple[Need, ...]
    assumptions: tuple[Assumption, ...]
    targets: dict[str, tuple[str, ...]]  # parameter -> the words that name it
    topics: tuple[Topic, ...]
    instruments: dict[str, tuple[str, ...]]  # instrument card -> the words that name it
    default_instruments: tuple[str, ...]
    tracer_instruments: dict[str, str]  # tracer -> the card of what measures it when no sensor is named
    instrument_bounds: dict[str, str]  # limit on a card -> the fact of a plan that it bounds
    tracers: tuple[str, ...]
