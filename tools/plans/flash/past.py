"""The next shots of a laser flash after measured curves: what the data say of the disc is the belief they start from.

Shots and data average their noise, but both stand on the same measured thickness, whose error they share:

    h = z (1 / (1 / s_past^2 + 1 / s_next^2) + (2 s_L / L)^2)^(1/2)

s the random standard deviation of ln alpha, s_L that of the thickness L, z the normal quantile of the level; what the
next shots alone give is that of `physics.design.flash`, in the worst of its scenarios.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from scipy.stats import norm

from physics.design.candidate import Unknown
from tools.plans.flash.design import LEVEL, designed, specimen_of
from tools.plans.numbers import number, upwards
from tools.records import Curve, Evidence, Fact, Outline, Section

FITTED = ("thickness", "pulse_width", "biot_rear")
THICKNESS_ERROR = "5 um"  # where nobody says; the assumption of the planning is the same
NEAR = 1.1  # times what the thickness leaves: shots beyond that tell next to nothing
LEAST_SPREAD = 0.02  # log-standard deviation of what the data gave: the next shots find another coating, another day
Z = float(norm.ppf(0.5 + LEVEL / 2))
_HEADLINE = (
    "**Flash the [material] again with {pulse_energy} in a pulse of {pulse_width}, record {record_length} and average "
    "{shots} shots.** The diffusivity is known within {past_precision_diffusivity} from the data (at {precision_level} "
    "confidence, with the error of the thickness); these shots, taken together with them, are expected to bring it to "
    "{precision_diffusivity}. The rear warms by at most {rear_rise}; {most_rise} was allowed."
)
_THICKNESS = " The error of the thickness is what is left then: measure that more closely before more shots are made."
_SHARED = 0.8  # of the half-width: more than this from the thickness alone leaves little for further shots
_SAID = (
    "diffusivity {past_diffusivity} ({past_diffusivity.lower} to {past_diffusivity.upper}), known within "
    "{past_precision_diffusivity}",
    "Biot number of the faces {past_biot} ({past_biot.lower} to {past_biot.upper})",
    "{past_points} readings, which scatter by {past_noise} of the rise about the fitted curve",
)


def fit_settings(curve: Curve) -> dict[str, str]:
    """Return the settings with which a measured curve is fitted; a pulse of unknown length is taken as instant."""
    known = {name: text for name, text in curve.settings.items() if name in FITTED}
    return {**known, "pulse": "square" if "pulse_width" in known else "instant"}


def systematic(curve: Curve) -> dict[str, float]:
    """Return the relative standard deviation that no number of readings lowers, by parameter."""
    settings = {"thickness_error": THICKNESS_ERROR, **curve.settings}
    return {"diffusivity": 2 * number(settings, "thickness_error", "m") / number(settings, "thickness", "m")}


def limits(past: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the limits that the past run sets: none, since source and detector set them."""
    return []


def assumed(curve: Curve) -> tuple[str, ...]:
    """Say what is taken of the measured curve beyond what request and file name."""
    if "pulse_width" in curve.settings:
        return ()
    return ("The file does not say how long the pulse was, which is taken as short against the rise.",)


def design(
    request: Mapping[str, Any],
    past: Mapping[str, Any],
    *,
    run: str | None,
    tolerance_factor: float,
    device: str,
    progress: Callable[[float, str], None],
) -> Evidence:
    """Propose the shots that follow measured ones; see `tools.design.design`.

    Raises:
        InputError: a setting or a limit cannot be used; the message says which.
        Failed: the run gave no usable result.
    """
    known = dict(zip(past["names"], past["median"], strict=True))
    expected = {"diffusivity": f"{known['diffusivity']!r} m**2/s"}
    believed = {**request, "settings": {**request["settings"], **expected}}
    spread = {name: math.sqrt(past["covariance"][k][k]) for k, name in enumerate(past["names"])}
    specimen = replace(
        specimen_of(believed),
        diffusivity=Unknown(known["diffusivity"], max(spread["diffusivity"], LEAST_SPREAD)),
        biot=Unknown(known["biot"], max(spread["biot"], LEAST_SPREAD)),
    )
    common = 2 * specimen.thickness_spread
    wanted = request["precision"] / 100
    if not request["asked"]:
        wanted = max(wanted, NEAR * Z * common)
    found = designed(
        believed,
        specimen,
        _alone(wanted, spread["diffusivity"], common),
        run=run,
        tolerance_factor=tolerance_factor,
        device=device,
        progress=progress,
    )
    return _after(found, request, spread["diffusivity"], common, wanted)


def _alone(wanted: float, past: float, common: float) -> float:
    """Return what the shots alone must reach so that they reach `wanted` together with the data."""
    random = (wanted / Z) ** 2 - common**2
    if random <= 0:
        return wanted
    lacking = 1 / random - 1 / past**2
    return Z * math.sqrt(1 / lacking + common**2) if lacking > 0 else 10 * wanted


def _after(found: Evidence, request: Mapping[str, Any], past: float, common: float, wanted: float) -> Evidence:
    """Return the evidence with what data and shots give together."""
    facts = {fact.id: fact for fact in found.facts}
    alone = facts["precision_diffusivity"]
    random = max((alone.value / 100 / Z) ** 2 - common**2, 1e-12)
    together = Z * math.sqrt(1 / (1 / past**2 + 1 / random) + common**2)
    facts["precision_diffusivity"] = _renamed(alone, "precision_diffusivity", upwards(100 * together, 3))
    facts["shots_precision"] = _renamed(alone, "shots_precision", alone.value)
    material = str(request.get("choices", {}).get("material", "specimen"))
    reached = together <= wanted * (1 + 1e-9)
    data = {
        **found.data,
        "predictions": [*found.data["predictions"], "past_diffusivity"],
        "need": "" if reached or not request["asked"] else found.data["need"] or _short(together, wanted),
    }
    return found.model_copy(
        update={
            "facts": tuple(facts.values()),
            "outline": _outline(found, material, Z * common > _SHARED * together),
            "data": data,
        }
    )


def _renamed(fact: Fact, key: str, value: float) -> Fact:
    name = "half-width of the interval of diffusivity, data and shots together"
    if key == "shots_precision":
        name = "half-width of the interval of diffusivity from the next shots alone"
    return fact.model_copy(update={"id": key, "name": name, "value": value})


def _short(together: float, wanted: float) -> str:
    return (
        f"data and shots together give the diffusivity within {100 * together:.3g} %, not {100 * wanted:.3g} %: "
        "measure the thickness more closely, or allow more shots"
    )


def _outline(found: Evidence, material: str, by_thickness: bool) -> Outline | None:
    if found.outline is None:
        return None
    said = Section(title="What the data say", lines=_SAID)
    headline = _HEADLINE.replace("[material]", material) + (_THICKNESS if by_thickness else "")
    return found.outline.model_copy(update={"headline": headline, "sections": (said, *found.outline.sections)})
