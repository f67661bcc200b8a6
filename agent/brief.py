"""From a request in plain words to a brief: quantities found by code, assigned, checked, and what is assumed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from agent.context import Context
from agent.errors import BadRequest
from agent.model.face import LanguageModel
from agent.quantities import Kind, Span, find_quantities
from agent.slots import Assignment, Slot, assign
from agent.state import Bound, Brief, Question, Target
from tools.planning import Planning
from tools.quantities import compatible, convert
from tools.records import Evidence, Fact, Source

# Slots that the plan knows under another name than the request does.
_FACT_NAMES = {"duration": "time_limit", "precision": "asked_precision", "samples": "most_samples"}
_UPPER_BOUNDS = {"duration": "duration", "samples": "samples"}
_LOWER_BOUNDS = {"sampling_interval": "shortest_interval"}


def read_brief(
    request: str, replies: Sequence[tuple[str, str]], planning: Planning, context: Context
) -> tuple[Brief, Question | None, Evidence]:
    """Read the request and the replies; return the brief, the question that is still open, and the request's facts.

    Raises:
        BadRequest: a quantity cannot be what the request says it is.
    """
    reader = _Reader(planning, context)
    reader.read(request)
    for name, text in replies:
        reader.reply(name, text)
    return reader.finish(request, replies)


class _Reader:
    """Collects spans by slot, then turns them into settings, bounds, the target and facts."""

    def __init__(self, planning: Planning, context: Context) -> None:
        self.planning, self.tools = planning, context.tools
        self.model: LanguageModel | None = context.model
        self.spans: dict[str, Span] = {}
        self.unread: dict[str, str] = {}
        self.facts: list[Fact] = []
        self.bounds: list[Bound] = []
        self.assumed: list[str] = []

    def read(self, text: str) -> None:
        """Assign the quantities of a text to slots; what is said first stands."""
        for assigned in self._assign(text):
            if assigned.slot is not None:
                self.spans.setdefault(assigned.slot, assigned.span)

    def reply(self, name: str, text: str) -> None:
        """Take the first fitting quantity of a reply as the answer, and the others for what they say."""
        slot = next((slot for slot in self.planning.slots if slot.name == name), None)
        if slot is None:
            return
        fitting = [span for span in find_quantities(text) if compatible(span.unit, slot.unit)]
        if not fitting:
            self.unread[name] = text
            return
        self.unread.pop(name, None)
        self.spans[name] = fitting[0]
        self.read(text)

    def finish(self, request: str, replies: Sequence[tuple[str, str]]) -> tuple[Brief, Question | None, Evidence]:
        """Settle limits, instruments and assumptions, and find what is missing."""
        words = " ".join([request, *(text for _, text in replies)]).lower()
        tracer = _first_named({tracer: (tracer,) for tracer in self.planning.tracers}, words)
        for name, span in self.spans.items():
            self._enter(name, span, "request", span.text)
        self._instruments(words, tracer)
        question = self._missing()
        self._assume()
        settings = {
            fact.id: f"{fact.value!r} {fact.unit}".strip() for fact in self.facts if fact.id in self._settings()
        }
        target = _first_named(self.planning.targets, words) or next(iter(self.planning.targets))
        precision = next(fact for fact in self.facts if fact.id == "asked_precision")
        brief = Brief(
            experiment=self.planning.experiment,
            settings=settings,
            bounds=tuple(self.bounds),
            target=Target(name=target, precision=convert(precision.value, precision.unit, "percent")),
            tracer=tracer,
            assumptions=tuple(self.assumed),
        )
        return brief, question, Evidence(tool="request", facts=tuple(self.facts))

    def _assign(self, text: str) -> list[Assignment]:
        slots = [
            Slot(slot.name, slot.unit, slot.meaning, slot.keywords, frozenset(_kinds(slot.kinds)))
            for slot in self.planning.slots
        ]
        return assign(text, find_quantities(text), slots, self.model)

    def _settings(self) -> set[str]:
        bounded = {"flow", *_FACT_NAMES.values(), *_LOWER_BOUNDS}
        return {slot.name for slot in self.planning.slots} - bounded

    def _enter(self, name: str, span: Span, tool: str, said: str) -> None:
        """Enter one quantity as a fact, and as a limit where it is one."""
        source = Source(tool=tool, inputs={"text": said})
        lower, upper = span.lower, span.upper
        if name in _UPPER_BOUNDS:
            self.bounds.append(Bound(name=_UPPER_BOUNDS[name], upper=upper or span.value, unit=span.unit, source=tool))
        elif name in _LOWER_BOUNDS:
            self.bounds.append(Bound(name=_LOWER_BOUNDS[name], lower=lower or span.value, unit=span.unit, source=tool))
        elif name == "flow":
            if lower is None and upper is None:
                lower = upper = span.value
            self._check("flow", f"{upper if upper is not None else lower!r} {span.unit}")
            self.bounds.append(Bound(name="flow", lower=lower, upper=upper, unit=span.unit, source=tool))
            return
        self._check(name, f"{span.value!r} {span.unit}")
        fact_id = _FACT_NAMES.get(name, name)
        self.facts.append(
            Fact(id=fact_id, name=name.replace("_", " "), value=span.value, unit=span.unit, source=source)
        )

    def _check(self, name: str, text: str) -> None:
        reason = self.tools.check_setting(self.planning.experiment, name, text.strip())
        if reason is not None:
            raise BadRequest(f"the request cannot be planned: {reason}")
        value = float(text.split()[0])
        if value <= 0:
            raise BadRequest(f"the request cannot be planned: {name} = {text.strip()} must be above zero")

    def _instruments(self, words: str, tracer: str | None) -> None:
        """Take over the limits of the instruments that are named, or of those usual for the tracer."""
        cards = {card for card, names in self.planning.instruments.items() if any(name in words for name in names)}
        measured = self.planning.tracer_instruments.get(tracer or "")
        sensors = set(self.planning.tracer_instruments.values()) | {
            card for card in self.planning.instruments if "sensor" in card or "electrode" in card
        }
        if not cards & sensors:
            cards |= set(self.planning.default_instruments)
            cards |= {measured} if measured else set()
        for card in sorted(cards):
            for limit in self.tools.limits(card):
                bounded = self.planning.instrument_bounds.get(limit["name"])
                if bounded:
                    self.bounds.append(
                        Bound(
                            name=bounded,
                            lower=limit["lower"],
                            upper=limit["upper"],
                            unit=limit["unit"],
                            source=f"the card {card}",
                        )
                    )
                elif limit["name"] == "reading_error" and not self._known("reading_error"):
                    source = Source(document=card, inputs={"text": limit["meaning"]})
                    self.facts.append(
                        Fact(
                            id="reading_error",
                            name="reading error",
                            value=limit["upper"],
                            unit="percent" if limit["unit"] == "%" else limit["unit"],
                            source=source,
                        )
                    )
                    self.assumed.append(
                        f"A reading errs by {{reading_error}} of the input concentration, as the card {card} says."
                    )

    def _known(self, name: str) -> bool:
        return any(fact.id == _FACT_NAMES.get(name, name) for fact in self.facts)

    def _assume(self) -> None:
        """Take the assumptions for what nobody said."""
        for assumption in self.planning.assumptions:
            if not self._known(assumption.name) and assumption.name not in self.spans:
                (span,) = find_quantities(assumption.value)
                self._enter(assumption.name, span, "assumption", assumption.value)
                self.assumed.append(assumption.sentence)
        for name, span in self.spans.items():
            if span.assumption:
                meaning = next(slot.meaning for slot in self.planning.slots if slot.name == name)
                self.assumed.append(f"The {meaning} is read as {{{_FACT_NAMES.get(name, name)}}}.")

    def _missing(self) -> Question | None:
        """Return the first question whose answer nothing in the request gives, with what will be assumed otherwise."""
        for need in self.planning.needs:
            bounded = {bound.name for bound in self.bounds}
            if not any(self._known(name) or name in bounded for name in need.names):
                name = need.names[0]
                text = need.question
                if name in self.unread:
                    text = f"{self.unread[name][:60]!r} holds no quantity that fits. {text}"
                taken = [a for a in self.planning.assumptions if not self._known(a.name) and a.name not in self.spans]
                listed = ", ".join(f"{a.name.replace('_', ' ')} {a.value}" for a in taken)
                return Question(
                    name=name, text=f"{text} Unless you say otherwise I assume {listed}." if listed else text
                )
        return None


def _kinds(names: Iterable[str]) -> list[Kind]:
    known: tuple[Kind, ...] = ("value", "range", "at_most", "at_least", "precision")
    return [kind for kind in known if kind in set(names)]


def _first_named(words_of: dict[str, tuple[str, ...]], text: str) -> str | None:
    """Return the key whose word stands first in `text`."""
    places = [
        (match.start(), key)
        for key, words in words_of.items()
        for word in words
        if (match := re.search(rf"\b{re.escape(word)}", text))
    ]
    return min(places)[1] if places else None
