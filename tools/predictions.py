"""The tally of predictions: who answered, why, and what that saved, a line of JSON each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


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
