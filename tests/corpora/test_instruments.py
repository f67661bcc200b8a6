from __future__ import annotations

from pathlib import Path

import pytest

from corpora.errors import QuestionError
from corpora.instruments import instruments, limits
from corpora.trust import Library


def test_limits_by_id_by_word_and_all(library: Library) -> None:
    assert instruments(library) == ["lab-pump"]
    for which in ("lab-pump", "pump", "Pump", None):
        ((id, limit),) = limits(library, which)
        assert id == "lab-pump"
        assert (limit.name, limit.lower, limit.upper, limit.unit) == ("flow", 0.1, 10.0, "mL/min")


@pytest.mark.parametrize("which", ["packing", "ump", "", "pump x"])
def test_an_unknown_instrument_is_an_error(library: Library, which: str) -> None:
    with pytest.raises(QuestionError, match="choose from lab-pump"):
        limits(library, which)


def test_a_tampered_card_has_no_limits(root: Path) -> None:
    path = root / "lab-pump" / "card.toml"
    path.write_text(path.read_text().replace("10.0", "100.0"))
    with pytest.raises(QuestionError):
        limits(Library.open(root), "lab-pump")
