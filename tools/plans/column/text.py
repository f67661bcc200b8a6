"""A tracer test in words: every number stays a reference until the plan is rendered."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tools.records import Fact, Outline, Section

MOST_ROWS = 12  # of the predicted curve in the text; the JSON and the report have all
SHORTEST_STRETCH = 3  # sampling times that are written one by one
_REFERENCE = re.compile(r"\{([a-z_]+)\}")
_HEADLINE = (
    "**Run a [input] of [tracer] at {flow}** (pore-water velocity {velocity}) for {duration}, and take {samples} "
    "samples from {first_sample} to {last_sample}. [Target] is then expected within {precision_[target]} (at "
    "{precision_level} confidence; {worst_precision_[target]} at the worst of what the prior admits); "
    "{asked_precision} was asked."
)
_SETTINGS = (
    "flow rate {flow}",
    "tracer for {pulse_duration} ({injected_volume}), then tracer-free solution",
    "run for {duration} from the moment the tracer enters",
    "pore volume {pore_volume}, so a residence time of {residence_time}",
)
_ALTERNATIVES = {
    "fastest": "faster: a [input] at {fastest_flow} for {fastest_duration}, [target] then within "
    "{fastest_precision_[target]}",
    "precise": "more precise: a [input] at {precise_flow} for {precise_duration}, [target] then within "
    "{precise_precision_[target]}",
}


def outline(facts: Mapping[str, Fact], data: Mapping[str, Any], request: Mapping[str, Any]) -> Outline:
    """Return the plan in words; a line that refers to a fact which this run lacks is left out."""
    target = str(request["target"])
    words = {
        "input": str(data["variant"]),
        "tracer": request.get("choices", {}).get("tracer") or "a conservative tracer",
        "target": target,
        "Target": target.capitalize(),
    }
    times = list(data["schedule"])
    listed = times[:: math.ceil(len(times) / MOST_ROWS)]
    alternatives = [
        filled(_ALTERNATIVES[name], {**words, "input": str(chosen)})
        for name, chosen in data["alternative_inputs"].items()
    ]
    return Outline(
        headline=filled(_HEADLINE, words),
        sections=(
            Section(title="Settings", lines=known(_SETTINGS, facts)),
            Section(
                title="Sample at",
                note="time since the tracer entered",
                lines=tuple(grouped(times, facts)),
                joined=True,
            ),
            Section(
                title="Expected breakthrough",
                note="time: relative concentration, {level} interval",
                lines=tuple(row(key) for key in listed),
            ),
        ),
        alternatives=known(alternatives, facts),
    )


def filled(template: str, words: Mapping[str, str]) -> str:
    """Put words in the places of a template."""
    for name, word in words.items():
        template = template.replace(f"[{name}]", word)
    return template


def known(lines: Sequence[str], facts: Mapping[str, Fact]) -> tuple[str, ...]:
    """Leave out the lines that refer to a fact which this run lacks."""
    return tuple(line for line in lines if all(match[1] in facts for match in _REFERENCE.finditer(line)))


def grouped(keys: Sequence[str], facts: Mapping[str, Fact]) -> list[str]:
    """Write sampling times that follow each other at the shortest interval as one stretch."""
    step = facts["shortest_interval"].value
    stretches: list[list[str]] = []
    for key in keys:
        last = facts[stretches[-1][-1]].value if stretches else -math.inf
        if math.isclose(facts[key].value - last, step):
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


def row(key: str) -> str:
    """Write one time with the concentration expected then."""
    concentration = key.replace("time_", "conc_")
    return f"{{{key}}}: {{{concentration}}} ({{{concentration}.lower}} to {{{concentration}.upper}})"
