"""Which parameter does each quantity of a request belong to?

Code decides where only one parameter fits, by dimension and by kind, or where the words beside the quantity
name it. What is left goes to the model in one call under a grammar, or to keyword proximity without a model.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agent.grammar import assignment
from agent.model.face import LanguageModel, ModelError, Prompt, as_data
from agent.quantities import Kind, Span
from tools.quantities import compatible

NONE = "none"
_REACH = 40
_ADJACENT = 12
_LEAD = 4
_PERCENT = frozenset({"%", "percent"})
# A quantity belongs to the words before it less readily across one of these.
_BREAKS = re.compile(r"[,;:.?!](?=\s)|\b(?:and|with|but)\b")
# A place on a scale of temperature is meant as a difference less readily, and kelvins less readily as a place.
_PLACES, _DIFFERENCES = frozenset({"degC", "°C", "degF", "°F"}), frozenset({"K", "mK"})
_UNLIKE = 15


@dataclass(frozen=True)
class Slot:
    """A parameter that a request may set: its unit, what it means, the words that name it.

    `kinds` are the kinds of span it takes, `repeatable` slots may be given more than once, and `bare` ones
    are never given in percent.
    """

    name: str
    unit: str
    meaning: str
    keywords: tuple[str, ...] = ()
    kinds: frozenset[Kind] = field(default=frozenset({"value", "range", "at_most", "at_least"}))
    repeatable: bool = False
    bare: bool = False


@dataclass(frozen=True)
class Assignment:
    """A span and the slot it fills (`None` if it fills none), with who decided."""

    span: Span
    slot: str | None
    source: Literal["code", "model", "rules"]


def candidates(span: Span, slots: Sequence[Slot]) -> list[Slot]:
    """Return the slots whose unit has the span's dimension and that take its kind.

    A slot in percent takes only what was written in percent, and a precision goes only to such a slot.
    """
    fits = [slot for slot in slots if span.kind in slot.kinds and compatible(span.unit, slot.unit)]
    in_percent = span.unit in _PERCENT
    fits = [slot for slot in fits if (not slot.bare if in_percent else slot.unit not in _PERCENT)]
    return [slot for slot in fits if span.kind != "precision" or slot.unit in _PERCENT]


def assign(text: str, spans: Sequence[Span], slots: Sequence[Slot], model: LanguageModel | None) -> list[Assignment]:
    """Assign every span of `text`; `model` is asked once, about what code leaves open.

    Without a model, or when the model fails, keyword proximity decides and the source is "rules".
    """
    settled, open_spans = assign_by_code(text, spans, slots)
    if not open_spans:
        return _in_order(settled)
    taken = {a.slot for a in settled if a.slot is not None}
    if model is None:
        return _in_order(settled + assign_by_rules(text, open_spans, slots, taken))
    try:
        return _in_order(settled + assign_by_model(model, text, open_spans, slots, taken))
    except ModelError:
        return _in_order(settled + assign_by_rules(text, open_spans, slots, taken))


def assign_by_code(text: str, spans: Sequence[Span], slots: Sequence[Slot]) -> tuple[list[Assignment], list[Span]]:
    """Settle the spans for which one slot fits, or which stand beside the words of one; return the rest."""
    settled: list[Assignment] = []
    left: list[Span] = []
    for span in spans:
        fits = candidates(span, slots)
        beside = _named_beside(text, span, fits, spans)
        if not fits:
            settled.append(Assignment(span, None, "code"))
        elif (place := _only_place(text, span, fits, spans)) is not None:
            settled.append(Assignment(span, place.name, "code"))
        elif beside is not None:
            settled.append(Assignment(span, beside.name, "code"))
        # A bare number fits every dimensionless slot of any request: it needs its name beside it.
        elif len(fits) == 1 and span.unit:
            settled.append(Assignment(span, fits[0].name, "code"))
        else:
            left.append(span)
    return _without_doubles(settled, left, slots)


def _named_beside(text: str, span: Span, fits: Sequence[Slot], spans: Sequence[Span]) -> Slot | None:
    """Return the slot whose words stand right beside the span, if no other slot's stand nearly as close."""
    ranked = sorted((near, i) for i, s in enumerate(fits) if (near := distance(text, span, s, spans)) >= 0)
    if not ranked or ranked[0][0] > _ADJACENT:
        return None
    if len(ranked) > 1 and ranked[1][0] < ranked[0][0] + _LEAD:
        return None
    return fits[ranked[0][1]]


def _only_place(text: str, span: Span, fits: Sequence[Slot], spans: Sequence[Span]) -> Slot | None:
    """Return the one slot for a temperature, if the span is written as one and no word beside it says difference."""
    places = [slot for slot in fits if slot.unit in _PLACES]
    if span.unit not in _PLACES or span.kind != "value" or len(places) != 1:
        return None
    others = (distance(text, span, slot, spans) for slot in fits if slot not in places)
    return None if any(0 <= near <= _ADJACENT + _UNLIKE for near in others) else places[0]


def _without_doubles(
    settled: list[Assignment], left: list[Span], slots: Sequence[Slot]
) -> tuple[list[Assignment], list[Span]]:
    """Reopen spans that claim the same slot, since code cannot tell which of them is right."""
    repeatable = {s.name for s in slots if s.repeatable}
    claims = [a.slot for a in settled]
    kept = []
    for one in settled:
        if one.slot is None or one.slot in repeatable or claims.count(one.slot) == 1:
            kept.append(one)
        else:
            left.append(one.span)
    return kept, sorted(left, key=lambda span: span.start)


def assign_by_rules(
    text: str, spans: Sequence[Span], slots: Sequence[Slot], taken: set[str] | None = None
) -> list[Assignment]:
    """Assign by the nearest keyword, closest pairs first, each slot once unless it is repeatable."""
    used = set(taken or ())
    repeatable = {s.name for s in slots if s.repeatable}
    pairs = sorted(
        (
            (near, span.start, slot.name)
            for span in spans
            for slot in candidates(span, slots)
            if 0 <= (near := distance(text, span, slot, spans)) <= _REACH
        ),
    )
    chosen: dict[int, str] = {}
    for _, start, name in pairs:
        if start not in chosen and (name not in used or name in repeatable):
            chosen[start] = name
            used.add(name)
    return [Assignment(span, chosen.get(span.start), "rules") for span in spans]


def assign_by_model(
    model: LanguageModel,
    text: str,
    spans: Sequence[Span],
    slots: Sequence[Slot],
    taken: set[str] | None = None,
) -> list[Assignment]:
    """Ask the model once to give every span one of its fitting slots, or none.

    Raises:
        ModelError: the model gave no usable answer.
    """
    prompt, options = slot_prompt(text, spans, slots, taken or set())
    limit = 8 + 12 * len(spans)
    answer = model.complete(prompt, grammar=assignment(options), max_tokens=limit)
    given = dict(line.split("=", 1) for line in answer.splitlines() if "=" in line)
    result = []
    repeatable = {s.name for s in slots if s.repeatable}
    used: set[str] = set()
    for (key, labels), span in zip(options, spans, strict=True):
        label = given.get(key, "").strip()
        if label not in labels:
            raise ModelError(f"the model assigned {span.text!r} to {label!r}; one of {', '.join(labels)} was asked for")
        if label != NONE and label in used and label not in repeatable:
            label = NONE
        used.add(label)
        result.append(Assignment(span, None if label == NONE else label, "model"))
    return result


def slot_prompt(
    text: str, spans: Sequence[Span], slots: Sequence[Slot], taken: set[str]
) -> tuple[Prompt, list[tuple[str, list[str]]]]:
    """Return the prompt about `spans`, and for each its key (the text as written) with the labels allowed."""
    repeatable = {s.name for s in slots if s.repeatable}
    options: list[tuple[str, list[str]]] = []
    meanings: dict[str, str] = {}
    for span in spans:
        fits = [s for s in candidates(span, slots) if s.name not in taken or s.name in repeatable]
        meanings.update({s.name: s.meaning for s in fits})
        options.append((_key(span, options), [s.name for s in fits] + [NONE]))
    listed = "; ".join(f"{name}: {meaning}" for name, meaning in meanings.items())
    asked = ", ".join(key for key, _ in options)
    user = f"Labels: {listed}; {NONE}: anything else\nRequest: {as_data(text, 'request')}\nQuantities: {asked}"
    return _prompt().with_user(user), options


def _key(span: Span, earlier: Sequence[tuple[str, list[str]]]) -> str:
    """Return the span's text on one line, told apart from an equal earlier one by a prime."""
    key = " ".join(re.sub(r"[=<>|\\\"]", "", span.text).split())
    while any(key == other for other, _ in earlier):
        key += "'"
    return key


def _prompt() -> Prompt:
    """Return the stable prefix: the instruction and two examples."""
    system = (Path(__file__).parent / "prompts" / "slots.md").read_text(encoding="utf-8")
    return Prompt(system, _EXAMPLES)


_EXAMPLES = (
    (
        "Labels: length: length of the column; diameter: inner diameter of the column; none: anything else\n"
        "Request: <request>We packed a glass tube, 2.6 cm wide and 18 cm long, 4 mm beads.</request>\n"
        "Quantities: 2.6 cm, 18 cm, 4 mm",
        "2.6 cm=diameter\n18 cm=length\n4 mm=none",
    ),
    (
        "Labels: duration: longest time allowed; pulse_duration: time of injection; none: anything else\n"
        "Request: <request>Inject for 20 min; the whole test may take 6 h.</request>\n"
        "Quantities: 20 min, 6 h",
        "20 min=pulse_duration\n6 h=duration",
    ),
)


def distance(text: str, span: Span, slot: Slot, spans: Sequence[Span]) -> int:
    """Return how many characters lie between a span and the nearest keyword of a slot, or -1 if none is near.

    A keyword inside the span itself ("one working day") is at distance zero; a clause boundary between them
    counts as fifteen characters, another quantity as twenty.
    """
    best = -1
    low, high = max(0, span.start - _REACH), span.end + _REACH
    for keyword in (*slot.keywords, slot.name.replace("_", " ")):
        pattern = re.compile(rf"\b{re.escape(keyword)}\b(?! (?:least|most)\b)", re.IGNORECASE)
        for match in pattern.finditer(text, low, min(high, len(text))):
            if match.end() <= span.start:
                between = (match.end(), span.start)
            elif match.start() >= span.end:
                between = (span.end, match.start())
            else:
                return 0
            gap = text[between[0] : between[1]]
            cost = len(gap) + 15 * len(_BREAKS.findall(gap))
            cost += 20 * sum(between[0] <= s.start < between[1] for s in spans)
            cost += _UNLIKE * _of_two_kinds(span.unit, slot.unit)
            best = cost if best < 0 else min(best, cost)
    return best


def _of_two_kinds(one: str, other: str) -> bool:
    return any(a in _PLACES and b in _DIFFERENCES for a, b in ((one, other), (other, one)))


def _in_order(assignments: list[Assignment]) -> list[Assignment]:
    """Sort by where the spans stand."""
    return sorted(assignments, key=lambda a: a.span.start)
