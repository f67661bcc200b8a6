"""The manifest: who reviewed what, and when. Text that does not match it is never served."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from corpora.errors import TrustError
from corpora.records import Card, Document, Record

PACKAGED = Path(__file__).parent / "documents"
MANIFEST = "manifest.json"
_FOLDER = re.compile(r"[a-z0-9][a-z0-9-]*")


class Entry(Record):
    """One reviewed document: the hashes of what was reviewed, by whom and when."""

    id: str
    text_sha256: str
    card_sha256: str
    reviewer_role: str
    reviewed: date
    status: Literal["active", "retired"] = "active"


class Manifest(Record):
    """All reviewed documents of one folder."""

    version: Literal[1] = 1
    documents: tuple[Entry, ...] = ()


class Rejected(Record):
    """A document that is not served, and the sentence that says why."""

    id: str
    reason: str


class _RefusalError(Exception):
    """The sentence that says why a document is not served."""


class Library(Mapping[str, Document]):
    """The trusted documents by id; `rejected` lists what stands beside them and may not be served."""

    def __init__(self, documents: Mapping[str, Document], rejected: tuple[Rejected, ...] = ()) -> None:
        self._documents = dict(sorted(documents.items()))
        self.rejected = rejected

    @classmethod
    def open(cls, root: Path = PACKAGED, extra: Path | None = None) -> Library:
        """Load the documents of `root`, and of `extra` (a folder of the same form) beside them.

        A document is served only if its folder's manifest lists it as active and both its hashes match. An id
        in `extra` that `root` lists or holds is rejected, so a packaged document cannot be shadowed.
        Raises `TrustError` if a folder or its manifest cannot be read.
        """
        documents, rejected = _load(root)
        if extra is not None and extra.exists():
            taken = {*documents, *(item.id for item in rejected)}
            more, refused = _load(extra)
            documents |= {id: document for id, document in more.items() if id not in taken}
            shadows = [id for id in more if id in taken]
            reason = "the packaged corpus already has a document of this name; give this one another"
            rejected += [*refused, *(Rejected(id=id, reason=f"{id}: {reason}") for id in shadows)]
        return cls(documents, tuple(rejected))

    def __getitem__(self, id: str) -> Document:
        return self._documents[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)

    def why_not(self, id: str) -> str:
        """One sentence on why `id` is not served."""
        for item in self.rejected:
            if item.id == id:
                return item.reason
        return f"{id}: no such document in the trusted corpus"

    @cached_property
    def fingerprint(self) -> str:
        """A sha256 over every served text and card: it changes if any of them does."""
        digest = hashlib.sha256()
        for document in self.values():
            digest.update(f"{document.sha256}{document.card.model_dump_json()}".encode())
        return digest.hexdigest()


def read_manifest(root: Path) -> Manifest:
    """The manifest of the folder `root`, empty if there is none. Raises `TrustError` if it is malformed."""
    path = root / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Manifest()
    except (OSError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise TrustError(f"{path}: the manifest cannot be read ({first}); restore it or write it anew") from error


def write_manifest(root: Path, retired: tuple[str, ...] = ()) -> Manifest:
    """Record every document under `root` as reviewed, and return the manifest written.

    For maintainers, after they have read the texts: the role and date come from each card. `retired` names
    documents to withdraw; one that is retired already stays so. Raises `TrustError` if a card is invalid or a
    retired name has no folder; then nothing is written.
    """
    gone = {*retired, *(entry.id for entry in read_manifest(root).documents if entry.status == "retired")}
    entries = []
    for folder in _folders(root):
        try:
            text, card = _read(folder)
            parsed = _parse(folder.name, card)
        except _RefusalError as refusal:
            raise TrustError(f"{refusal}; mend it before you write the manifest") from None
        entries.append(
            Entry(
                id=folder.name,
                text_sha256=sha256(text),
                card_sha256=sha256(card),
                reviewer_role=parsed.reviewer_role,
                reviewed=parsed.reviewed,
                status="retired" if folder.name in gone else "active",
            )
        )
    if unknown := set(retired) - {entry.id for entry in entries}:
        raise TrustError(f"{root}: no document named {', '.join(sorted(unknown))}; nothing was written")
    manifest = Manifest(documents=tuple(entries))
    written = json.dumps(manifest.model_dump(mode="json"), indent=2) + "\n"
    partial = root / f".{MANIFEST}.{os.getpid()}"
    try:
        partial.write_text(written, encoding="utf-8")
        partial.replace(root / MANIFEST)
    except OSError as error:
        raise TrustError(f"{root / MANIFEST}: cannot be written ({error.strerror})") from error
    return manifest


def sha256(data: bytes | str) -> str:
    """The sha256 of `data` in hexadecimal; of its UTF-8 form if it is text."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def _load(root: Path) -> tuple[dict[str, Document], list[Rejected]]:
    listed = {entry.id: entry for entry in read_manifest(root).documents}
    documents: dict[str, Document] = {}
    rejected: list[Rejected] = []
    for folder in _folders(root):
        try:
            documents[folder.name] = _admit(folder, listed.pop(folder.name, None))
        except _RefusalError as refusal:
            rejected.append(Rejected(id=folder.name, reason=str(refusal)))
    for id in listed:
        rejected.append(Rejected(id=id, reason=f"{id}: the manifest lists it, but its folder is not there"))
    return documents, rejected


def _admit(folder: Path, entry: Entry | None) -> Document:
    if entry is None:
        raise _RefusalError(f"{folder.name}: the manifest does not list it, so nobody has reviewed it")
    if entry.status == "retired":
        raise _RefusalError(f"{folder.name}: it was retired from the corpus")
    text, card = _read(folder)
    if sha256(text) != entry.text_sha256:
        raise _RefusalError(f"{folder.name}: its text is not the text that was reviewed on {entry.reviewed}")
    if sha256(card) != entry.card_sha256:
        raise _RefusalError(f"{folder.name}: its card is not the card that was reviewed on {entry.reviewed}")
    return Document(card=_parse(folder.name, card), text=_decode(folder.name, text), sha256=entry.text_sha256)


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "_")))
    except OSError as error:
        raise TrustError(f"{root}: no folder of documents ({error.strerror}); give one that exists") from error


def _read(folder: Path) -> tuple[bytes, bytes]:
    if not _FOLDER.fullmatch(folder.name):
        raise _RefusalError(f"{folder.name}: a folder's name may hold only a-z, 0-9 and hyphens")
    try:
        # Bytes, not text: a changed line ending would move every span.
        return (folder / "text.md").read_bytes(), (folder / "card.toml").read_bytes()
    except OSError as error:
        name = Path(str(error.filename)).name
        raise _RefusalError(f"{folder.name}: {name} cannot be read ({error.strerror})") from error


def _decode(id: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _RefusalError(f"{id}: not UTF-8 at byte {error.start}") from error


def _parse(id: str, data: bytes) -> Card:
    try:
        card = Card.model_validate(tomllib.loads(_decode(id, data)))
    except tomllib.TOMLDecodeError as error:
        raise _RefusalError(f"{id}: its card is not TOML ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _RefusalError(f"{id}: its card is wrong at {where} ({first['msg'].lower()})") from error
    if card.id != id:
        raise _RefusalError(f"{id}: its card says its id is {card.id}")
    return card
