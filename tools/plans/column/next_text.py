"""The run that follows measured ones in words: every number stays a reference until the plan is rendered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tools.plans.column.text import MOST_ROWS, filled, grouped, known, row
from tools.records import Fact, Outline, Section

WORTH = 0.7  # of the present half-width: a run that brings it below is worth making
IDLE = 0.9  # and one that leaves it above tells next to nothing
_HEADLINE = {
    "step": "**Run a step at [a] pore-water velocity [of] {velocity}** for {duration}, and take {samples} readings "
    "from {first_sample} to {last_sample}.",
    "pulse": "**Run a pulse of {pulse_duration} at [a] pore-water velocity [of] {velocity}** for {duration}, and take "
    "{samples} readings from {first_sample} to {last_sample}.",
}
_SAME, _OTHER = {"a": "the same", "of": "as before,"}, {"a": "a", "of": "of"}
_REPEATED = " Make this run {runs} times."
_WORTH = (
    " [Target] is known within {past_precision_[target]} from the data (at {precision_level} confidence); what is "
    "planned, fitted together with them, is expected to bring it to {precision_[target]}: [verdict]."
)
_KNOWN = (
    " [Target] is known within {past_precision_[target]} from the data (at {precision_level} confidence), which is the "
    "{asked_precision} that was asked for: no further run is needed for it. What is planned would bring it to "
    "{precision_[target]}."
)
_SPEED = (
    ", the nearest that the pump gives to the {past_velocity} of the run that was measured; dispersion is taken to be "
    "proportional to it"
)
_PLACE = ", another place than that of the data; velocity and dispersion are taken to be the same there"
_SETTINGS = (
    "pore-water velocity {velocity}[speed]",
    "flow rate {flow}, which gives this velocity",
    "sensor at {sensor} from the inlet[place]",
    "{runs} such runs, {all_runs} in all, each from a column that was washed free of tracer",
    "tracer for {pulse_duration} ({fed_volumes} pore volumes), then tracer-free solution",
    "tracer from the start to the end",
    "run for {duration} from the moment the tracer enters",
    "mean residence time {residence_time}",
)
_ALTERNATIVES = {
    ("fastest", "step"): "faster: a step for {fastest_duration} with {fastest_samples} readings, [target] then within "
    "{fastest_precision_[target]}",
    ("fastest", "pulse"): "faster: a pulse of {fastest_pulse} and {fastest_duration} with {fastest_samples} readings, "
    "[target] then within {fastest_precision_[target]}",
    ("precise", "step"): "more precise: a step for {precise_duration} with {precise_samples} readings, [target] then "
    "within {precise_precision_[target]}",
    ("precise", "pulse"): "more precise: a pulse of {precise_pulse} and {precise_duration} with {precise_samples} "
    "readings, [target] then within {precise_precision_[target]}",
}
_AGAIN = "the past run made again as it was, [target] then within {repeated_precision_[target]}"
_DISAGREE = (
    "The curves disagree by more than their scatter: [pairs]. The plan stands on the last curve and those that agree "
    "with it; fitted together, all of them would give an interval that is too narrow."
)


def outline(
    facts: Mapping[str, Fact], data: Mapping[str, Any], request: Mapping[str, Any], past: Mapping[str, Any]
) -> Outline:
    """Return the plan in words; a line that refers to a fact which this run lacks is left out."""
    target, variant = str(request["target"]), str(data["variant"])
    words = {
        "target": target,
        "Target": target.capitalize(),
        "verdict": _verdict(facts, past, target),
        "speed": ", as in the run that was measured" if data["same_velocity"] else _SPEED,
        "place": "" if data["same_place"] else _PLACE,
        **(_SAME if data["same_velocity"] else _OTHER),
    }
    times = list(data["schedule"])
    listed = times[:: math.ceil(len(times) / MOST_ROWS)]
    settings = [filled(line, words) for line in _SETTINGS if variant == "step" or "from the start" not in line]
    alternatives = [filled(_ALTERNATIVES[name, str(kind)], words) for name, kind in data["alternative_inputs"].items()]
    already = request["asked"] and 100 * past["half_width"][target] <= request["precision"]
    return Outline(
        headline=filled(_HEADLINE[variant], words)
        + (_REPEATED if data["runs"] > 1 else "")
        + filled(_KNOWN if already else _WORTH, words),
        sections=(
            Section(title="What the data say", lines=_lines(past)),
            Section(title="Settings", lines=known(settings, {**facts, "past_velocity": facts["velocity"]})),
            Section(
                title="Read at", note="time since the tracer entered", lines=tuple(grouped(times, facts)), joined=True
            ),
            Section(
                title="Expected breakthrough",
                note="time: relative concentration, {level} interval of a reading",
                lines=tuple(row(key) for key in listed),
            ),
        ),
        alternatives=known([*alternatives, filled(_AGAIN, words)], facts),
    )


def _lines(past: Mapping[str, Any]) -> tuple[str, ...]:
    """Say what the curves gave; their facts stand beside those of the design."""
    lines = [
        f"{_called(name)} {{past_{name}}} ({{past_{name}.lower}} to {{past_{name}.upper}}), known within "
        f"{{past_precision_{name}}}"
        for name in past["names"]
    ]
    lines.append("{past_points} readings, which scatter by {past_noise} about the fitted curve")
    if past["disagree"]:
        pairs = "; ".join(
            f"{_called(name)} " + " against ".join(f"{{past_{k}_{name}}}" for k in range(1, past["handed"] + 1))
            for name in past["names"]
        )
        lines.append(filled(_DISAGREE, {"pairs": pairs}))
    return tuple(lines)


def _called(name: str) -> str:
    return {"velocity": "pore-water velocity", "dispersion": "dispersion coefficient"}.get(name, name)


def _verdict(facts: Mapping[str, Fact], past: Mapping[str, Any], target: str) -> str:
    """Say whether the run is worth making."""
    share = facts[f"precision_{target}"].value / (100 * past["half_width"][target])
    if share <= WORTH:
        return "it is worth making"
    return "it adds little" if share <= IDLE else "it is hardly worth making"
