"""What every output of a column must keep, from a solver and from a surrogate alike.

    inflow(t) + initial = outflow(t) + storage(t) + decayed(t)          at every time
    inflow(t) = v int f dt          where the feed enters with the flow (f = 1, until a pulse ends, as measured)
    d outflow/dt = v c              where c is read at the closed outlet, or as a flux where the column goes on
    d decayed/dt = (mu / R) storage where sorption is linear
    int_0^T c dt = S int_0^T f dt + f(T) dS/dp          where c has settled by T
    0 <= c <= max f,  0 <= storage <= what a column full of that holds

S(p) is the steady state at the sensor with the rate p of decay (per unit of what a region holds), -dS/dp the area
between a step's curve and its steady state: R l / v at a closed outlet without decay. A column that is leached
leaves (1 - S) / p, or that same area. With a Freundlich isotherm the area is known at the closed outlet alone.

A linear column whose water all flows has a closed form besides, for every feed in steps.

c rises after a step, falls while clean water leaches and has one peak after a pulse; what has flowed never flows
back; a step settles at its steady state. A held inlet (first-type) lets a flux exceed the feed close to it, and
water at rest can split a pulse in two: there the law says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from physics.equations.advection_dispersion_exact import steady_state, step_response
from physics.equations.feed import grown
from physics.equations.freundlich import isotherm
from physics.equations.transport_settings import duration
from physics.series import Series
from physics.validate.bounds import outside
from physics.validate.conservation import ROUND_OFF, accumulates, closure
from physics.validate.law import Kind, Law, Sample, worst
from physics.validate.monotonicity import monotone, second_rise

SETTLED = 1e-2  # what may still be missing where a curve counts as settled
JUDGED = 64  # times at which the closed form is computed, at most
ROOM = 4.0  # for the rule of integration where a feed or a storage has a corner
CURVES = ("inflow", "outflow", "storage", "decayed")


def _is(sample: Sample, name: str, word: str) -> bool:
    return sample.settings.get(name) == word


def _places(sample: Sample) -> tuple[float, ...] | None:
    """Return the positions of several sensors, None for one."""
    found = sample.settings["position"]
    return found if isinstance(found, tuple) else None


def _last(sample: Sample) -> Tensor:
    """Return the position of the last sensor, shape () or (batch,)."""
    several = _places(sample)
    return torch.tensor(max(several), dtype=torch.float64) if several else sample.number("position")


def _reference(sample: Sample) -> Tensor:
    return sample.number("length") if _is(sample, "outlet", "closed") else _last(sample)


def _batch(sample: Sample, value: Tensor) -> Tensor:
    return value.expand(len(sample.values("concentration")))


def _capacity(sample: Sample, level: float = 1.0) -> Tensor:
    """Return what a column holds (m) that is full of `level`, shape (batch,)."""
    whole = _reference(sample)
    if not _is(sample, "isotherm", "freundlich"):
        return _batch(sample, level * sample.number("retardation", 1.0) * whole)
    names = ("freundlich_exponent", "feed_concentration", "bulk_density", "freundlich_coefficient", "porosity")
    batch = len(sample.values("concentration"))
    kappa = isotherm({name: sample.number(name) for name in names}, batch).kappa
    return whole * (level + kappa * level ** sample.number("freundlich_exponent"))


def _highest(sample: Sample) -> float:
    fed = sample.settings["input"]
    return max(fed.value) if isinstance(fed, Series) else 1.0


def _time(sample: Sample) -> Tensor:
    time = sample.outputs["concentration"].time
    return torch.zeros(0) if time is None else time


def _flows_plainly(sample: Sample) -> bool:
    """Whether a curve stays within the feed: a flux close to a held inlet does not."""
    return not (_is(sample, "reading", "flux") and _is(sample, "inlet", "first-type"))


def _fed(sample: Sample) -> Tensor:
    """Return what has been fed (m) with the flow by each time, shape (batch, times)."""
    time, fed = _time(sample), sample.settings["input"]
    velocity = _batch(sample, sample.number("velocity"))[:, None]
    if isinstance(fed, Series):
        return velocity * torch.from_numpy(grown(fed, time.numpy()))
    if fed == "pulse":
        return velocity * torch.minimum(time, _batch(sample, sample.number("pulse_duration"))[:, None])
    return velocity * (torch.zeros_like(time) if fed == "leach" else time)


def _at_outlet(sample: Sample) -> Tensor | None:
    """Return the curve that flows out, shape (batch, times), if it was read."""
    if _is(sample, "outlet", "closed"):
        if bool((_last(sample) != sample.number("length")).any()):
            return None
    elif not _is(sample, "reading", "flux"):
        return None
    values, several = sample.values("concentration"), _places(sample)
    return values[..., several.index(max(several))] if several else values


def _settled(sample: Sample, share: Tensor) -> Tensor:
    """Return whether the curve at `share` of the reference length has settled by the last time, shape (batch,)."""
    velocity, whole, fed = sample.number("velocity"), _reference(sample), sample.settings["input"]
    spread, slow, unit = torch.zeros(()), torch.zeros(()), sample.number("retardation", 1.0) * whole / velocity
    if "exchange" in sample.settings:
        omega = (sample.number("exchange") * whole / sample.number("length")).clamp(min=1e-9)
        slow = (1.0 - sample.number("mobile_fraction")) / omega
        spread = 2.0 * slow * (1.0 - sample.number("mobile_fraction"))
    end = 6.0 * slow + duration(
        velocity * whole / sample.number("dispersion"), share, _is(sample, "outlet", "closed"), spread
    )
    off = torch.tensor(max(0.0, fed.time[-1])) if isinstance(fed, Series) else sample.number("pulse_duration", 0.0)
    time = _time(sample)
    enough = len(time) >= 5 and float(time.min()) == 0.0 and not _is(sample, "isotherm", "freundlich")
    return _batch(sample, (time.max() >= 0.999 * (end * unit + off)) if enough else torch.tensor(False))


def _conserved(sample: Sample) -> Tensor:
    initial = _capacity(sample)[:, None] if _is(sample, "input", "leach") else torch.zeros(1, 1)
    inflow, *losses = (sample.values(name) for name in CURVES)
    return closure([inflow, initial.expand_as(inflow)], losses)


def _inflow(sample: Sample) -> Tensor | None:
    if not _third(sample):
        return None
    fed = _fed(sample)
    scale = torch.maximum(worst(fed), 1e-6 * _capacity(sample))
    return worst((sample.values("inflow") - fed).abs()) / scale


def _sensors(sample: Sample) -> list[tuple[Tensor, Tensor]]:
    """Return each sensor's share of the reference length and its curve (batch, times)."""
    values, several, whole = sample.values("concentration"), _places(sample), _reference(sample)
    if several is None:
        return [(sample.number("position") / whole, values)]
    return [(place / whole, values[..., k]) for k, place in enumerate(several)]


def _steady(sample: Sample, share: Tensor, extra: float = 0.0) -> Tensor:
    """Return the steady state of a unit feed with the rate of decay raised by `extra`, in units of v / (R l)."""
    whole, velocity = _reference(sample), sample.number("velocity")
    rate = sample.number("decay", 0.0) * whole / velocity + extra
    if "exchange" in sample.settings:
        omega = sample.number("exchange") * whole / sample.number("length")
        rest = 1.0 - sample.number("mobile_fraction")
        rate = rate * (1.0 - rest + rest * omega / (rest * rate + omega).clamp(min=1e-300))
    kind = {"first_type": _is(sample, "inlet", "first-type"), "closed": _is(sample, "outlet", "closed")}
    peclet = velocity * whole / sample.number("dispersion")
    return steady_state(peclet, rate, place=share, flux=_is(sample, "reading", "flux"), **kind)


def _plateau(sample: Sample) -> Tensor | None:
    """How far settled curves are from their steady state, the worst sensor of each member."""
    if _is(sample, "isotherm", "freundlich") or _is(sample, "input", "leach"):
        return None
    gaps = []
    for share, curve in _sensors(sample):
        gap = (curve[:, -1] - _last_feed(sample) * _steady(sample, share)).abs()
        gaps.append(torch.where(_settled(sample, share), gap, 0.0))
    return torch.stack(gaps).amax(0)


def _last_feed(sample: Sample) -> float:
    fed = sample.settings["input"]
    return fed.value[-1] if isinstance(fed, Series) else 1.0 if fed == "step" else 0.0


def _area(sample: Sample) -> Tensor | None:
    """How far the areas of settled curves are from those that are known, over the latter."""
    time = _time(sample)
    if len(time) < 5:
        return None
    gaps = []
    for share, curve in _sensors(sample):
        known, settled = _known_area(sample, share), _settled(sample, share)
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


def _known_area(sample: Sample, share: Tensor) -> Tensor | None:
    whole, velocity = _reference(sample), sample.number("velocity")
    unit, small = sample.number("retardation", 1.0) * whole / velocity, 1e-4
    steady = _steady(sample, share)
    if _is(sample, "isotherm", "freundlich"):
        return None
    ahead, twice = _steady(sample, share, small), _steady(sample, share, 2.0 * small)
    lag = (3.0 * steady - 4.0 * ahead + twice) / (2.0 * small) * unit
    if _is(sample, "input", "leach"):
        rate = sample.number("decay", 0.0) / sample.number("retardation", 1.0)
        left = (1.0 - steady) / rate.clamp(min=1e-300)
        return _batch(sample, torch.where(rate * unit > 1e-6, left, lag))
    fed, end = sample.settings["input"], _time(sample).max()
    if isinstance(fed, Series):
        total = torch.from_numpy(grown(fed, end.reshape(1).numpy()))[0]
    else:
        total = torch.minimum(end, sample.number("pulse_duration")) if fed == "pulse" else end
    return _batch(sample, steady * total - _last_feed(sample) * lag)


def _exact(sample: Sample) -> Tensor | None:
    """How far curves are from the closed form, the worst sensor of each member."""
    fed = sample.settings["input"]
    if isinstance(fed, Series) or _is(sample, "isotherm", "freundlich") or "exchange" in sample.settings:
        return None
    stride = -(-len(_time(sample)) // JUDGED)
    time, gaps = _time(sample)[::stride], []
    for share, curve in _sensors(sample):
        values = _answer(sample, share, time)
        if fed == "pulse":
            values = values - _answer(sample, share, time - sample.number("pulse_duration").reshape(-1, 1))
        gaps.append((curve[:, ::stride] - values).abs())
    return worst(torch.stack(gaps, 1))


def _answer(sample: Sample, share: Tensor, time: Tensor) -> Tensor:
    """Return the closed form of a step, or of leaching, at the times (times,) or (batch, times)."""
    velocity, whole = sample.number("velocity").reshape(-1, 1), _reference(sample).reshape(-1, 1)
    unit, leach = sample.number("retardation", 1.0).reshape(-1, 1) * whole / velocity, _is(sample, "input", "leach")
    rate = sample.number("decay", 0.0).reshape(-1, 1) * whole / velocity
    values = step_response(
        velocity * whole / sample.number("dispersion").reshape(-1, 1),
        time / unit,
        place=share.reshape(-1, 1),
        damkohler=torch.zeros_like(rate) if leach else rate,
        first_type=_is(sample, "inlet", "first-type"),
        closed=_is(sample, "outlet", "closed"),
        flux=_is(sample, "reading", "flux"),
    )
    return torch.exp(-rate * time / unit) * (1.0 - values) if leach else values


def _one_peak(sample: Sample) -> Tensor | None:
    if not _is(sample, "input", "pulse") or "exchange" in sample.settings or not _flows_plainly(sample):
        return None
    values = sample.values("concentration")
    if _places(sample) is None:
        return second_rise(values)
    return second_rise(values.transpose(1, 2).flatten(0, 1)).unflatten(0, (len(values), -1)).amax(1)


def _within(sample: Sample) -> Tensor | None:
    return outside(sample.values("concentration"), 0.0, _highest(sample)) if _flows_plainly(sample) else None


def _stored(sample: Sample) -> Tensor:
    full = _capacity(sample, _highest(sample))
    return outside(sample.values("storage"), 0.0, full) / full


def _integral(total: str, rate: Callable[[Sample], Tensor | None], needs: tuple[str, ...], name: str) -> Law:
    """The law that `total` accumulates, where it has a rate."""

    def known(sample: Sample) -> Tensor:
        found = rate(sample)
        return sample.values(total) if found is None else found

    law = accumulates(total, known, needs, room=ROOM, name=name)
    return replace(law, departure=lambda sample: None if rate(sample) is None else law.departure(sample))


def _leaving(sample: Sample) -> Tensor | None:
    curve = _at_outlet(sample)
    return None if curve is None else _batch(sample, sample.number("velocity"))[:, None] * curve


def _decaying(sample: Sample) -> Tensor | None:
    decay = sample.number("decay", 0.0)
    if _is(sample, "isotherm", "freundlich") or bool((decay == 0).all()):
        return None
    return _batch(sample, decay / sample.number("retardation", 1.0))[:, None] * sample.values("storage")


def _claimed(sample: Sample) -> float:
    return max(ROUND_OFF, 2.0 * sample.tolerance)


def _third(sample: Sample) -> bool:
    return _is(sample, "inlet", "third-type")


def _rises(sample: Sample) -> bool:
    return _is(sample, "input", "step") and _flows_plainly(sample)


def _falls(sample: Sample) -> bool:
    return _is(sample, "input", "leach") and _flows_plainly(sample)


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
    Law("area of the curve", Kind.CONSERVATION, "", "area of a settled curve less what it must be, over the latter",
        _area, lambda sample: SETTLED + 2.0 * sample.tolerance, _CURVE),
    Law("storage within the column", Kind.POSITIVITY, "", "how far storage lies outside what the column holds, over it",
        _stored, _claimed, ("storage", "concentration")),
    Law("closed form", Kind.CONSTRAINT, "", "how far the curve is from the closed form", _exact, _claimed, _CURVE),
    Law("steady state", Kind.CONSTRAINT, "", "how far a settled curve is from its steady state",
        _plateau, lambda sample: SETTLED + 2.0 * sample.tolerance, _CURVE),
    *(monotone(name, name=f"{name} never flows back", unit="m", where=_third,
               slack=lambda sample: _claimed(sample) * _capacity(sample)) for name in ("inflow", "outflow")),
)  # fmt: skip
