"""Markdown into sections and sentences, as exact spans of the text: nothing is normalised or moved."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_ITEM = re.compile(r"\n(?=[ \t]*(?:[-*+]|\d+[.)])[ \t])")
# The end of a sentence: a stop, what closes it, any source key after it, then space before a new beginning.
_STOP = re.compile(r"[.!?][\"'”’)\]*_]*(?:[ \t]*\[[^\[\]\n]{1,80}\])*(?=\s+[\"'“‘(\[*_]*[A-Z0-9Ͱ-Ͽ])")
_ABBREVIATION = re.compile(
    r"(?:\b(?i:e\.g|i\.e|et al|cf|vs|approx|ca|resp|figs?|eqs?|refs?|vol|pp?|dr|prof|st)"
    r"|(?<!\d )(?<![\w/])[A-Z])\.$"  # an initial; but "at 300 K." does end a sentence
)


class Section(NamedTuple):
    """The characters `start` to `end` of a text that stand under the heading `title`."""

    title: str
    start: int
    end: int


class Span(NamedTuple):
    """The characters `start` to `end` of a text."""

    start: int
    end: int


def sections(text: str) -> list[Section]:
    """The sections of a markdown text in order, each without its heading line.

    Characters before the first heading form a section without a title. A `#` inside a code fence is text.
    """
    found: list[Section] = []
    title, start, position, fenced = "", 0, 0, False
    for line in text.splitlines(keepends=True):
        fenced ^= bool(_FENCE.match(line))
        heading = None if fenced else _HEADING.match(line.rstrip("\r\n"))
        if heading:
            found.append(Section(title, start, position))
            title, start = heading.group(2), position + len(line)
        position += len(line)
    found.append(Section(title, start, position))
    return [section for section in found if text[section.start : section.end].strip()]


def sentences(text: str, start: int, end: int) -> list[Span]:
    """The sentences of the characters `start` to `end`, without their margins.

    Items of a list count as sentences. An abbreviation ("e.g.", "Fig.", an initial) does not end one, and a
    source key in brackets after the full stop belongs to the sentence before it.
    """
    bounds = [match.end() for match in _ITEM.finditer(text, start, end)]
    for match in _STOP.finditer(text, start, end):
        if not _ABBREVIATION.search(text, max(start, match.start() - 12), match.start() + 1):
            bounds.append(match.end())
    return _cut(text, start, end, sorted(bounds))


def _cut(text: str, start: int, end: int, bounds: list[int]) -> list[Span]:
    edges = [start, *bounds, end]
    return [span for left, right in pairwise(edges) if (span := _trim(text, left, right))]


def _trim(text: str, start: int, end: int) -> Span | None:
    piece = text[start:end]
    kept = piece.strip()
    if not kept:
        return None
    left = start + len(piece) - len(piece.lstrip())
    return Span(left, left + len(kept))
