"""How often is a request read right? The router's parts, and where they agree, on requests none has seen."""

import time
from pathlib import Path
from typing import Any

from agent.classify import (
    EmbeddingRouter,
    Example,
    combine,
    known,
    load_examples,
    route_by_model,
    route_by_rules,
)
from agent.model.face import LanguageModel, ModelUnavailable
from agent.model.fetch import DEFAULT_TIER, fetch
from agent.model.local import LocalModel
from corpora.embed import Embedder
from tools.plans import names

VERSION = 2
EXPERIMENTS = names()
HELD_OUT = Path(__file__).parents[2] / "tests" / "agent" / "data" / "routing_heldout.toml"


def run(seed: int = 0, model: LanguageModel | None = None) -> dict[str, Any]:
    """Score every reader on the held-out requests; without a model its rows are left out.

    Nothing here is random: `seed` is recorded for the suite's common form.
    """
    started = time.perf_counter()
    own = model is None
    reader = model if model is not None else _local()
    by_embedding = EmbeddingRouter(Embedder().embed, EXPERIMENTS)
    rows = []
    try:
        for example in load_examples(HELD_OUT):
            row = _row(example, by_embedding, reader)
            rows.append(row)
    finally:
        if own and reader is not None:
            reader.close()
    seconds = time.perf_counter() - started
    return {
        "suite": "routing",
        "version": VERSION,
        "seed": seed,
        "rows": rows,
        "summary": _summary(rows),
        "seconds": seconds,
    }


def _local() -> LanguageModel | None:
    """Return the embedded model, or None where no channel brings it."""
    try:
        return LocalModel(fetch(DEFAULT_TIER))
    except ModelUnavailable:
        return None


def _row(example: Example, by_embedding: EmbeddingRouter, model: LanguageModel | None) -> dict[str, Any]:
    """Read one request by every reader."""
    wanted = (example.intent, known(example.experiment, EXPERIMENTS))
    row: dict[str, Any] = {"text": example.text, "wanted": " ".join(wanted)}
    votes = {"embedding": by_embedding(example.text), "rules": route_by_rules(example.text, EXPERIMENTS)}
    if model is not None:
        began = time.perf_counter()
        votes["model"] = route_by_model(model, example.text, EXPERIMENTS)
        row["model_seconds"] = time.perf_counter() - began
    for name, vote in votes.items():
        row[name] = {"said": f"{vote.intent} {vote.experiment}", "margin": round(vote.margin, 4)}
        row[name]["right"] = (vote.intent, vote.experiment) == wanted
    joined = combine(*votes.values())
    row["combined"] = {"said": f"{joined.intent} {joined.experiment}", "confident": joined.confident}
    row["combined"]["right"] = (joined.intent, joined.experiment) == wanted
    return row


def _summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return accuracies, how often the combination is sure, and how often it is then right."""
    readers = [name for name in ("model", "embedding", "rules", "combined") if name in rows[0]]
    outside = [row for row in rows if row["wanted"].startswith("other")]
    inside = [row for row in rows if row not in outside]
    sure = [row for row in rows if row["combined"]["confident"]]
    summary: dict[str, Any] = {"n": len(rows), "outside": len(outside)}
    summary["accuracy"] = {name: _share(rows, name) for name in readers}
    summary["outside_found"] = {
        name: sum(row[name]["said"].startswith("other") for row in outside) / len(outside) for name in readers
    }
    summary["inside_declined"] = {
        name: sum(row[name]["said"].startswith("other") for row in inside) / len(inside) for name in readers
    }
    summary["confident"] = len(sure) / len(rows)
    summary["right_when_confident"] = _share(sure, "combined")
    agree = [row for row in rows if "model" in row and row["model"]["said"] == row["embedding"]["said"]]
    summary["model_and_embedding_agree"] = len(agree) / len(rows)
    summary["right_when_they_agree"] = _share(agree, "combined") if agree else None
    summary["wrong_and_confident"] = [row["text"] for row in sure if not row["combined"]["right"]]
    return summary


def _share(rows: list[dict[str, Any]], reader: str) -> float:
    """Return the share of rows that a reader has right."""
    return sum(row[reader]["right"] for row in rows) / max(1, len(rows))
