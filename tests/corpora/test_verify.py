from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpora.trust import Library, sha256
from corpora.verify import verify

QUOTE = "Trapped air shortens the residence time [key]."


def check(library: Library, quote: str = QUOTE, shift: int = 0, id: str = "packing", digest: str = "") -> str:
    start = library["packing"].text.index(QUOTE) + shift
    return verify(id, start, start + len(quote), quote, digest or sha256(quote), library).reason


def test_a_true_quotation_stands(library: Library) -> None:
    start = library["packing"].text.index(QUOTE)
    verdict = verify("packing", start, start + len(QUOTE), QUOTE, sha256(QUOTE), library)
    assert verdict.ok
    assert verdict.reason == ""


def test_what_does_not_stand_and_why(library: Library) -> None:
    assert "something else" in check(library, shift=1)
    assert "something else" in check(library, quote=QUOTE.replace("shortens", "lengthens"))
    assert "something else" in check(library, quote=QUOTE.upper())
    assert "hash" in check(library, digest=sha256("other"))
    assert "not a span" in check(library, shift=10_000)
    assert "not a span" in verify("packing", 5, 5, "", sha256(""), library).reason
    assert "not a span" in verify("packing", -5, -1, "x", sha256("x"), library).reason
    assert "no such document" in check(library, id="elsewhere")


def test_an_untrusted_document_cannot_be_quoted(root: Path) -> None:
    trusted = Library.open(root)
    start = trusted["packing"].text.index(QUOTE)
    with (root / "packing" / "text.md").open("a") as file:
        file.write("One more line.\n")
    verdict = verify("packing", start, start + len(QUOTE), QUOTE, sha256(QUOTE), Library.open(root))
    assert not verdict.ok
    assert "not the text that was reviewed" in verdict.reason


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(-50, 600), st.integers(-50, 600), st.integers(0, 600), st.integers(0, 600))
def test_only_the_very_span_stands(library: Library, start: int, end: int, left: int, right: int) -> None:
    text = library["packing"].text
    quote = text[left:right]
    stands = verify("packing", start, end, quote, sha256(quote), library).ok
    assert stands == (0 <= start < end <= len(text) and text[start:end] == quote)


@pytest.mark.parametrize("quote", ["", " "])
def test_an_empty_quotation_never_stands(library: Library, quote: str) -> None:
    assert not verify("packing", 0, len(quote), quote, sha256(quote), library).ok
