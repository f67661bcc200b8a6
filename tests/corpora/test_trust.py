from __future__ import annotations

import json
from pathlib import Path

import pytest

from corpora.errors import TrustError
from corpora.trust import MANIFEST, PACKAGED, Library, read_manifest, sha256, write_manifest
from tests.corpora.builders import LIMIT, PUMP, shelve, write


def reasons(library: Library) -> dict[str, str]:
    return {item.id: item.reason for item in library.rejected}


def test_reviewed_documents_are_served(library: Library) -> None:
    assert list(library) == ["lab-pump", "packing", "tracer"]
    assert library.rejected == ()
    assert library["lab-pump"].text == PUMP
    assert library["lab-pump"].sha256 == sha256(PUMP)


@pytest.mark.parametrize("name", ["text.md", "card.toml"])
def test_one_changed_byte_is_enough(root: Path, name: str) -> None:
    path = root / "tracer" / name
    path.write_bytes(path.read_bytes().replace(b"sand", b"salt").replace(b"CC0", b"CC1"))
    library = Library.open(root)
    assert "tracer" not in library
    assert "was reviewed on 2026-01-02" in reasons(library)["tracer"]
    assert library.why_not("tracer") == reasons(library)["tracer"]


def test_a_changed_line_ending_is_a_change(root: Path) -> None:
    path = root / "tracer" / "text.md"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert "tracer" not in Library.open(root)


def test_unlisted_retired_and_missing_are_not_served(root: Path) -> None:
    write_manifest(root, retired=("packing",))
    write(root, "stranger", "protocol", PUMP)
    for path in (root / "tracer").iterdir():
        path.unlink()
    (root / "tracer").rmdir()
    library = Library.open(root)
    assert list(library) == ["lab-pump"]
    assert "nobody has reviewed" in reasons(library)["stranger"]
    assert "retired" in reasons(library)["packing"]
    assert "not there" in reasons(library)["tracer"]


def test_retired_stays_retired(root: Path) -> None:
    write_manifest(root, retired=("packing",))
    write_manifest(root)
    assert "packing" not in Library.open(root)


def test_without_a_manifest_nothing_is_served(tmp_path: Path) -> None:
    shelve(tmp_path)
    library = Library.open(tmp_path)
    assert len(library) == 0
    assert len(library.rejected) == 3


@pytest.mark.parametrize("content", ["", "[]", '{"version": 2}', '{"documents": [{"id": "x"}]}', "\xff"])
def test_a_malformed_manifest_stops_everything(root: Path, content: str) -> None:
    (root / MANIFEST).write_bytes(content.encode("latin-1"))
    with pytest.raises(TrustError, match="manifest cannot be read") as caught:
        Library.open(root)
    assert "\n" not in str(caught.value)


def test_a_document_of_ones_own_cannot_shadow_a_packaged_one(root: Path, tmp_path: Path) -> None:
    extra = tmp_path / "extra"
    write(extra, "packing", "protocol", PUMP)
    write(extra, "own", "protocol", PUMP)
    write_manifest(extra)
    library = Library.open(root, extra)
    assert library["packing"].text != PUMP
    assert "own" in library
    assert "already has" in reasons(library)["packing"]


def test_a_retired_document_does_not_come_back_by_the_side_door(root: Path, tmp_path: Path) -> None:
    write_manifest(root, retired=("packing",))
    extra = tmp_path / "extra"
    write(extra, "packing", "protocol", PUMP)
    write_manifest(extra)
    assert "packing" not in Library.open(root, extra)


def test_a_wrong_card_cannot_be_recorded(root: Path) -> None:
    before = (root / MANIFEST).read_bytes()
    write(root, "bad", "instrument", PUMP, LIMIT.replace("unit", "units"))
    with pytest.raises(TrustError, match=r"bad: its card is wrong at limits"):
        write_manifest(root)
    assert (root / MANIFEST).read_bytes() == before


def test_what_is_not_there_cannot_be_retired(root: Path) -> None:
    before = (root / MANIFEST).read_bytes()
    with pytest.raises(TrustError, match="no document named nothing"):
        write_manifest(root, retired=("nothing",))
    assert (root / MANIFEST).read_bytes() == before


def test_a_card_must_carry_its_folders_name(root: Path) -> None:
    (root / "tracer").rename(root / "renamed")
    manifest = json.loads((root / MANIFEST).read_text())
    manifest["documents"][2]["id"] = "renamed"
    (root / MANIFEST).write_text(json.dumps(manifest))
    assert "says its id is tracer" in reasons(Library.open(root))["renamed"]


def test_the_fingerprint_follows_the_texts(root: Path) -> None:
    before = Library.open(root).fingerprint
    assert Library.open(root).fingerprint == before
    (root / "tracer" / "text.md").write_text("# Other\n\nOther text.\n")
    write_manifest(root)
    assert Library.open(root).fingerprint != before


def test_every_packaged_document_is_served() -> None:
    library = Library.open()
    assert library.rejected == ()
    assert len(library) >= 12
    assert {entry.id for entry in read_manifest(PACKAGED).documents} == set(library)
