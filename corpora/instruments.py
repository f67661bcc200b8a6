"""The limits of instruments, read from their trusted cards."""

from __future__ import annotations

from corpora.errors import QuestionError
from corpora.records import InstrumentLimit
from corpora.trust import Library


def instruments(library: Library) -> list[str]:
    """The ids of the trusted instrument cards."""
    return [id for id, document in library.items() if document.card.kind == "instrument"]


def limits(library: Library, which: str | None = None) -> list[tuple[str, InstrumentLimit]]:
    """The limits of the instruments that `which` names (of all, if left out), each with the id of its card.

    `which` is the id of a card ("peristaltic-pump") or words of it ("pump", "fraction collector"). Raises
    `QuestionError` if no trusted instrument has that name.
    """
    known = instruments(library)
    wanted = known if which is None else [which] if which in known else _named(which, known)
    if which is not None and not wanted:
        raise QuestionError(f"instrument {which!r}: none is known; choose from {', '.join(known) or 'none'}")
    return [(id, limit) for id in wanted for limit in library[id].card.limits]


def _named(which: str, known: list[str]) -> list[str]:
    words = set(which.lower().replace("-", " ").split())
    return [id for id in known if words and words <= set(id.split("-"))]
