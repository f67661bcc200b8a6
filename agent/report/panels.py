"""Which curves of a run share a panel, and what stands at its axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.present import unit_text

_DWARFED = 200.0  # a curve this much below another of its panel would lie flat on a linear axis


@dataclass(frozen=True)
class Curve:
    """A curve as it is drawn: `title` is its name, with the sensor's place where there are several."""

    name: str
    title: str
    unit: str
    time: Sequence[float]
    time_unit: str
    values: Sequence[float]

    @classmethod
    def of(cls, output: Mapping[str, Any]) -> Curve:
        """Read an output of a run."""
        place = f" at {output['position']:g} {output['position_unit']}" if "position" in output else ""
        title = output["name"].replace("_", " ") + place
        return cls(output["name"], title, output["unit"], output["time"], output["time_unit"], output["values"])


def panels(curves: Sequence[Curve]) -> list[list[Curve]]:
    """Group curves of one quantity: of one unit, and with the first or last word of their names in common.

    What has no such companion shares a panel with the others of its unit, except the first curve, which is the one
    that the experiment is about.
    """
    groups: dict[tuple[str, str, str], list[Curve]] = {}
    for index, curve in enumerate(curves):
        alike = [c for c in curves if (c.unit, c.time_unit) == (curve.unit, curve.time_unit) and c.name != curve.name]
        family = _family(curve.name, [c.name for c in alike])
        several = sum(c.name == curve.name for c in curves) > 1
        own = curve.name if (several or index == 0) and not family else ""
        groups.setdefault((curve.unit, curve.time_unit, family or own), []).append(curve)
    return list(groups.values())


def label(group: Sequence[Curve]) -> str:
    """Return what stands at the axis: the name that the curves share, else both names or "amount", and their unit."""
    names = list(dict.fromkeys(curve.name for curve in group))
    unit = unit_text(group[0].unit) or "dimensionless"
    shared = names[0].replace("_", " ") if len(names) == 1 else _family(names[0], names[1:])
    both = " and ".join(name.replace("_", " ") for name in names) if len(names) == 2 else "amount"
    return f"{shared or both} ({unit})"


def spans_decades(group: Sequence[Curve]) -> bool:
    """Say whether a logarithmic axis is needed: all is above zero, and one curve would be lost beside another."""
    sizes = [max(curve.values) for curve in group]
    return min(min(curve.values) for curve in group) > 0 and max(sizes) > _DWARFED * min(sizes)


def _family(name: str, others: Sequence[str]) -> str:
    """Return the word at an end of the name that another name has at the same end; "" if there is none."""
    for end in (0, -1):
        word = name.split("_")[end]
        if any(word == other.split("_")[end] for other in others):
            return word
    return ""
