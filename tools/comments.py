"""What the comments of a data file state: settings with their units, right behind a known word.

A comment is data: a quantity that its parameter may have is taken, and nothing else of it is taken or shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from physics import units
from physics.errors import InputError
from physics.experiment import Experiment

_NUMBER = r"[-+]?\d{1,12}(?:\.\d{1,12})?(?:[eE][-+]?\d{1,3})?"
_UNIT = r"[A-Za-z%µ°][A-Za-z0-9%µ°*/^²³()]{0,15}"


def read_comments(
    comments: Sequence[str], words: Mapping[str, Sequence[str]], declared: Experiment, *, alone: bool = False
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the settings that comments state, and a sentence for each that cannot be taken.

    Args:
        words: setting -> the words right behind which its quantity stands, with a colon or a short verb between.
        alone: whether only a comment counts that states one setting and nothing else.
    """
    found: dict[str, str] = {}
    notes = []
    for name, called in words.items():
        texts = {text for comment in comments for text in _behind(comment.strip(), called, alone)}
        usable = {text for text in texts if _fits(declared, name, text)}
        told = name.replace("_", " ")
        if len(usable) > 1:
            notes.append(f"The comments name several values for the {told}, so none of them is taken.")
        elif usable:
            found[name] = usable.pop()
        elif texts:
            notes.append(f"The comments name a {told} that cannot be, so it is not taken.")
    return found, tuple(notes)


def _behind(comment: str, called: Sequence[str], alone: bool) -> list[str]:
    words = "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in called)
    stated = rf"\b(?:{words})\s*(?:[:=]|is|was|of|at)?\s*({_NUMBER})\s*({_UNIT})?"
    pattern = rf"^{stated}\.?$" if alone else rf"{stated}(?=[\s,;.)]|$)"
    return [f"{m[1]} {m[2] or ''}".strip() for m in re.finditer(pattern, comment, re.IGNORECASE)]


def _fits(declared: Experiment, name: str, text: str) -> bool:
    """Whether a text is a positive quantity that its parameter may have."""
    try:
        value = declared.parameter(name).read(text)
        return isinstance(value, float) and value > 0 and bool(units.parse(text))
    except InputError:
        return False
