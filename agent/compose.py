"""Compose the finished text from checked parts: every number and quotation stays a reference until it is rendered."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from agent.ledger import Ledger
from agent.present import REFERENCE, render
from agent.state import Brief, Shown
from tools.planning import Planning
from tools.records import Citation

MOST_ROWS = 12  # of the predicted curve in the text; the JSON and the report have all
SHORTEST_STRETCH = 3  # sampling times that are written one by one
_SETTING_LINES = (
    "flow rate {flow}",
    "tracer for {pulse_duration} ({injected_volume}), then tracer-free solution",
    "run for {duration} from the moment the tracer enters",
    "pore volume {pore_volume}, so a residence time of {residence_time}",
)
_ALTERNATIVES = {
    "fastest": "faster: a {input} at {fastest_flow} for {fastest_duration}, {target} then within {fastest_precision}",
    "precise": "more precise: a {input} at {precise_flow} for {precise_duration}, {target} then within "
    "{precise_precision}",
}


@cache
def _environment() -> Environment:
    return Environment(  # noqa: S701 - the texts are Markdown; the HTML report escapes them when it shows them
        loader=PackageLoader("agent", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def serving(ledger: Ledger, planning: Planning) -> dict[str, Citation]:
    """Return the citations that speak of what the plan decided: those on the other input stay behind."""
    chosen = str(ledger.data.get("input", ""))
    idle = {topic.name for topic in planning.topics if topic.when not in (None, chosen)}
    return {key: citation for key, citation in ledger.citations.items() if _topic(ledger, key) not in idle}


def compose_plan(
    brief: Brief, ledger: Ledger, citations: Mapping[str, Citation], prose: Sequence[str], colophon: str
) -> tuple[Shown, tuple[str, ...]]:
    """Return the plan's text and the citations it uses.

    Raises:
        KeyError: the text refers to a fact that no tool produced.
    """
    facts, data = ledger.facts, ledger.data
    times = sorted(key for key in facts if key.startswith("time_") and key != "time_limit")
    chosen = str(data.get("input", "step"))
    target = brief.target.name if brief.target else "dispersion"
    listed = times[:: math.ceil(len(times) / MOST_ROWS)]
    text = (
        _environment()
        .get_template("plan.md.j2")
        .render(
            input=chosen,
            tracer=brief.tracer or "a conservative tracer",
            target=target,
            prose=" ".join(prose),
            settings=[line for line in _SETTING_LINES if _known(line, ledger)],
            times=_grouped(times, ledger),
            curve=[_row(key) for key in listed],
            basis=[f'{_topic(ledger, key)}: {{"{key}}} ({{@{key}}}) [{key}]' for key in citations],
            alternatives=_alternatives(ledger, target),
            assumptions=list(brief.assumptions),
            colophon=colophon,
        )
    )
    return render(_tidy(text), facts, citations), tuple(citations)


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


def _grouped(keys: Sequence[str], ledger: Ledger) -> list[str]:
    """Write sampling times that follow each other at the shortest interval as one stretch."""
    step = ledger.facts["shortest_interval"].value
    stretches: list[list[str]] = []
    for key in keys:
        last = ledger.facts[stretches[-1][-1]].value if stretches else -math.inf
        if math.isclose(ledger.facts[key].value - last, step):
            stretches[-1].append(key)
        else:
            stretches.append([key])
    lines = []
    for stretch in stretches:
        if len(stretch) > SHORTEST_STRETCH:
            lines.append(f"every {{shortest_interval}} from {{{stretch[0]}}} to {{{stretch[-1]}}}")
        else:
            lines += [f"{{{key}}}" for key in stretch]
    return lines


def _row(key: str) -> str:
    concentration = key.replace("time_", "conc_")
    return f"{{{key}}}: {{{concentration}}} ({{{concentration}.lower}} to {{{concentration}.upper}})"


def _topic(ledger: Ledger, key: str) -> str:
    topics = ledger.data.get("topics", {})
    return str(topics.get(key, "see")) if isinstance(topics, dict) else "see"


def _alternatives(ledger: Ledger, target: str) -> list[str]:
    inputs = ledger.data.get("alternative_inputs", {})
    if not isinstance(inputs, dict):
        return []
    lines = []
    for name, chosen in inputs.items():
        line = _ALTERNATIVES[name].replace("{input}", str(chosen)).replace("{target}", target)
        lines.append(line.replace("_precision}", f"_precision_{target}}}"))
    return [line for line in lines if _known(line, ledger)]


def _known(template: str, ledger: Ledger) -> bool:
    return all(match[2] in ledger.facts for match in REFERENCE.finditer(template))


def _tidy(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
