"""Propose a search for the onset of convection in a layer heated from below."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from physics import units
from physics.equations.boussinesq.fluids import FLUIDS, Fluid
from physics.equations.boussinesq.onset import critical
from physics.errors import ParameterError
from physics.experiments.convection import EXPERIMENT
from physics.solution import Solution
from tools.errors import Failed
from tools.plans.convection.search import FRACTION, PLATES, Search
from tools.plans.convection.text import outline
from tools.plans.numbers import Facts, bounds_on, digits, downwards, duration, limit_checks, number, upwards
from tools.records import Check, Evidence, Fact
from tools.simulate import balance_checks

LEVEL = 0.95  # of the interval of the onset that follows from the fluid's properties
TOLERANCE = 2e-3  # of the Nusselt number of the run just above onset
AGREE = 0.05  # the solver's growth rate and that of the linear theory that sets the waiting time
DEEPER, DEEPER_TRIES = 1.1, 30  # by which a layer is deepened until the fluid's model holds, and how often
MOST_TOLD = 100  # from which on a duration is told to the whole unit
SHALLOWER = 0.5  # the depth of the alternative over that asked for


def design(
    request: Mapping[str, Any],
    *,
    run: str | None,
    tolerance_factor: float,
    device: str,
    progress: Callable[[float, str], None],
) -> Evidence:
    """Propose the steps of a search for the onset and how long to hold each; see `tools.design.design`.

    The waiting time stands on the growth rate one precision above the onset; the solver runs the layer there, so
    that its growth rate, its flux and its balances stand behind the plan.

    Raises:
        InputError: the fluid, the depth or a limit cannot be used; the message says which.
        Failed: no search fits into the limits, or the run above onset gave no usable result.
    """
    settings = request["settings"]
    search = _search(request)
    if need := _need(request, search) or _outside(request, search):
        raise Failed(need)
    progress(0.2, "running the layer just above onset")
    above = (1 + search.precision) * search.onset
    given = _settings(request, search, above)
    solution = EXPERIMENT.simulate(
        EXPERIMENT.read(given), None, tolerance=TOLERANCE * tolerance_factor, device=device, progress=None
    )
    if not solution.status.ok:
        raise Failed(f"{solution.status.value} {solution.message}".strip())
    facts = _facts(Facts(run, {**settings, **request["choices"]}), search, solution)
    found = {fact.id: fact for fact in facts}
    keys = [fact.id for fact in facts if fact.id.startswith("step_")]
    return Evidence(
        tool="design",
        run=run,
        facts=tuple(facts),
        checks=(
            *balance_checks(solution),
            *limit_checks(EXPERIMENT, EXPERIMENT.read(given)),
            _agreement(search, solution),
        ),
        outline=outline(found, keys, search.fluid),
        data={
            "settings": given,
            "shown_settings": _shown(settings, search, found),
            "variant": "onset",
            "predictions": ["onset_difference", "precision_onset", "waiting_time", "flux_rise"],
            "schedule": keys,
            "predicted_at": {},
            "alternatives": _alternatives(found),
            "curve": _curve(solution, search),
            "need": "",
        },
    )


def _search(request: Mapping[str, Any]) -> Search:
    settings = request["settings"]
    depth = number(settings, "depth", "m")
    depth_error = number(settings, "depth_error", "m") / depth
    fluid, mean = _fluid(request), number(settings, "mean_temperature", "K")
    if not fluid.range[0] <= mean <= fluid.range[1]:
        low, high, asked = (units.convert(value, "K", "degC") for value in (*fluid.range, mean))
        raise ParameterError(
            f"the properties of {fluid.name} are known here from {low:.4g} to {high:.4g} degC, and the layer is to be "
            f"at {asked:.4g} degC on average; take a mean temperature in between"
        )
    return Search(
        fluid=fluid,
        depth=depth,
        mean_temperature=mean,
        precision=request["precision"] / 100,
        growth=number(settings, "growth", ""),
        # dT_c goes with the inverse cube of the depth.
        error=math.hypot(number(settings, "property_error", ""), 3 * depth_error),
    )


def _fluid(request: Mapping[str, Any]) -> Fluid:
    """Return the fluid that was named, the grade of an oil from its viscosity.

    Raises:
        ParameterError: no fluid was named, or its properties are not known here.
    """
    named = request.get("choices", {}).get("fluid")
    if named is None:
        raise ParameterError("fluid is missing; name it, for example water or silicone oil of 10 cSt")
    if named != "silicone oil":
        return FLUIDS[named]
    grades = {name.rpartition("-")[2]: fluid for name, fluid in FLUIDS.items() if fluid.oil}
    viscosity = number(request["settings"], "viscosity", "cSt")
    for grade, fluid in grades.items():
        if math.isclose(float(grade), viscosity, rel_tol=1e-6):
            return fluid
    raise ParameterError(
        f"silicone oil of {viscosity:g} cSt: its properties are not known here; known are {', '.join(grades)} cSt"
    )


def _settings(request: Mapping[str, Any], search: Search, difference: float) -> dict[str, str]:
    """Return the settings of the run just above onset, one pair of rolls of the critical wavelength wide."""
    name = next(name for name, fluid in FLUIDS.items() if fluid is search.fluid)
    return {
        "fluid": name,
        "depth": request["settings"]["depth"],
        "temperature_difference": f"{difference!r} K",
        "mean_temperature": f"{search.mean_temperature!r} K",
        "aspect": repr(2 * math.pi / critical(PLATES).wavenumber),
        "plates": PLATES,
    }


def _facts(facts: Facts, search: Search, solution: Solution) -> list[Fact]:
    unit = "K" if search.onset >= 1 else "mK"

    def kelvin(value: float) -> float:
        return units.convert(value, "K", unit)

    onset, spread = kelvin(search.onset), kelvin(search.onset * search.error)
    at = critical(PLATES)
    volume = solution.outputs["nusselt_volume"]
    # The growth rate vanishes at the onset, so its error shifts the onset by as much as it takes to make up for it.
    shift = search.precision * abs(_solver_rate(solution) / search.rate - 1)
    facts.enter(
        "onset_difference", "temperature difference at which convection starts", onset, unit,
        lower=onset - spread, upper=onset + spread, level=LEVEL,
        numerical_error=onset * shift,
    )  # fmt: skip
    facts.enter("onset_level", "level of the interval of the onset", 100 * LEVEL, "percent")
    facts.enter("rayleigh_critical", "Rayleigh number at which convection starts", digits(at.rayleigh, 5), "")
    facts.enter("prandtl", "Prandtl number", digits(search.prandtl, 2), "")
    facts.span("diffusion_time", "vertical diffusion time", search.diffusion_time)
    facts.enter("above", "height above onset that each step must show", 100 * search.precision, "percent")
    facts.span("growth_time", "time in which a disturbance grows by e there", 1 / search.rate)
    facts.span("waiting_time", "waiting time at each step", search.hold)
    facts.enter("step", "step of the temperature difference", kelvin(search.step), unit)
    facts.enter("steps", "number of steps", float(len(search.steps)), "")
    facts.span("duration", "duration of the whole search", search.duration)
    facts.enter("stability_needed", "stability that the plates need", downwards(kelvin(FRACTION * search.step)), unit)
    facts.enter("precision_onset", "half-width of the interval of the onset", upwards(100 * search.reached), "percent")
    facts.enter("flux_rise", "rise of the heat flux there", digits(100 * (float(volume.values[0]) - 1), 2), "percent")
    facts.enter("numerical_error", "numerical error", solution.error, "")
    facts.enter("halvings", "number of waits when the interval is halved", float(search.halvings), "")
    facts.span("halving_duration", "duration when the interval is halved", search.halvings * search.hold)
    shallow = replace(search, depth=SHALLOWER * search.depth)
    facts.enter("shallow_depth", "depth of the alternative", units.convert(shallow.depth, "m", "mm"), "mm")
    facts.enter("shallow_onset", "onset of the alternative", digits(shallow.onset, 2), "K")
    facts.span("shallow_waiting", "waiting time of the alternative", shallow.hold)
    for index, difference in enumerate(search.steps):
        facts.enter(f"step_{index:03d}", "temperature difference", round(kelvin(difference), 9), unit)
    return facts.found


def _solver_rate(solution: Solution) -> float:
    """Return the growth rate (1/s) that the solver itself shows one precision above the onset."""
    output = solution.outputs["growth_rate"]
    return units.convert(float(output.values[0]), output.unit, "1/s")


def _agreement(search: Search, solution: Solution) -> Check:
    """Hold the solver's growth rate against the one that sets the waiting time."""
    value = abs(_solver_rate(solution) / search.rate - 1)
    return Check(
        name="growth rate of the solver",
        kind="constraint",
        status="pass" if value <= AGREE else "fail",
        value=value,
        limit=AGREE,
        detail="relative departure from the growth rate that sets the waiting time",
    )


def _need(request: Mapping[str, Any], search: Search) -> str:
    """Say what would bring a search into the time or the thermostat that there is."""
    longest = bounds_on(request["bounds"], "duration", "s")[1]
    steadiest = bounds_on(request["bounds"], "stability_needed", "K")[0]
    shallow = replace(search, depth=SHALLOWER * search.depth)
    helps = (
        f"a layer of {1e3 * shallow.depth:g} mm starts at {shallow.onset:.2g} K and needs {_said(shallow.hold)} a "
        "step; a coarser precision takes less time and larger steps"
    )
    if search.duration > longest:
        return f"the search takes {_said(search.duration)}, more than the {_said(longest)} there are; {helps}"
    most = bounds_on(request["bounds"], "onset_difference", "K")[1]
    if search.onset > most:
        deeper = search.depth * (search.onset / most) ** (1 / 3)
        return (
            f"convection starts at {search.onset:.3g} K only, more than the {most:.3g} K there are; "
            f"take a layer deeper than {upwards(1e3 * deeper):g} mm"
        )
    wanted, there = 1e3 * FRACTION * search.step, 1e3 * steadiest
    if wanted < there:
        return f"the plates must be held within {wanted:.2g} mK, finer than the {there:.2g} mK there are; {helps}"
    return ""


def _outside(request: Mapping[str, Any], search: Search) -> str:
    """Say how deep the layer must be where the model of the fluid does not hold at the onset."""

    def failed(tried: Search) -> list[Check]:
        depth = {"depth": f"{tried.depth!r} m"}
        above = (1 + tried.precision) * tried.onset
        given = _settings({**request, "settings": {**request["settings"], **depth}}, tried, above)
        return [check for check in limit_checks(EXPERIMENT, EXPERIMENT.read(given)) if check.status == "fail"]

    if not (found := failed(search)):
        return ""
    names = "; ".join(
        f"{check.name.partition(': ')[2]} is {_compared(check)} ({check.detail.replace('; ', ': ')})" for check in found
    )
    text = f"convection would start at {search.onset:.3g} K, beyond what holds for this fluid: {names}"
    for tries in range(1, DEEPER_TRIES):
        deeper = replace(search, depth=upwards(search.depth * DEEPER**tries))
        if not failed(deeper):
            return (
                f"{text}; a layer of {1e3 * deeper.depth:g} mm starts at {deeper.onset:.2g} K and needs "
                f"{_said(deeper.hold)} a step"
            )
    return f"{text}; take another fluid or another mean temperature"


def _compared(check: Check) -> str:
    value, limit = check.value or 0.0, check.limit or 0.0
    return f"{value:.3g}, {'over' if value > limit else 'under'} {limit:.3g} {check.unit}".strip()


def _said(seconds: float) -> str:
    """A duration as people say it."""
    value, unit = duration(seconds)
    return f"{value:.2g} {unit}" if value < MOST_TOLD else f"{value:.0f} {unit}"


def _shown(settings: Mapping[str, str], search: Search, facts: Mapping[str, Fact]) -> list[dict[str, Any]]:
    value, unit = units.parse(settings["depth"])
    rows: list[dict[str, Any]] = [
        {"name": "fluid", "value": search.fluid.name, "unit": ""},
        {"name": "depth", "value": value, "unit": unit},
    ]
    for key in ("step", "waiting_time", "duration"):
        rows.append({"name": key, "value": facts[key].value, "unit": facts[key].unit})
    return rows


def _alternatives(facts: Mapping[str, Fact]) -> list[dict[str, Any]]:
    def quantity(key: str) -> dict[str, Any]:
        return {"value": facts[key].value, "unit": facts[key].unit}

    return [
        {"name": "halving", "steps": facts["halvings"].value, "duration": quantity("halving_duration")},
        {"name": "shallower", "depth": quantity("shallow_depth"), "onset": quantity("shallow_onset"),
         "waiting_time": quantity("shallow_waiting")},
    ]  # fmt: skip


def _curve(solution: Solution, search: Search) -> dict[str, Any]:
    """Return the heat flux over time just above onset, in the unit of the waiting time."""
    output = solution.outputs[EXPERIMENT.curve.name]
    if output.time is None:
        return {}
    unit = duration(search.hold)[1]
    scale = 1.0 if output.time_unit == "s" else search.diffusion_time
    return {
        "time": [units.convert(float(t) * scale, "s", unit) for t in output.time],
        "time_unit": unit,
        "label": "Nusselt number just above onset",
        "values": output.values[0].tolist(),
    }
