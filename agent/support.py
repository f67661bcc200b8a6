"""What a drafted sentence stands on: facts it refers to, passages that say the same, or nothing.

The model writes sentences with references in place of numbers and no citation of its own. Code decides what each
sentence stands on: it attaches the passage that supports it and rejects a sentence that stands on nothing. A reason
("because ...", "so that ...") must itself be said by a passage, whatever facts stand beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.grammar import find_digits_and_number_words
from agent.present import REFERENCE
from tools.records import Citation, Fact, Record

SUPPORTING = 0.62  # cosine similarity of all-MiniLM-L6-v2 above which a passage carries a sentence or a reason
RELATED = 0.5  # and above which it is attached to a sentence that stands on facts
COPIED = 0.8  # and above which a sentence repeats the passage
SHARED = 0.8  # of a sentence's content words that its passage must have, since likeness does not tell what is spoken of
REACH_BEFORE, REACH_BEHIND = 4, 2  # words beside a reference in which its fact must be named
STEM, SHORTEST = 5, 4  # letters of a word that tell it, and below which it tells nothing
_COMMON = frozenset(
    {"this", "that", "these", "those", "with", "from", "into", "onto", "over", "than", "then", "they", "them", "their"}
    | {"there", "when", "where", "which", "while", "what", "will", "would", "should", "could", "must", "have", "been"}
    | {"being", "does", "also", "only", "such", "very", "more", "most", "much", "many", "each", "every", "both", "some"}
    | {"same", "your", "because", "since", "therefore", "thus", "hence", "make", "makes", "made", "help", "helps"}
    | {"ensure", "ensures", "allow", "allows", "important"}
)
_WORD = re.compile(r"[a-z][a-z-]+")
_REASON = re.compile(
    r",?\s*\b(?:because|since|so that|so as to|in order to|therefore|hence|thus|which ensures|as(?= otherwise))\b\s*",
    re.IGNORECASE,
)
_TURNS = re.compile(
    r"\b(not|no|never|without|cannot|avoid|neither|nor|unless|hardly|otherwise|instead|except|rather|fails?|low|high"
    r"|lower|higher|slow|fast|slowly|quickly|early|late|less|more|least|most|before|after)\b|(n't)\b",
    re.IGNORECASE,
)
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


def support(
    sentences: Sequence[str],
    facts: Mapping[str, Fact],
    words: Mapping[str, Sequence[str]],
    citations: Sequence[Citation],
    embed: Callable[[Sequence[str]], Any],
) -> list[Support]:
    """Judge each sentence; `words` are those of which one must stand beside a fact's reference."""
    passages = _Passages(citations, embed)
    return [_judge(sentence, facts, words, passages) for sentence in sentences]


class _Passages:
    """The quotations and their clauses, to be compared with what was drafted."""

    def __init__(self, citations: Sequence[Citation], embed: Callable[[Sequence[str]], Any]) -> None:
        self.pieces = [(piece, citation) for citation in citations for piece in _clauses(citation.quote)]
        self.embed = embed
        self.vectors = embed([piece for piece, _ in self.pieces]) if self.pieces else None

    def nearest(self, text: str) -> tuple[float, Citation | None]:
        """Return the passage that says `text` most nearly, among those that turn it the same way."""
        if self.vectors is None:
            return 0.0, None
        scores = self.vectors @ self.embed([text])[0]
        alike = [
            (float(score), -index)
            for index, (score, (piece, _)) in enumerate(zip(scores, self.pieces, strict=True))
            if _turns(piece) == _turns(text)
        ]
        if not alike:
            return 0.0, None
        score, index = max(alike)
        return score, self.pieces[-index][1]


def _clauses(quote: str) -> list[str]:
    """Return a quotation and, where it gives reasons, its parts."""
    parts = [part for part in _REASON.split(quote) if len(part.split()) > 2]
    return [quote, *parts] if len(parts) > 1 else [quote]


def _turns(text: str) -> list[str]:
    """Return the words that turn a statement round, or say which way it goes: they must be the same in both."""
    return sorted({match[0].lower() for match in _TURNS.finditer(text)})


def _judge(
    sentence: str, facts: Mapping[str, Fact], words: Mapping[str, Sequence[str]], passages: _Passages
) -> Support:
    reason = _unfit(sentence, facts, words)
    if reason is not None:
        return Support(sentence=sentence, reason=reason)
    speaks = {word for match in REFERENCE.finditer(sentence) for word in words.get(match[2], ())}
    plain = " ".join(REFERENCE.sub("", sentence).split())
    score, citation = passages.nearest(plain)
    if speaks and citation and score >= COPIED and find_digits_and_number_words(citation.quote):
        return Support(sentence=sentence, reason=f"puts facts in place of the numbers of passage {citation.id}")
    clauses = _REASON.split(plain)
    if not speaks and score >= SUPPORTING and citation and _shared(plain, citation.quote) < SHARED:
        return Support(sentence=sentence, reason=f"speaks of what passage {citation.id} does not")
    if speaks or score < SUPPORTING:
        found = [passages.nearest(clause) for clause in (clauses[1:] if speaks else clauses)]
        if any(likeness < SUPPORTING for likeness, _ in found):
            what = "gives a reason that no passage gives" if speaks else "stands on no fact and no passage"
            return Support(sentence=sentence, reason=what)
        if speaks and any(source is None or not _names(source.quote, speaks) for _, source in found):
            return Support(sentence=sentence, reason="gives a reason whose passage does not speak of its facts")
        if not speaks and any(
            source is None or _shared(clause, source.quote) < SHARED
            for clause, (_, source) in zip(clauses, found, strict=True)
        ):
            return Support(sentence=sentence, reason="speaks of what its passages do not")
        score, citation = max([(score, citation), *found], key=lambda pair: pair[0])
    return Support(sentence=sentence, citation=citation.id if citation and score >= RELATED else None)


def _shared(text: str, quote: str) -> float:
    """Return the share of a text's content words, by their stems, that stand in a quotation."""
    asked, there = _stems(text), _stems(quote)
    return len(asked & there) / len(asked) if asked else 1.0


def _stems(text: str) -> set[str]:
    return {word[:STEM] for word in _WORD.findall(text.lower()) if len(word) >= SHORTEST and word not in _COMMON}


def _names(quote: str, words: set[str]) -> bool:
    return any(found.startswith(word) for found in _WORD.findall(quote.lower()) for word in words)


def _unfit(sentence: str, facts: Mapping[str, Fact], words: Mapping[str, Sequence[str]]) -> str | None:
    """Return what no draft may hold, or the first reference that does not fit; None if the sentence is clean."""
    words_only = REFERENCE.sub("", sentence)
    if found := find_digits_and_number_words(words_only):
        return f"types the number {found[0]!r}"
    if (source := _ATTRIBUTION.search(words_only)) is not None:
        return f"names a source ({source[0]!r}), which only code attaches"
    unknown = [match[2] for match in REFERENCE.finditer(sentence) if match[2] not in facts]
    if unknown:
        return f"refers to {unknown[0]!r}, which is no fact"
    if not _PLAIN.fullmatch(words_only):
        return "types a character that no draft may hold"
    if (unit := _UNIT_AFTER.search(sentence)) is not None:
        return f"puts the unit {unit[1]!r} behind a fact that has its own"
    for match in REFERENCE.finditer(sentence):
        if not _spoken_of(sentence, match.start(), match.end(), words.get(match[2], ())):
            return f"refers to {match[2]} without speaking of it"
    return None


def _spoken_of(sentence: str, start: int, end: int, words: Sequence[str]) -> bool:
    """Say whether one of the words for a fact stands close before its reference, or right behind it."""
    before = _WORD.findall(sentence[:start].lower())[-REACH_BEFORE:]
    behind = _WORD.findall(sentence[end:].lower())[:REACH_BEHIND]
    return any(found.startswith(word) for found in (*before, *behind) for word in words)
