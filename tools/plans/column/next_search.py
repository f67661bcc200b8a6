"""The search for the run that follows measured ones: candidates, what each adds, and how often to make it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from scipy.stats import norm
from scipy.stats import t as student
from torch import Tensor

from physics.design.candidate import Candidate, Unknown
from physics.design.curves import evaluate
from physics.design.information import Noise, fisher
from physics.design.propose import Proposal, Run, propose
from physics.design.tracer import TIME_POWERS, tracer_models
from physics.errors import ParameterError
from physics.experiments.column import scheme_of
from tools.plans.column.facts import LEVEL
from tools.plans.column.next_run import Bench
from tools.plans.column.runs import AFTERWARDS, rounded
from tools.plans.numbers import number

PULSES = (0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 1.0)  # pore volumes
ROUNDS = 3


def _candidates(bench: Bench) -> list[Candidate]:
    """Return steps and pulses at the velocity of the data, each as long as its front needs."""
    retardation = float(bench.base.get("retardation", 1.0))
    pore_volume = retardation * bench.position / bench.median["velocity"]
    known: dict[str, float] = {
        "length": float(bench.base["length"]),
        "position": bench.position,
        "decay": float(bench.base.get("decay", 0.0)),
        "retardation": retardation,
        **{name: float(bench.base[name]) for name in ("mobile_fraction", "exchange") if name in bench.base},
    }
    unknown = {
        name: Unknown(bench.median[name], math.sqrt(float(bench.covariance[j, j])))
        for j, name in enumerate(bench.names)
    }
    found: dict[tuple[float, float], Candidate] = {}
    for pulse in (math.inf, *PULSES):
        fed = pulse * pore_volume
        step = math.isinf(pulse)
        for volumes in AFTERWARDS:
            duration = min((volumes + (0.0 if step else pulse)) * pore_volume, bench.limits.duration)
            if duration <= 0.5 * pore_volume:
                continue
            candidate = Candidate(
                settings={"input": "step" if step else "pulse"},
                known=known if step else {**known, "pulse_duration": fed},
                unknown=unknown,
                duration=duration,
                own_time=pore_volume,
                input_duration=fed,
                material_rate=1.0,  # per second of feeding: the flow is not known
                model="step" if step else "pulse",
            )
            found[candidate.input_duration, duration] = rounded(candidate)
    if not found:
        raise ParameterError(
            f"a run of {bench.limits.duration / 3600:.3g} h ends before the front reaches the sensor, which takes "
            f"{pore_volume / 3600:.3g} h at the velocity of the data; allow more time"
        )
    return list(found.values())


def best_runs(bench: Bench, models: Mapping[str, Any]) -> Proposal:
    """Return the shortest run that brings the target to its precision together with the data, else the most precise.

    What the run alone must reach follows from what the data have, first as if the parameters were independent; the
    joint covariance of the run that is found then says by how much to ask for more.
    """
    place = bench.names.index(bench.target)
    z = float(norm.ppf(0.5 + LEVEL / 2))
    quantile = float(student.ppf(0.5 + LEVEL / 2, bench.freedom + bench.limits.samples))
    lacking = (quantile / bench.wanted) ** 2 - 1 / float(bench.covariance[place, place])
    alone = z / math.sqrt(lacking) if lacking > 0 else 10.0 * bench.wanted
    candidates = _candidates(bench)
    for _ in range(ROUNDS):
        proposal = propose(
            models,
            candidates,
            bench.limits,
            {bench.target: alone},
            Noise(absolute=bench.noise),
            time_powers=TIME_POWERS,
            level=LEVEL,
            robust="mean",
        )
        reached = after(bench, proposal.recommended)[bench.target]
        if not proposal.met or reached <= bench.wanted:
            break
        alone *= 0.98 * bench.wanted / reached
    return replace(proposal, met=reached <= bench.wanted)


def _information(bench: Bench, candidate: Candidate, times: Tensor) -> Tensor:
    """Return the Fisher information of readings at `times` (s) at the medians, shape (P, P)."""
    certain = {name: Unknown(value, 0.0) for name, value in bench.median.items()}
    models = tracer_models(scheme_of({**bench.base, "input": "step"}))
    curves = evaluate(models, [replace(candidate, unknown=certain)], TIME_POWERS, times / candidate.own_time)
    return fisher(curves.slope[0, 0], Noise(absolute=bench.noise).deviation(curves.curve[0, 0]))


def after(bench: Bench, run: Run, times: int = 1) -> dict[str, float]:
    """Return the half-widths that data and run, made `times` times, give together."""
    information = torch.linalg.inv(bench.covariance) + times * _information(bench, run.candidate, run.times)
    return bench.half_width(torch.linalg.inv(information), times * run.samples)


def repeat(bench: Bench, proposal: Proposal) -> tuple[Proposal, int]:
    """Return how often to make a run: more than once only where one does not reach the precision that was asked."""
    if proposal.met or not bench.asked:
        return proposal, 1
    best = proposal.most_precise
    known, added = torch.linalg.inv(bench.covariance), _information(bench, best.candidate, best.times)
    for times in range(2, bench.most_runs + 1):
        covariance = torch.linalg.inv(known + times * added)
        if bench.half_width(covariance, times * best.samples)[bench.target] <= bench.wanted:
            return replace(proposal, recommended=best, met=True), times
    return proposal, 1


def repeated(bench: Bench, past: Mapping[str, Any]) -> dict[str, float]:
    """Return the half-widths after the past run has been made again as it was; empty where its input was another."""
    kind = past["settings"]["input"]
    times = [time for time in past["times"] if time > 0]
    place = place_of(past)
    usable = kind in ("step", "pulse") and bool(times) and math.isclose(bench.position, place)
    if not usable or times[-1] > bench.limits.duration or len(times) > bench.limits.samples or bench.factor != 1:
        return {}
    candidate = next(item for item in _candidates(bench) if item.model == "step")
    if kind == "pulse":
        fed = number(past["settings"], "pulse_duration", "s")
        candidate = replace(
            candidate, model="pulse", input_duration=fed, known={**candidate.known, "pulse_duration": fed}
        )
    again = _information(bench, candidate, torch.tensor(times, dtype=torch.float64))
    covariance = torch.linalg.inv(torch.linalg.inv(bench.covariance) + again)
    return bench.half_width(covariance, len(times))


def place_of(past: Mapping[str, Any]) -> float:
    """Return where the sensor stood in the past run, m."""
    return number(past["settings"], "position" if "position" in past["settings"] else "length", "m")
