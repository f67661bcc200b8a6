"""One process at a time holds the embedded index; another waits, and is told for whom."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from corpora.errors import IndexHeldError, StoreError
from corpora.progress import Notify

# A search holds the index for some 30 ms: no word is due before a wait can be felt.
GRACE_SECONDS = 0.5
_POLL_SECONDS = 0.02


@contextmanager
def held(folder: Path, purpose: str, wait_seconds: float, notify: Notify | None = None) -> Iterator[None]:
    """Hold the index in `folder` for the length of a `with` block.

    Waits up to `wait_seconds`, with a word through `notify` that names the process waited for, then raises
    `IndexHeldError`. The lock is the operating system's, so a process that dies lets go of it.
    """
    lock = FileLock(folder / "lock", poll_interval=_POLL_SECONDS)
    start = time.monotonic()
    try:
        lock.acquire(timeout=min(GRACE_SECONDS, wait_seconds))
    except OSError as error:
        if not isinstance(error, Timeout):
            raise StoreError(f"{folder}: the index cannot be locked ({error.strerror}); choose another path") from error
        rest = wait_seconds - (time.monotonic() - start)
        if notify and rest > 0:
            notify(f"the index is held by {_holder(folder)}; waiting up to {wait_seconds:g} s")
        try:
            lock.acquire(timeout=max(rest, 0))
        except Timeout:
            raise IndexHeldError(
                f"the index {folder} is still held by {_holder(folder)} after {wait_seconds:g} s; "
                "wait for it to end, end it, or use a Qdrant server"
            ) from None
    note = folder / "holder.json"
    try:
        with suppress(OSError):  # a courtesy to those who wait, no more
            note.write_text(json.dumps({"pid": os.getpid(), "purpose": purpose}), encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            note.unlink()
        lock.release()


def _holder(folder: Path) -> str:
    try:
        note = json.loads((folder / "holder.json").read_text(encoding="utf-8"))
        return f"process {int(note['pid'])} ({note['purpose']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
