"""Does the surrogate change what is decided? Requests to plan and to design, answered with it and by the solver alone.

A decision is the status, the settings and the times of measurement. Two are the same where the status is, and every
setting and every time agrees within `SETTABLE`, what a bench can set: of a setting its own value, of a time the length
of the schedule. Where they differ, both are judged by what they are expected to leave of the target, computed by the
solver: the run with the surrogate lies within the interval where it is not worse by more than the margin within which
the screen does not tell candidates apart (`physics.design.screen.MARGIN`). Requests are answered in turn with and
without first, after one of every kind that is not counted, since it may compile.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evals.requests import SHARES, Request, draw
from physics.design.screen import MARGIN
from tools.errors import ToolError
from tools.records import Evidence

VERSION = 1
MINUTES = 25.0
SETTABLE = 5e-3

Setting = tuple[str, Any]
Decision = dict[str, Any]  # status, settings, times, precision (by name), search


def run(
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    shares: Mapping[str, int] = SHARES,
    warm: bool = True,
) -> dict[str, Any]:
    """Answer as many requests of each kind as `shares` says, twice each; `warm` answers one of a kind before."""
    started = time.perf_counter()
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    requests = draw(seed, shares)
    for index, request in enumerate(requests):
        if progress is not None:
            progress(f"{request.kind}, {index + 1} of {len(requests)}")
        if warm and request.kind not in seen:
            decide(request, False)
        seen.add(request.kind)
        found: dict[bool, tuple[Decision, float]] = {}
        for surrogate in ((False, True), (True, False))[index % 2]:
            begin = time.perf_counter()
            decision = decide(request, surrogate)
            found[surrogate] = decision, time.perf_counter() - begin
        rows.append(row_of(request, found[False], found[True]))
    return {
        "suite": "surrogate_decisions",
        "version": VERSION,
        "seed": seed,
        "rows": rows,
        "summary": summary(rows),
        "seconds": time.perf_counter() - started,
    }


def decide(request: Request, surrogate: bool) -> Decision:
    """Return what a request comes to; what the tool refuses is a decision too."""
    try:
        evidence = request.answer(surrogate)
    except ToolError as error:
        return {"status": f"refused: {error}", "settings": [], "times": [], "precision": {}, "search": {}}
    return (_of_plan if evidence.tool == "design" else _of_design)(evidence)


def _of_plan(evidence: Evidence) -> Decision:
    data, facts = evidence.data, {fact.id: fact for fact in evidence.facts}
    told = data.get("surrogate", {})
    return {
        "status": "withheld" if data["need"] else "recommended",
        "settings": [(row["name"], row["value"]) for row in data["shown_settings"]],
        "times": [facts[key].value for key in data["schedule"]],
        "precision": {key: fact.value for key, fact in facts.items() if key.startswith("precision_")},
        "search": {"doubts": {told["kind"]: 1}, "reason": told["reason"], "solved": 1} if told else {},
    }


def _of_design(evidence: Evidence) -> Decision:
    data = evidence.data
    return {
        "status": data["status"],
        "settings": [(row["name"], row["value"]) for row in data["settings"]],
        "times": [row["value"] for row in data["schedule"]],
        "precision": {row["name"]: row["value"] for row in data["predictions"] if row["wanted"]},
        "search": data["search"],
    }


def same(one: Decision, other: Decision) -> bool:
    """Whether two decisions agree within what a bench can set."""
    if one["status"] != other["status"] or len(one["times"]) != len(other["times"]):
        return False
    if [name for name, _ in one["settings"]] != [name for name, _ in other["settings"]]:
        return False
    span = max((abs(at) for at in one["times"]), default=0.0)
    times = zip(one["times"], other["times"], strict=True)
    pairs = zip(one["settings"], other["settings"], strict=True)
    return all(abs(a - b) <= SETTABLE * span for a, b in times) and all(_alike(a, b) for (_, a), (_, b) in pairs)


def _alike(one: Any, other: Any) -> bool:
    if not isinstance(one, float) or not isinstance(other, float):
        return bool(one == other)
    return abs(one - other) <= SETTABLE * max(abs(one), abs(other))


def within(alone: Decision, aided: Decision) -> bool:
    """Whether what the run with the surrogate is expected to leave is not worse than the other's by the margin."""
    if not alone["precision"] or alone["precision"].keys() != aided["precision"].keys():
        return False
    return all(aided["precision"][name] <= value * (1.0 + MARGIN) for name, value in alone["precision"].items())


def row_of(request: Request, alone: tuple[Decision, float], aided: tuple[Decision, float]) -> dict[str, Any]:
    """Return what one request showed; each decision comes with its seconds."""
    agreed, search = same(alone[0], aided[0]), aided[0]["search"]
    return {
        "kind": request.kind,
        "status": alone[0]["status"],
        "status_aided": aided[0]["status"],
        "same": agreed,
        "within": None if agreed else within(alone[0], aided[0]),
        "seconds": alone[1],
        "seconds_aided": aided[1],
        "foretold": search.get("foretold", 0),
        "solved": search.get("solved", 0),
        "doubts": search.get("doubts", {}),
        "reason": search.get("reason", ""),
        "request": {} if agreed else dict(request.words),
    }


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the shares over all requests and by kind."""
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    return {**_counted(rows), "kinds": {kind: _counted([r for r in rows if r["kind"] == kind]) for kind in kinds}}


def _counted(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    alone, aided = (sum(row[key] for row in rows) for key in ("seconds", "seconds_aided"))
    doubts: Counter[str] = Counter()
    for row in rows:
        doubts.update(row["doubts"])
    return {
        "requests": len(rows),
        "agreed": sum(row["same"] for row in rows),
        "differing_within": sum(row["within"] is True for row in rows),
        "recommended": sum(row["status"] == "recommended" for row in rows),
        "seconds": alone,
        "seconds_aided": aided,
        "seconds_saved": alone - aided,
        "time_ratio": alone / aided if aided else None,
        "foretold": sum(row["foretold"] for row in rows),
        "solved": sum(row["solved"] for row in rows),
        "fallback_rate": sum(row["foretold"] == 0 for row in rows) / len(rows) if rows else None,
        "doubts": dict(doubts.most_common()),
    }
