"""What every output of a column must keep, from a solver and from a surrogate alike.

    inflow(t) + initial = outflow(t) + storage(t) + decayed(t)          at every time
    inflow(t) = v int f dt          where the feed enters with the flow (f = 1, until a pulse ends, as measured)
    d outflow/dt = v c              where c is read at the closed outlet, or as a flux where the column goes on
    d decayed/dt = (mu / R) storage where sorption is linear
    int_0^T c dt = S int_0^T f dt + f(T) dS/dp          where c has settled by T
    0 <= c <= max f,  0 <= storage <= what a column full of that holds

S(p) is the steady state at the sensor with the rate p of decay (per unit of what a region holds), -dS/dp the area
between a step's curve and its steady state: R l / v at a closed outlet without decay. A column that is leached
leaves (1 - S) / p, or that same area. Neither is known with a Freundlich isotherm.

A linear column whose water all flows has a closed form besides, for every feed in steps.

c rises after a step, falls while clean water leaches and has one peak after a pulse; what has flowed never flows
back; a step settles at its steady state. A held inlet (first-type) lets a flux exceed the feed close to it, and
water at rest can split a pulse in two: there the law says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from physics.equations.advection_dispersion.expected import (
    amount_fed,
    capacity,
    closed_form,
    flows_plainly,
    for_batch,
    has_settled,
    highest,
    known_area,
    last_feed,
    leaving_curve,
    places,
    says,
    sensors,
    steady_value,
    times_of,
)
from physics.series import Series
from physics.validate.bounds import outside
from physics.validate.conservation import ROUND_OFF, accumulates, closure
from physics.validate.law import Kind, Law, Sample, worst
from physics.validate.monotonicity import monotone, second_rise

SETTLED = 1e-2  # what may still be missing where a curve counts as settled
JUDGED = 64  # times at which the closed form is computed, at most
DOUBT = 3.0  # times what a slope is known to
ROOM = 4.0  # for the rule of integration where a feed or a storage has a corner
CURVES = ("inflow", "outflow", "storage", "decayed")


def _conserved(sample: Sample) -> Tensor:
    initial = capacity(sample)[:, None] if says(sample, "input", "leach") else torch.zeros(1, 1)
    inflow, *losses = (sample.values(name) for name in CURVES)
    return closure([inflow, initial.expand_as(inflow)], losses)


def _inflow(sample: Sample) -> Tensor | None:
    if not _third(sample):
        return None
    fed = amount_fed(sample)
    scale = torch.maximum(worst(fed), 1e-6 * capacity(sample))
    return worst((sample.values("inflow") - fed).abs()) / scale


def _plateau(sample: Sample) -> Tensor | None:
    """How far settled curves are from their steady state, the worst sensor of each member."""
    if says(sample, "isotherm", "freundlich") or says(sample, "input", "leach"):
        return None
    gaps = []
    for share, curve in sensors(sample):
        gap = (curve[:, -1] - last_feed(sample) * steady_value(sample, share)).abs()
        gaps.append(torch.where(has_settled(sample, share), gap, 0.0))
    return torch.stack(gaps).amax(0)


def _area(sample: Sample) -> Tensor | None:
    """How far the areas of settled curves are from those that are known, over the latter."""
    time = times_of(sample)
    if len(time) < 5:
        return None
    gaps = []
    for share, curve in sensors(sample):
        known, settled = known_area(sample, share), has_settled(sample, share)
        if known is None:
            return None
        step = time.diff()
        area = ((curve[:, 1:] + curve[:, :-1]) / 2 * step).sum(1)
        sparse = torch.cat([time[::2], time[-1:]]) if len(time) % 2 == 0 else time[::2]
        kept = torch.cat([curve[:, ::2], curve[:, -1:]], 1) if len(time) % 2 == 0 else curve[:, ::2]
        rule = (torch.trapezoid(kept, sparse, dim=1) - area).abs()
        gap = ((area - known).abs() - rule).clamp(min=0.0) / known.abs().clamp(min=1e-300)
        gaps.append(torch.where(settled, gap, 0.0))
    return torch.stack(gaps).amax(0)


def _exact(sample: Sample) -> Tensor | None:
    """How far curves are from the closed form, the worst sensor of each member."""
    fed = sample.settings.get("input", "step")
    if isinstance(fed, Series) or says(sample, "isotherm", "freundlich") or "exchange" in sample.settings:
        return None
    stride = -(-len(times_of(sample)) // JUDGED)
    time, gaps = times_of(sample)[::stride], []
    for share, curve in sensors(sample):
        values = closed_form(sample, share, time)
        if fed == "pulse":
            values = values - closed_form(sample, share, time - sample.number("pulse_duration").reshape(-1, 1))
        gaps.append((curve[:, ::stride] - values).abs())
    return worst(torch.stack(gaps, 1))


def _one_peak(sample: Sample) -> Tensor | None:
    if not says(sample, "input", "pulse") or "exchange" in sample.settings or not flows_plainly(sample):
        return None
    values = sample.values("concentration")
    if places(sample) is None:
        return second_rise(values)
    return second_rise(values.transpose(1, 2).flatten(0, 1)).unflatten(0, (len(values), -1)).amax(1)


def _within(sample: Sample) -> Tensor | None:
    return outside(sample.values("concentration"), 0.0, highest(sample)) if flows_plainly(sample) else None


def _stored(sample: Sample) -> Tensor:
    full = capacity(sample, highest(sample))
    return outside(sample.values("storage"), 0.0, full) / full


def slope_gap(total: Tensor, rate: Tensor, time: Tensor, noise: float) -> Tensor:
    """Return how far a rate is from the slope of its total, in what the slope is known to; the worst time (batch,).

    The slope is that of a cubic spline through the total, shape (batch, times); it is known to what a spline through
    every other time differs by there and next to it, and to `noise`, a share of the largest rate.
    """
    known = total.numpy()
    fine = torch.from_numpy(CubicSpline(time.numpy(), known, axis=1)(time.numpy(), 1))
    coarse = torch.from_numpy(CubicSpline(time.numpy()[::2], known[:, ::2], axis=1)(time.numpy(), 1))
    doubt = torch.nn.functional.max_pool1d((fine - coarse).abs()[:, None], 5, 1, 2)[:, 0]
    least = noise * torch.maximum(rate.abs().amax(1, keepdim=True), fine.abs().amax(1, keepdim=True))
    return worst((rate - fine).abs() / (doubt + least).clamp(min=1e-300))


def _slope(total: str, rate: Callable[[Sample], Tensor | None], needs: tuple[str, ...], name: str) -> Law:
    """The law that `total` rises by its rate at every time, where it has one."""

    def departure(sample: Sample) -> Tensor | None:
        found, time = rate(sample), times_of(sample)
        if found is None or len(time) < 16 or not bool(torch.isfinite(sample.values(total)).all()):
            return None
        return slope_gap(sample.values(total), found, time, 10.0 * max(sample.tolerance, 1e-6))

    return Law(name, Kind.CONSERVATION, "", f"slope of {total} less its rate, over what the slope is known to",
               departure, lambda sample: DOUBT, (total, *needs))  # fmt: skip


def _integral(total: str, rate: Callable[[Sample], Tensor | None], needs: tuple[str, ...], name: str) -> Law:
    """The law that `total` accumulates, where it has a rate."""

    def known(sample: Sample) -> Tensor:
        found = rate(sample)
        return sample.values(total) if found is None else found

    law = accumulates(total, known, needs, room=ROOM, name=name)
    return replace(law, departure=lambda sample: None if rate(sample) is None else law.departure(sample))


def _leaving(sample: Sample) -> Tensor | None:
    curve = leaving_curve(sample)
    return None if curve is None else for_batch(sample, sample.number("velocity"))[:, None] * curve


def _decaying(sample: Sample) -> Tensor | None:
    decay = sample.number("decay", 0.0)
    if says(sample, "isotherm", "freundlich") or bool((decay == 0).all()):
        return None
    return for_batch(sample, decay / sample.number("retardation", 1.0))[:, None] * sample.values("storage")


def _claimed(sample: Sample) -> float:
    return max(ROUND_OFF, 2.0 * sample.tolerance)


def _third(sample: Sample) -> bool:
    return says(sample, "inlet", "third-type")


def _rises(sample: Sample) -> bool:
    return says(sample, "input", "step") and flows_plainly(sample)


def _falls(sample: Sample) -> bool:
    return says(sample, "input", "leach") and flows_plainly(sample)


_CURVE = ("concentration",)
LAWS = (
    Law("concentration within the feed", Kind.POSITIVITY, "", "how far a concentration lies outside zero and the feed",
        _within, _claimed, _CURVE),
    monotone("concentration", name="concentration only rises", where=_rises),
    monotone("concentration", rising=False, name="concentration only falls", where=_falls),
    Law("one peak after a pulse", Kind.MONOTONICITY, "", "how far a pulse falls before its peak or rises after it",
        _one_peak, _claimed, _CURVE),
    Law("tracer is conserved", Kind.CONSERVATION, "", "in + initial - out - stored - decayed, over the amount applied",
        _conserved, _claimed, (*CURVES, "concentration")),
    Law("inflow is the feed", Kind.CONSERVATION, "", "inflow less velocity times the feed, over the latter",
        _inflow, _claimed, ("inflow", "concentration")),
    _integral("outflow", _leaving, _CURVE, "outflow is what the sensor read"),
    _integral("decayed", _decaying, ("storage", "concentration"), "decay follows what is stored"),
    _slope("outflow", _leaving, _CURVE, "outflow rises by what the sensor reads"),
    _slope("decayed", _decaying, ("storage", "concentration"), "decay rises by what is stored"),
    Law("area of the curve", Kind.CONSERVATION, "", "area of a settled curve less what it must be, over the latter",
        _area, lambda sample: SETTLED + 2.0 * sample.tolerance, _CURVE),
    Law("storage within the column", Kind.POSITIVITY, "", "how far storage lies outside what the column holds, over it",
        _stored, _claimed, ("storage", "concentration")),
    Law("closed form", Kind.CONSTRAINT, "", "how far the curve is from the closed form", _exact, _claimed, _CURVE),
    Law("steady state", Kind.CONSTRAINT, "", "how far a settled curve is from its steady state",
        _plateau, lambda sample: SETTLED + 2.0 * sample.tolerance, _CURVE),
    *(monotone(name, name=f"{name} never flows back", unit="m", where=_third,
               slack=lambda sample: _claimed(sample) * capacity(sample)) for name in ("inflow", "outflow")),
)  # fmt: skip
