"""Run records: one folder a run, written whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from agent.errors import NotFound


def run_id(kind: str) -> str:
    """Return a fresh identifier that sorts by time, for example `20260301-142530-plan-9f3c`."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{kind}-{secrets.token_hex(2)}"


def versions() -> dict[str, str]:
    """Return what the result depends on: our version and those of the numerical libraries."""
    return {name: metadata.version(name) for name in ("labwright", "torch", "numba", "numpy")}


class RunRecord(BaseModel):
    """What was asked, with which versions, and what came out."""

    id: str
    kind: str
    started: datetime = Field(default_factory=lambda: datetime.now(UTC))
    inputs: dict[str, Any]
    result: dict[str, Any]
    versions: dict[str, str] = Field(default_factory=versions)
    thread: str | None = None
    trace: dict[str, Any] = Field(default_factory=dict)  # the vector of its fields, which stand nowhere else


class RunStore:
    """The folder of run records."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, record: RunRecord) -> Path:
        """Write a record; a reader sees all of it or nothing."""
        self.path.mkdir(parents=True, exist_ok=True)
        target = self.path / f"{record.id}.json"
        write_whole(target, record.model_dump_json(indent=1))
        return target

    def load(self, identifier: str) -> RunRecord:
        """Return the record of a run; any unambiguous beginning of its id will do.

        Raises:
            NotFound: no run, or several, begin so; or the record cannot be read.
        """
        matches = [path for path in self._files() if path.stem == identifier or path.stem.startswith(identifier)]
        if len(matches) != 1:
            what = "no run" if not matches else f"{len(matches)} runs"
            raise NotFound(f"{what} under {self.path} begin with {identifier!r}; 'labwright runs' lists them")
        try:
            return RunRecord.model_validate_json(matches[0].read_text())
        except (OSError, ValidationError, ValueError) as error:
            raise NotFound(f"the record {matches[0]} cannot be read: {str(error).splitlines()[0]}") from error

    def all(self) -> list[RunRecord]:
        """Return every readable record, the latest first."""
        records = []
        for path in reversed(self._files()):
            try:
                records.append(RunRecord.model_validate_json(path.read_text()))
            except (OSError, ValidationError, ValueError):
                continue
        return records

    def stamps(self) -> dict[str, str]:
        """Return a stamp of each record by its id; another one when the file changes."""
        found = {}
        for path in self._files():
            with suppress(OSError):  # one that is removed meanwhile
                told = path.stat()
                found[path.stem] = f"{told.st_mtime_ns}-{told.st_size}"
        return found

    def read(self, run: str) -> dict[str, Any] | None:
        """Return the record of a run by its whole id as plain values; None where it cannot be read."""
        try:
            return RunRecord.model_validate_json((self.path / f"{run}.json").read_text()).model_dump()
        except (OSError, ValidationError, ValueError):
            return None

    def _files(self) -> list[Path]:
        return sorted(self.path.glob("*.json")) if self.path.is_dir() else []


def write_whole(target: Path, text: str | bytes) -> None:
    """Write a file beside its place and move it there, so that no half of it is ever seen."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def as_json(value: Any) -> str:
    """Write one JSON object; a number that is not finite becomes null, since JSON has no such number."""
    return json.dumps(_finite(value), ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
