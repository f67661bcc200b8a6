"""A long study in pieces: each records itself as it ends, so that a study that was stopped goes on where it was.

A piece is a function by name with what it is given. Its record, one JSON file, keeps a fingerprint of both, of what
stands at the places that it reads and of the pieces that it waits for; a record of another fingerprint is made anew.
Where those places are is no part of it, so that moved data are not measured again. Pieces run in as many processes as
there are workers, one thread each, so that their times can be compared.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from agent.runs import as_json, write_whole

Work = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Piece:
    """One piece.

    Attributes:
        name: of its record.
        work: a function of a module, called as work(folder=, name=, **given, **places); returns what is recorded.
        given: values that JSON can hold.
        places: folders and files that it reads, wherever they are.
        about: what its record must agree with besides: digests of what stands at the places, settings by their name.
        after: pieces whose records it reads.
    """

    name: str
    work: Work
    given: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, Path] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    after: tuple[Piece, ...] = ()

    @property
    def fingerprint(self) -> str:
        """What a record must agree with to be kept."""
        about = {
            "work": f"{self.work.__module__}.{self.work.__qualname__}",
            "given": dict(self.given),
            "about": dict(self.about),
            "after": [piece.fingerprint for piece in self.after],
        }
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def record_of(folder: Path, piece: Piece) -> dict[str, Any] | None:
    """Return what a piece recorded, or None where it has not ended or was another one."""
    path = folder / f"{piece.name}.json"
    if not path.is_file():
        return None
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return kept["result"] if kept.get("fingerprint") == piece.fingerprint else None


def run(
    folder: Path, pieces: Sequence[Piece], *, workers: int = 1, progress: Callable[[str], None] | None = None
) -> dict[str, dict[str, Any]]:
    """Run every piece that has no record yet, in their order, and return all records by name.

    A piece that another one waits for comes first; one that fails stops the study once those under way have ended.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = {piece.name: kept for piece in pieces if (kept := record_of(folder, piece)) is not None}
    left = [piece for piece in pieces if piece.name not in found]
    if not left:
        return found
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        running: dict[Future[dict[str, Any]], Piece] = {}
        while left or running:
            ready = [piece for piece in left if all(other.name in found for other in piece.after)]
            for piece in ready[: workers - len(running)]:
                left.remove(piece)
                running[pool.submit(_run, folder, piece)] = piece
                if progress is not None:
                    progress(f"{piece.name}: {len(found)} of {len(pieces)} pieces recorded")
            if not running:
                raise ValueError(f"pieces wait for others that are not there: {', '.join(p.name for p in left)}")
            done = next(as_completed(running))
            piece = running.pop(done)
            found[piece.name] = done.result()
    return found


def _run(folder: Path, piece: Piece) -> dict[str, Any]:
    result = piece.work(folder=folder, name=piece.name, **piece.given, **piece.places)
    text = as_json({"piece": piece.name, "fingerprint": piece.fingerprint, "result": result})
    write_whole(folder / f"{piece.name}.json", text + "\n")
    kept: dict[str, Any] = json.loads(text)["result"]
    return kept


def _one_thread() -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"
    torch.set_num_threads(1)
