"""Retrieval on the Cranfield abstracts: nDCG@10 of vectors alone, BM25 alone, and their fusion."""

from __future__ import annotations

import csv
import json
import os
import tempfile
import time
import uuid
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from corpora.embed import Embedder
from corpora.index import Index, Item
from corpora.progress import Progress
from corpora.records import Passage
from corpora.trust import sha256
from evals.retrieval_metrics import ndcg

VERSION = 1
DEPTH = 10
_ROOT = Path(__file__).resolve().parents[2]
# Measured by independent code on all 225 queries; the set at hand may hold fewer.
REFERENCE = {"dense": 0.514, "bm25": 0.522, "fused": 0.560}


def run(seed: int = 0, progress: Progress | None = None) -> dict[str, Any]:
    """The suite's result; where the data are missing, without rows and with the reason in `skipped`.

    Nothing in it is random: `seed` is only recorded. Each abstract is one passage, since the judgements are
    of whole abstracts. The data are looked for in `$LABWRIGHT_DATA/cranfield`, by default `../shared/data`.
    """
    start = time.perf_counter()
    folder = _data() / "cranfield"
    result: dict[str, Any] = {
        "suite": "retrieval",
        "version": VERSION,
        "seed": seed,
        "rows": [],
        "summary": {},
    }
    if not (folder / "documents.jsonl").exists():
        reason = f"{folder} is not there; set LABWRIGHT_DATA to the folder that holds cranfield/"
        return result | {"skipped": reason, "seconds": time.perf_counter() - start}
    queries, relevant = _lines(folder / "queries.jsonl"), _judgements(folder / "qrels.tsv")
    embedder = Embedder()
    with tempfile.TemporaryDirectory() as home, Index.open(Path(home)) as index:
        index.build(_items(_lines(folder / "documents.jsonl"), embedder, progress), "cranfield", progress)
        vectors = embedder.embed([query["text"] for query in queries], progress)
        for query, vector in zip(queries, vectors, strict=True):
            result["rows"].append(_row(index, query, vector, relevant[str(query["id"])]))
    result["summary"] = _summary(result["rows"])
    return result | {"seconds": time.perf_counter() - start}


def _row(index: Index, query: dict[str, Any], vector: np.ndarray, relevant: set[str]) -> dict[str, Any]:
    legs: dict[str, tuple[str | None, np.ndarray | None]] = {
        "dense": (None, vector),
        "bm25": (query["text"], None),
        "fused": (query["text"], vector),
    }
    row: dict[str, Any] = {"query": str(query["id"])}
    for name, (text, dense) in legs.items():
        ranked = [hit.passage.document for hit in index.search(text, dense, DEPTH)]
        row[name] = ndcg(ranked, relevant, DEPTH)
    return row


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    means = {f"ndcg10_{name}": float(np.mean([row[name] for row in rows])) for name in REFERENCE}
    return means | {"queries": len(rows), "reference_225_queries": REFERENCE}


def _items(documents: list[dict[str, Any]], embedder: Embedder, progress: Progress | None) -> list[Item]:
    texts = [document["text"].strip() or document["title"] for document in documents]
    vectors = embedder.embed(texts, progress)
    return [
        Item(_passage(str(document["id"]), text), text, vector)
        for document, text, vector in zip(documents, texts, vectors, strict=True)
    ]


def _passage(id: str, text: str) -> Passage:
    digest = sha256(text)
    unique = str(uuid.uuid5(uuid.NAMESPACE_OID, f"cranfield:{id}"))
    return Passage(id=unique, document=id, section="", start=0, end=len(text), text=text, sha256=digest)


def _data() -> Path:
    given = os.environ.get("LABWRIGHT_DATA")
    return Path(given) if given else _ROOT.parent / "shared" / "data"


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def _judgements(path: Path) -> dict[str, set[str]]:
    relevant: dict[str, set[str]] = defaultdict(set)
    with path.open(encoding="utf-8", newline="") as file:
        for query, document in csv.reader(file, delimiter="\t"):
            relevant[query].add(document)
    return relevant
