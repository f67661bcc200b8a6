"""Does this quotation stand, verbatim, at that span of a trusted document?"""

from __future__ import annotations

from corpora.records import Record
from corpora.trust import Library
from corpora.trust import sha256 as digest


class Verdict(Record):
    """Whether a quotation stands, and the sentence that says why not."""

    ok: bool
    reason: str = ""


def verify(document_id: str, start: int, end: int, quote: str, sha256: str, library: Library) -> Verdict:
    """Hold a quotation against the library.

    It stands if the document is trusted, `quote` is exactly its characters `start` to `end`, and `sha256` is
    that of the quote's UTF-8 text. Nothing is trimmed, folded or moved to make it fit.
    """
    document = library.get(document_id)
    if document is None:
        return _no(library.why_not(document_id))
    where = f"{document_id}, characters {start} to {end}"
    if not 0 <= start < end <= len(document.text):
        return _no(f"{where}: not a span of its {len(document.text)} characters")
    if document.text[start:end] != quote:
        return _no(f"{where}: the document says something else there")
    if digest(quote) != sha256:
        return _no(f"{where}: the hash given is not that of the quotation")
    return Verdict(ok=True)


def _no(reason: str) -> Verdict:
    return Verdict(ok=False, reason=reason)
