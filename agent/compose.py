"""Compose the finished text from checked parts: every number and quotation stays a reference until it is rendered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from agent.ledger import Ledger
from agent.present import render
from agent.state import Brief, Shown
from tools.planning import Planning
from tools.records import Citation


@cache
def _environment() -> Environment:
    return Environment(  # noqa: S701 - the texts are Markdown; the HTML report escapes them when it shows them
        loader=PackageLoader("agent", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def serving(ledger: Ledger, planning: Planning) -> dict[str, Citation]:
    """Return the citations that speak of what the plan decided: those on another variant stay behind."""
    chosen = str(ledger.data.get("variant", ""))
    idle = {topic.name for topic in planning.topics if topic.when not in (None, chosen)}
    return {key: citation for key, citation in ledger.citations.items() if _topic(ledger, key) not in idle}


def compose_plan(
    brief: Brief, ledger: Ledger, citations: Mapping[str, Citation], prose: Sequence[str], colophon: str
) -> tuple[Shown, tuple[str, ...]]:
    """Return the plan's text and the citations it uses.

    Raises:
        KeyError: the text refers to a fact that no tool produced, or no tool outlined a plan.
    """
    if ledger.outline is None:
        raise KeyError("outline")
    text = (
        _environment()
        .get_template("plan.md.j2")
        .render(
            headline=ledger.outline.headline,
            prose=" ".join(prose),
            sections=[section for section in ledger.outline.sections if section.lines],
            basis=[f'{_topic(ledger, key)}: {{"{key}}} ({{@{key}}}) [{key}]' for key in citations],
            alternatives=ledger.outline.alternatives,
            assumptions=list(brief.assumptions),
            colophon=colophon,
        )
    )
    return render(_tidy(text), ledger.facts, citations), tuple(citations)


def compose_answer(ledger: Ledger, prose: Sequence[str], colophon: str) -> tuple[Shown, tuple[str, ...]]:
    """Return an answer made of checked sentences and of the quotations that they stand on."""
    used = {key for sentence in prose for key in re.findall(r"\[([a-z]+)\]", sentence)}
    cited = tuple(key for key in ledger.citations if not used or key in used)
    text = (
        _environment()
        .get_template("answer.md.j2")
        .render(
            prose=" ".join(prose),
            quotations=[f'{{"{key}}} ({{@{key}}}) [{key}]' for key in cited],
            colophon=colophon,
        )
    )
    return render(_tidy(text), ledger.facts, ledger.citations), cited


def _topic(ledger: Ledger, key: str) -> str:
    topics = ledger.data.get("topics", {})
    return str(topics.get(key, "see")) if isinstance(topics, dict) else "see"


def _tidy(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
