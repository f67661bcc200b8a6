"""What a drafted sentence stands on: facts it refers to, a passage that says the same, or nothing.

The model writes sentences with references in place of numbers and no citation of its own. Code decides what each
sentence stands on: it attaches the passage that supports it and rejects a sentence that stands on nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.grammar import find_digits_and_number_words
from agent.present import REFERENCE
from tools.records import Citation, Fact, Record

SUPPORTING = 0.62  # cosine similarity of all-MiniLM-L6-v2 above which a passage may carry a sentence alone
RELATED = 0.5  # and above which it is attached to a sentence that stands on facts already
COPIED = 0.8  # and above which a sentence repeats the passage
_NEGATIONS = re.compile(r"\b(not|no|never|without|cannot|avoid|neither|nor|unless|hardly|n't)\b|n't\b", re.IGNORECASE)
REACH_BEFORE, REACH_BEHIND = 4, 2  # words beside a reference in which its fact must be named
_WORD = re.compile(r"[a-z][a-z-]+")
_PLAIN = re.compile(r"[A-Za-z ,.;:()'’-]*")
_ATTRIBUTION = re.compile(
    r"\b(et al|according to|as (?:shown|reported|stated|described|recommended|demonstrated) (?:in|by)|reported|cited?"
    r"|(?:recommended|suggested|required|published) by|stud(?:y|ies)|papers?|articles?|journal|guidelines?|handbook"
    r"|textbook|manual|authors?|literature|research(?:ers)?|doi|https?|www|iso|astm|oecd|epa|usda|nist)\b",
    re.IGNORECASE,
)
_UNIT_AFTER = re.compile(
    r"\}\s*(mm|cm|dm|m|km|ml|l|liters?|litres?|millilit\w+|milligrams?|grams?|kg|mg|g|min|minutes?|hours?|hr|h|s|sec"
    r"|seconds?|days?|weeks?|percent|per ?cent|%|mol|mmol|moles?|millimeters?|centimet\w+|millimet\w+|met(?:er|re)s?"
    r"|kelvin|degrees?|celsius|bar|pascals?|per)\b",
    re.IGNORECASE,
)


class Support(Record):
    """A sentence's verdict: `reason` says why it is rejected, `citation` what is attached to it."""

    sentence: str
    reason: str | None = None
    citation: str | None = None
    similarity: float = 0.0


def support(
    sentences: Sequence[str],
    facts: Mapping[str, Fact],
    aliases: Mapping[str, Sequence[str]],
    citations: Sequence[Citation],
    embed: Callable[[Sequence[str]], Any],
) -> list[Support]:
    """Judge each sentence; `aliases` are the words of which one must stand beside a fact's reference."""
    plain = [REFERENCE.sub("", sentence) for sentence in sentences]
    similarity = embed(plain) @ embed([c.quote for c in citations]).T if plain and citations else None
    verdicts = []
    for row, sentence in enumerate(sentences):
        reason, on_facts = _facts_fit(sentence, facts, aliases)
        best, score = None, 0.0
        if similarity is not None:
            order = similarity[row].argsort()[::-1]
            best = next((citations[i] for i in order if _same_polarity(sentence, citations[i].quote)), None)
            score = float(similarity[row][citations.index(best)]) if best else 0.0
        if reason is None and on_facts and best and score >= COPIED and find_digits_and_number_words(best.quote):
            reason = f"puts facts in place of the numbers of passage {best.id}"
        if reason is None and not on_facts and score < SUPPORTING:
            reason = "stands on no fact and no passage"
        attached = best.id if best and reason is None and score >= RELATED else None
        verdicts.append(Support(sentence=sentence, reason=reason, citation=attached, similarity=score))
    return verdicts


def _facts_fit(
    sentence: str, facts: Mapping[str, Fact], aliases: Mapping[str, Sequence[str]]
) -> tuple[str | None, bool]:
    """Return why the sentence's references do not fit (or None), and whether it stands on any."""
    words_only = REFERENCE.sub("", sentence)
    if found := find_digits_and_number_words(words_only):
        return f"types the number {found[0]!r}", False
    if (source := _ATTRIBUTION.search(words_only)) is not None:
        return f"names a source ({source[0]!r}), which only code attaches", False
    keys = [match[2] for match in REFERENCE.finditer(sentence)]
    unknown = [key for key in keys if key not in facts]
    if unknown:
        return f"refers to {unknown[0]!r}, which is no fact", False
    if not _PLAIN.fullmatch(words_only):
        return "types a character that no draft may hold", False
    if (unit := _UNIT_AFTER.search(sentence)) is not None:
        return f"puts the unit {unit[1]!r} behind a fact that has its own", False
    for match in REFERENCE.finditer(sentence):
        if not _spoken_of(sentence, match.start(), match.end(), aliases.get(match[2], ())):
            return f"refers to {match[2]} without speaking of it", False
    return None, bool(keys)


def _spoken_of(sentence: str, start: int, end: int, aliases: Sequence[str]) -> bool:
    """Say whether one of the words for a fact stands close before its reference, or right behind it."""
    before = _WORD.findall(sentence[:start].lower())[-REACH_BEFORE:]
    behind = _WORD.findall(sentence[end:].lower())[:REACH_BEHIND]
    return any(word.startswith(alias) for word in (*before, *behind) for alias in aliases)


def _same_polarity(sentence: str, quote: str) -> bool:
    """A passage that denies cannot carry a sentence that affirms, nor the other way round."""
    return bool(_NEGATIONS.search(sentence)) == bool(_NEGATIONS.search(quote))
