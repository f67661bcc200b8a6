"""The facts and passages of one thread, by id: the only numbers and quotations a text may use."""

from __future__ import annotations

from collections.abc import Iterable

from tools.records import Check, Citation, Evidence, Fact, Outline


class Ledger:
    """Facts and citations collected from tool evidence; a later tool call replaces an id, never edits it."""

    def __init__(self, evidence: Iterable[Evidence] = ()) -> None:
        self.facts: dict[str, Fact] = {}
        self.citations: dict[str, Citation] = {}
        self.checks: dict[str, Check] = {}
        self.data: dict[str, object] = {}
        self.outline: Outline | None = None
        for item in evidence:
            self.add(item)

    def add(self, evidence: Evidence) -> None:
        """Enter what one tool call returned; a repeated call of a tool supersedes its earlier entries."""
        stale = [key for key, fact in self.facts.items() if fact.source.tool == evidence.tool]
        for key in stale:
            del self.facts[key]
        self.facts.update({fact.id: fact for fact in evidence.facts})
        self.citations.update({citation.id: citation for citation in evidence.citations})
        self.checks.update({check.name: check for check in evidence.checks})
        self.data.update(evidence.data)
        self.outline = evidence.outline or self.outline

    def settings(self) -> dict[str, str]:
        """Return the settings of the computed run as a tool reads them, for example `{"flow": "2 mL/min"}`."""
        found = self.data.get("settings", {})
        return {str(name): str(text) for name, text in found.items()} if isinstance(found, dict) else {}
