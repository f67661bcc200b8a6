"""From a request in plain words to a brief: quantities found by code, assigned, checked, and what is assumed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from agent.context import Context
from agent.errors import BadRequest
from agent.model.face import LanguageModel
from agent.quantities import Kind, Span, find_quantities
from agent.slots import Assignment, assign
from agent.slots import Slot as Readable
from agent.state import Bound, Brief, Question, Target
from tools.planning import Assumption, Planning, Slot
from tools.quantities import compatible, convert, parse
from tools.records import Curve, Evidence, Fact, Source

_SCALES = frozenset({"degC", "°C", "degF", "°F"})  # whose zero means nothing
_DIFFERENCES = frozenset({"K", "mK"})  # units of what is a difference of temperatures


def planning_of(brief: Brief, planning: Callable[[str], Planning]) -> Planning:
    """Return how the plan of a brief is made: from nothing, or after measured curves."""
    found = planning(brief.experiment)
    return found.after() if brief.curves else found


def read_brief(
    request: str,
    replies: Sequence[tuple[str, str]],
    planning: Planning,
    context: Context,
    curves: Sequence[Curve] = (),
    *,
    earlier: Sequence[str] = (),
) -> tuple[Brief, Question | None, Evidence]:
    """Read the request and the replies; return the brief, the question that is still open, and the request's facts.

    What the request leaves open is taken from the settings that come with measured `curves`, which the plan follows, or
    from the requests that it changes (`earlier`, the latest first).

    Raises:
        BadRequest: a quantity cannot be what the request says it is.
    """
    reader = _Reader(planning, context, curves)
    reader.read(request)
    for name, text in replies:
        reader.reply(name, text)
    for text in earlier:
        reader.fill(text)
    return reader.finish(" ".join([request, *(text for _, text in replies), *earlier]), bool(earlier))


class _Reader:
    """Collects spans by slot, then turns them into settings, bounds, the target and facts."""

    def __init__(self, planning: Planning, context: Context, curves: Sequence[Curve]) -> None:
        self.planning, self.tools, self.curves = planning, context.tools, curves
        self.model: LanguageModel | None = context.model
        self.spans: dict[str, Span] = {}
        self.unread: dict[str, str] = {}
        self.unused: list[Span] = []
        self.facts: list[Fact] = []
        self.bounds: list[Bound] = []
        self.assumed: list[str] = []
        self.choices: dict[str, str] = {}

    def read(self, text: str) -> None:
        """Assign the quantities of a text to slots; what is said first stands."""
        idle = {slot.name for slot in self.planning.slots if not slot.used}
        for assigned in self._assign(text):
            name, span = assigned.slot, assigned.span
            if name is None or name in idle or self.spans.setdefault(name, span) is not span:
                self.unused.append(span)

    def fill(self, earlier: str) -> None:
        """Take from the request before what this one leaves open; a number that fits nothing replaces one like it."""
        assigned = self._assign(earlier)
        before = {name: each.span for each in assigned if (name := each.slot) is not None}
        for span in list(self.unused):
            alike = [name for name, old in before.items() if old.unit == span.unit]
            if len(alike) == 1:
                self.spans.setdefault(alike[0], span)
                self.unused.remove(span)
        idle = {slot.name for slot in self.planning.slots if not slot.used}
        for name, span in before.items():
            if name not in idle:
                self.spans.setdefault(name, span)
        self.unused.extend(each.span for each in assigned if each.slot is None)

    def reply(self, name: str, text: str) -> None:
        """Take the first fitting quantity of a reply as the answer, and the others for what they say."""
        slot = next((slot for slot in self.planning.slots if slot.name == name), None)
        if slot is None:
            if name in self.planning.choices:
                self._reply_in_words(name, text)
            return
        fitting = [span for span in find_quantities(text) if compatible(span.unit, slot.unit)]
        if not fitting:
            self.unread[name] = text
            return
        self.unread.pop(name, None)
        self.spans[name] = fitting[0]
        self.read(text)

    def _reply_in_words(self, name: str, text: str) -> None:
        """Read a reply that names an option, such as a material, or gives numbers in its place."""
        self.read(text)
        if _first_named(self.planning.choices[name], text.lower()) is None:
            self.unread[name] = text

    def finish(self, text: str, changed: bool) -> tuple[Brief, Question | None, Evidence]:
        """Settle limits, instruments and assumptions, and find what is missing; `text` is all that was said.

        `changed` says that a part of it was said in earlier requests.
        """
        if changed:
            self.assumed.append("What this message leaves open is taken from the request before it.")
        words = text.lower()
        self._choose(words)
        for name, span in self.spans.items():
            self._enter(name, span, "request", span.text)
        readable = {slot.key for slot in self.planning.slots if slot.setting}
        said = {fact.id: f"{fact.value!r} {fact.unit}".strip() for fact in self.facts if fact.id in readable}
        self.curves = tuple(measured_under(curve, said) for curve in self.curves)
        self._instruments(words)
        question = self._missing()
        self._take_from_files()
        self._assume()
        settings = {
            fact.id: f"{fact.value!r} {fact.unit}".strip() for fact in self.facts if self._slot(fact.id).setting
        }
        self._tell_unused()
        brief = Brief(
            experiment=self.planning.experiment,
            settings=settings,
            bounds=tuple(self.bounds),
            target=self._target(words),
            choices=self.choices,
            assumptions=tuple(self.assumed),
            curves=tuple(self.curves),
        )
        return brief, question, Evidence(tool="request", facts=tuple(self.facts))

    def _slot(self, key: str) -> Slot:
        return next(slot for slot in self.planning.slots if slot.key == key)

    def _choose(self, words: str) -> None:
        """Take what is named in words."""
        for name, options in self.planning.choices.items():
            found = _first_named(options, words)
            if found is not None:
                self.choices[name] = found

    def _target(self, words: str) -> Target | None:
        """Return what is to be known, and how well; None where the plan has no such thing."""
        if not self.planning.targets:
            return None
        name = _first_named(self.planning.targets, words) or next(iter(self.planning.targets))
        asked = next((fact for fact in self.facts if fact.id == "asked_precision"), None)
        return Target(name=name, precision=None if asked is None else convert(asked.value, asked.unit, "percent"))

    def _assign(self, text: str) -> list[Assignment]:
        slots = [
            Readable(slot.name, slot.unit, slot.meaning, slot.keywords, frozenset(_kinds(slot.kinds)), bare=slot.bare)
            for slot in self.planning.slots
        ]
        return assign(text, find_quantities(text), slots, self.model)

    def _enter(self, name: str, span: Span, tool: str, said: str) -> None:
        """Enter one quantity as a fact, and as a limit where it is one."""
        slot = next(slot for slot in self.planning.slots if slot.name == name)
        if slot.unit in _DIFFERENCES and span.unit in _SCALES:
            span = _as_difference(span)
        value = span.upper if slot.side == "both" and span.upper is not None else span.value
        if slot.side == "lower" and span.lower is not None:
            value = span.lower
        self._check(name, f"{value!r} {span.unit}")
        if slot.bounds:
            lower, upper = _ends(span, slot.side)
            self.bounds.append(Bound(name=slot.bounds, lower=lower, upper=upper, unit=span.unit, source=tool))
        if slot.side != "both":
            source = Source(tool=tool, inputs={"text": said})
            self.facts.append(
                Fact(id=slot.key, name=name.replace("_", " "), value=value, unit=span.unit, source=source)
            )

    def _check(self, name: str, text: str) -> None:
        reason = self.tools.check_setting(self.planning.experiment, name, text.strip())
        if reason is not None:
            raise BadRequest(f"the request cannot be planned: {reason}")
        number, _, unit = text.strip().partition(" ")
        if float(number) <= 0 and unit not in _SCALES:
            raise BadRequest(f"the request cannot be planned: {name} = {text.strip()} must be above zero")

    def _instruments(self, words: str) -> None:
        """Take over the limits of the instruments that are named, or of those usual for what is measured."""
        known = self.planning.instruments
        cards = {card for card, names in known.words.items() if any(name in words for name in names)}
        if not cards & set(known.sensors):
            cards |= set(known.usual)
            cards |= {known.by_choice[option] for option in self.choices.values() if option in known.by_choice}
        for card in sorted(cards):
            for limit in self.tools.limits(card):
                if limit["name"] in known.bounds:
                    self.bounds.append(
                        Bound(
                            name=known.bounds[limit["name"]],
                            lower=limit["lower"],
                            upper=limit["upper"],
                            unit=limit["unit"],
                            source=f"the card {card}",
                        )
                    )
                elif limit["name"] in known.values and not self._known(limit["name"]):
                    self._take_over(card, limit, known.values[limit["name"]])

    def _take_over(self, card: str, limit: dict[str, Any], sentence: str) -> None:
        """Take a value from an instrument's card, and say so."""
        self.facts.append(
            Fact(
                id=limit["name"],
                name=limit["name"].replace("_", " "),
                value=limit["upper"] if limit["upper"] is not None else limit["lower"],
                unit="percent" if limit["unit"] == "%" else limit["unit"],
                source=Source(document=card, inputs={"text": limit["meaning"]}),
            )
        )
        self.assumed.append(sentence.replace("[card]", card))

    def _take_from_files(self) -> None:
        """Enter what the files of all curves say alike and the request does not, and say so."""
        for slot in self.planning.slots:
            texts = {curve.settings.get(slot.name, "") for curve in self.curves}
            if slot.bounds or len(texts) != 1 or "" in texts or self._known(slot.name):
                continue
            (text,) = texts
            value, unit = parse(text)
            source = Source(tool="file", inputs={"text": text})
            self.facts.append(
                Fact(id=slot.key, name=slot.name.replace("_", " "), value=value, unit=unit, source=source)
            )
            self.assumed.append(f"The {slot.meaning} is {{{slot.key}}}, as it was when the curve was measured.")

    def _known(self, name: str) -> bool:
        """Whether a fact, or a choice, says it already."""
        keys = {slot.key for slot in self.planning.slots if slot.name == name}
        return any(fact.id in keys for fact in self.facts)

    def _assume(self) -> None:
        """Take the assumptions for what nobody said."""
        for assumption in self.planning.assumptions:
            if self._open(assumption):
                (span,) = find_quantities(assumption.value)
                self._enter(assumption.name, span, "assumption", assumption.value)
                self.assumed.append(assumption.sentence)
        for name, span in self.spans.items():
            if span.assumption:
                slot = next(slot for slot in self.planning.slots if slot.name == name)
                self.assumed.append(f"The {slot.meaning} is read as {{{slot.key}}}.")

    def _tell_unused(self) -> None:
        """Say which quantities of the request nothing took up."""
        taken = {(span.value, span.unit) for span in self.spans.values()}
        left = {(span.value, span.unit): span for span in self.unused if span.unit}
        for index, span in enumerate(span for key, span in left.items() if key not in taken):
            source = Source(tool="request", inputs={"text": span.text})
            key = f"unused_{index}"
            self.facts.append(Fact(id=key, name="not used", value=span.value, unit=span.unit, source=source))
            self.assumed.append(f"The {{{key}}} of the request is not used by this plan.")

    def _open(self, assumption: Assumption) -> bool:
        """Whether the request does not say what would be assumed."""
        return not (self._known(assumption.name) or assumption.name in self.spans)

    def _missing(self) -> Question | None:
        """Return the first question whose answer nothing in the request gives, with what will be assumed otherwise."""
        for need in self.planning.needs:
            fed = {curve.input for curve in self.curves}
            if need.when and need.when not in {*self.choices.values(), *fed}:
                continue
            bounded = {bound.name for bound in self.bounds}
            open_curves = [curve for curve in self.curves if not set(need.names) & set(curve.settings)]
            if need.when:
                open_curves = [curve for curve in open_curves if curve.input == need.when]
            if self.curves and not open_curves:
                continue
            if not any(self._known(name) or name in bounded or name in self.choices for name in need.names):
                name = need.names[0]
                text = need.question
                if name in self.unread:
                    what = "name or quantity" if name in self.planning.choices else "quantity"
                    text = f"{self.unread[name][:60]!r} holds no {what} that fits. {text}"
                taken = [assumption for assumption in self.planning.assumptions if self._open(assumption)]
                listed = ", ".join(f"{a.name.replace('_', ' ')} {a.value}" for a in taken)
                return Question(
                    name=name, text=f"{text} Unless you say otherwise I assume {listed}." if listed else text
                )
        return None


def measured_under(curve: Curve, said: dict[str, str]) -> Curve:
    """Return a curve with what the request says of its run; what came with the curve stands."""
    return curve.model_copy(update={"settings": {**said, **curve.settings}})


def _as_difference(span: Span) -> Span:
    """Read "warms by 3 °C" as a difference in kelvin."""
    scale = 5 / 9 if span.unit.endswith("F") else 1.0
    lower, upper = (None if end is None else end * scale for end in (span.lower, span.upper))
    return replace(span, value=span.value * scale, lower=lower, upper=upper, unit="K")


def _ends(span: Span, side: str) -> tuple[float | None, float | None]:
    """Return the limits that a quantity sets: to one side, or to both for what can be run only within a range."""
    if side == "upper":
        return None, span.upper or span.value
    if side == "lower":
        return span.lower or span.value, None
    if span.lower is None and span.upper is None:
        return span.value, span.value
    return span.lower, span.upper


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
