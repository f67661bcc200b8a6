"""Find past runs like a description, a curve or a field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from corpora.embed import MODEL, Embedder
from corpora.errors import CorpusError
from corpora.likeness import Likeness, Match, Thing
from physics.errors import InputError
from tools.errors import Failed, Retry
from tools.traces import encoded, encoder_digest, encoder_size, of_file, of_record

LIMIT = 10
ALIKE = {"text": 0.35, "trace": 0.5}  # cosines from which on words or looks count as a match
_LONGEST = 900  # characters of a run's words, about what the model of sentences reads
_LAYOUT = "1"
Vector = NDArray[np.float32]


class Kept(Protocol):
    """The records of past runs, as their keeper hands them out."""

    def stamps(self) -> Mapping[str, str]:
        """Return a stamp of each run by its id, another one when the record changes."""

    def read(self, run: str) -> Mapping[str, Any] | None:
        """Return a record as `{id, kind, inputs, result, trace}`; None where it cannot be read."""


def similar(
    kept: Kept,
    home: Path,
    *,
    text: str = "",
    run: str = "",
    file: Path | None = None,
    limit: int = LIMIT,
    wait: float = 30.0,
    notify: Callable[[str], None] = lambda sentence: None,
) -> list[dict[str, Any]]:
    """Find past runs like the one that is described, by what was written, by what they looked like, or by both.

    Give at least one of:
    - `text`: words about the run that is looked for, such as its experiment, its settings or what was asked, for
      example "bromide step through a sand column with water that rests, 30 cm, 5 cm/h";
    - `file`: what it looked like: a CSV file with a measured curve, or an HDF5 file in The Well's layout with fields;
    - `run`: the id of a past run: others like it are found, by its own words and its own curves or fields. A text or a
      file beside it takes the place of its own.

    Units and scale of a curve do not matter, nor does who measured it; its shape does. Returns up to `limit` runs, the
    likest first, each with `run`, `kind`, `experiment`, `score` (at most 1), `matched` ("text", "trace", "both" or
    "neither": what is alike enough to be called so), and the cosines `text` and `trace`, null where nothing could be
    compared.

    Raises:
        Retry: nothing was given to look for, or a file, the run or the limit is wrong; the message says what to change.
        Failed: the index of past runs cannot be used.
    """
    if not (text.strip() or run or file):
        raise Retry("there is nothing to look for; give words, a past run or a file")
    if limit < 1:
        raise Retry(f"limit = {limit} must be 1 or more")
    if run and run not in kept.stamps():
        raise Retry(f"there is no run {run!r}; 'labwright runs' lists them")
    looks = None if file is None else _looks(file)
    with Past(kept, home, wait=wait, notify=notify) as past:
        own = past.of(run) if run else None
        words = text.strip() or (None if own is None else own.text)
        if looks is None and own is not None and own.traces is not None:
            looks = own.traces[0]
        if words is None and looks is None:
            raise Retry(f"run {run} holds neither words nor a curve to compare; name another run or describe it")
        return [_row(match, past.record(match.id)) for match in past.find(words, looks, limit, run or None)]


class Past:
    """The index of past runs, brought up to date and held for the length of a `with` block.

    Words are embedded by the model of sentences that the corpus uses, when a run is first searched, not when it is
    kept; curves then too; the vectors of fields stand in the records.

    Raises:
        Failed: the index cannot be used, or another process holds it.
    """

    def __init__(
        self, kept: Kept, home: Path, *, wait: float = 30.0, notify: Callable[[str], None] = lambda sentence: None
    ) -> None:
        self._kept, self._digest = kept, encoder_digest()
        self._records: dict[str, Mapping[str, Any]] = {}
        made = f"{_LAYOUT}/{MODEL}/{self._digest}"
        with _failing():
            home.mkdir(parents=True, exist_ok=True)
            self._embedder = Embedder(home / "embeddings.sqlite")
            self._index = Likeness(home / "similar", encoder_size(), made, wait_seconds=wait, notify=notify)

    def __enter__(self) -> Self:
        """Take the index and put into it what is not there yet."""
        with ExitStack() as stack, _failing():
            stack.callback(self._embedder.close)
            stack.enter_context(self._index.session())
            self._index.update(self._kept.stamps(), self._make)
            self._held = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def of(self, run: str) -> Thing | None:
        """Return the vectors of a run; None where its record cannot be read."""
        return self._index.of(run)

    def record(self, run: str) -> Mapping[str, Any]:
        """Return the record of a run, empty where it cannot be read."""
        return self._records.get(run) or self._kept.read(run) or {}

    def find(self, words: str | Vector | None, looks: Vector | None, limit: int, leave_out: str | None) -> list[Match]:
        """Return the runs that are likest to words (or their vector) and to the vector of a trace, best first."""
        with _failing():
            vector = self._embedder.embed_question(words) if isinstance(words, str) else words
            return self._index.search(vector, looks, limit, leave_out)

    def _make(self, runs: Sequence[str]) -> list[Thing]:
        found = {run: record for run in runs if (record := self._kept.read(run)) is not None}
        self._records |= found
        return _things(list(found.values()), self._embedder, self._digest)


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except (CorpusError, OSError) as error:
        raise Failed(str(error)) from error


def words_of(record: Mapping[str, Any]) -> str:
    """Return what was written of a run: what it was, what was asked, its settings, and what came out in words."""
    inputs, result = record["inputs"], record["result"]
    parts = [f"{record['kind']} {inputs.get('experiment') or result.get('experiment') or ''}".strip()]
    if request := inputs.get("request") or result.get("request"):
        parts.append(str(request))
    settings = inputs.get("settings") or {}
    if isinstance(settings, Mapping) and settings:
        parts.append(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items()))
    if fitted := inputs.get("fit"):
        found = [f"{row['name']} {row['value']:.3g} {row['unit']}".strip() for row in result.get("parameters") or ()]
        parts.append(f"fitted {', '.join(map(str, fitted))}: {', '.join(found)}")
    parts += [str(result[key]) for key in ("text", "reason", "message") if result.get(key)]
    return ". ".join(part.strip(" .") for part in parts if part.strip())[:_LONGEST]


def _things(records: Sequence[Mapping[str, Any]], embedder: Embedder, digest: str) -> list[Thing]:
    """Return the vectors of records: of their words, of the fields that were encoded at the time, of their curves."""
    vectors = embedder.known([words_of(record) for record in records])
    curves = [of_record(record) if digest else [] for record in records]
    flat = [trace for found in curves for trace in found]
    made = iter(encoded(flat)) if flat else iter(())
    things = []
    for record, text, found in zip(records, vectors, curves, strict=True):
        told = record.get("trace") or {}
        fields = [np.asarray(told["vector"], np.float32)] if digest and told.get("encoder") == digest else []
        traces = [*fields, *(next(made) for _ in found)]
        things.append(Thing(str(record["id"]), text, np.stack(traces) if traces else None))
    return things


def _looks(file: Path) -> Vector:
    trace = of_file(file)
    try:
        return np.asarray(encoded([trace])[0], dtype=np.float32)
    except InputError as error:
        raise Failed(f"no trace can be compared: {error}") from error


def _row(match: Match, record: Mapping[str, Any]) -> dict[str, Any]:
    inputs, result = record.get("inputs") or {}, record.get("result") or {}
    legs = [name for name, least in ALIKE.items() if (getattr(match, name) or 0.0) >= least]
    return {
        "run": match.id,
        "kind": record.get("kind", ""),
        "experiment": inputs.get("experiment") or result.get("experiment") or "",
        "score": round(match.score, 4),
        "matched": "both" if len(legs) == 2 else legs[0] if legs else "neither",
        "text": match.text,
        "trace": match.trace,
    }
