from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.ingest.read import sections, sentences

MARKDOWN = st.lists(
    st.sampled_from(
        [
            "# A\n",
            "## B c\n",
            "Word. ",
            "Next one e.g. here. ",
            "\n",
            "\n\n",
            "- item\n",
            "```\n",
            "é ",
            "[key] ",
            "\r\n",
        ]
    ),
    max_size=40,
).map("".join)


def pieces(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text, 0, len(text))]


@given(st.text() | MARKDOWN)
def test_sentences_are_ordered_spans_that_lose_only_space(text: str) -> None:
    spans = sentences(text, 0, len(text))
    cursor, between = 0, ""
    for start, end in spans:
        assert cursor <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        between += text[cursor:start]
        cursor = end
    assert not (between + text[cursor:]).strip()


@given(MARKDOWN)
def test_sections_do_not_overlap(text: str) -> None:
    cursor = 0
    for _, start, end in sections(text):
        assert cursor <= start < end <= len(text)
        cursor = end


def test_sections_carry_their_headings() -> None:
    text = "intro\n# Title #\nbody\n## Two\nmore\n```\n# not a heading\n```\n"
    found = [(title, text[start:end]) for title, start, end in sections(text)]
    assert found == [
        ("", "intro\n"),
        ("Title", "body\n"),
        ("Two", "more\n```\n# not a heading\n```\n"),
    ]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two.", 2),
        ("Use a filter, e.g. 0.45 µm. Then rinse.", 2),
        ("See Fig. 3 and Eq. 4. Then stop.", 2),
        ("After van Genuchten et al. 1984 it holds.", 1),
        ("It is 2.5 cm/h. It stays so.", 2),
        ("It is known. [key1984] It is used [other].", 2),
        ('He said "stop." Then he left.', 2),
        ("J. K. Smith wrote it.", 1),
        ("It boils at 373 K. Then stop.", 2),
        ("Rinse for 5 min. Then stop.", 2),
        ("The front passes at 1 PV. Sample there.", 2),
        ("- first item\n- second item\n", 2),
        ("Is it dry? Yes! Go on.", 3),
    ],
)
def test_sentences(text: str, count: int) -> None:
    assert len(pieces(text)) == count
