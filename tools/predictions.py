"""The tally of predictions: who answered, why, and what that saved, a line of JSON each."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.errors import Retry


def check_asked(level: float, budget: float | None) -> None:
    """Raise `Retry` unless the level is a probability and the budget, where there is one, a positive number."""
    if not 0.0 < level < 1.0:
        raise Retry(f"level = {level:g} is outside its range, above 0 and below 1; 0.9 holds nine runs in ten")
    if budget is not None and not 0.0 < budget < math.inf:
        raise Retry(f"budget = {budget:g} must be a number above 0: the relative half-width that you accept")


def joined(doubts: Sequence[tuple[str, str]]) -> str:
    """Return the sentences of doubts, kind and sentence each, as one."""
    return "; ".join(dict.fromkeys(sentence for _, sentence in doubts))


class Tally:
    """A file to which every prediction adds a line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(
        self,
        experiment: str,
        surrogate: str,
        source: str,
        kinds: Sequence[str],
        seconds: Mapping[str, float],
        saved: float,
        run: str | None = None,
    ) -> None:
        """Count one prediction: who answered, the kinds of reasons against the surrogate, and what it saved."""
        row = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "run": run,
            "experiment": experiment,
            "surrogate": surrogate,
            "source": source,
            "kinds": list(dict.fromkeys(kinds)),
            "seconds": round(sum(seconds.values()), 6),
            "saved": round(saved, 6),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")  # one short write to the end: lines of two processes do not mix

    def rows(self) -> list[dict[str, Any]]:
        """Return every line that can be read, the oldest first."""
        if not self.path.is_file():
            return []
        found = []
        for line in self.path.read_text().splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict) and {"experiment", "source", "kinds", "seconds", "saved"} <= row.keys():
                found.append(row)
        return found

    def summary(self) -> list[dict[str, Any]]:
        """Return for each experiment the calls, how many the solver answered and why, and the seconds saved."""
        by_experiment: dict[str, list[dict[str, Any]]] = {}
        for row in self.rows():
            by_experiment.setdefault(str(row["experiment"]), []).append(row)
        return [
            {
                "experiment": name,
                "calls": len(rows),
                "surrogate": sum(row["source"] == "surrogate" for row in rows),
                "solver": sum(row["source"] == "solver" for row in rows),
                "reasons": dict(Counter(kind for row in rows for kind in row["kinds"]).most_common()),
                "seconds": round(sum(row["seconds"] for row in rows), 3),
                "saved": round(sum(row["saved"] for row in rows), 3),
            }
            for name, rows in sorted(by_experiment.items())
        ]
