"""What is known beforehand of a column's outputs, from the settings of a `Sample`: amounts, areas, closed forms.

Lengths are in metres, times in seconds, amounts in metres of feed per unit of pore cross-section.
"""

from __future__ import annotations

import torch
from torch import Tensor

from physics.equations.advection_dispersion.exact import steady_state, step_response
from physics.equations.advection_dispersion.feed import grown
from physics.equations.advection_dispersion.freundlich import isotherm
from physics.equations.advection_dispersion.settings import duration
from physics.series import Series
from physics.validate.law import Sample

DEFAULTS = {"inlet": "third-type", "outlet": "closed", "reading": "resident", "input": "step", "isotherm": "linear"}


def says(sample: Sample, name: str, word: str) -> bool:
    """Whether the choice `name` is `word`."""
    return sample.settings.get(name, DEFAULTS.get(name)) == word


def places(sample: Sample) -> tuple[float, ...] | None:
    """Return the positions of several sensors, None for one."""
    found = sample.settings.get("position")
    return found if isinstance(found, tuple) else None


def _place(sample: Sample) -> Tensor:
    return sample.number("length" if sample.settings.get("position") is None else "position")


def last_place(sample: Sample) -> Tensor:
    """Return the position of the last sensor, shape () or (batch,)."""
    several = places(sample)
    return torch.tensor(max(several), dtype=torch.float64) if several else _place(sample)


def reference(sample: Sample) -> Tensor:
    """Return the reference length (m): of the column, or where the column goes on of the last sensor."""
    return sample.number("length") if says(sample, "outlet", "closed") else last_place(sample)


def for_batch(sample: Sample, value: Tensor) -> Tensor:
    """Expand a value of shape () or (batch,) to (batch,)."""
    return value.expand(len(sample.values("concentration")))


def capacity(sample: Sample, level: float = 1.0) -> Tensor:
    """Return what a column holds (m) that is full of `level`, shape (batch,)."""
    whole = reference(sample)
    if not says(sample, "isotherm", "freundlich"):
        return for_batch(sample, level * sample.number("retardation", 1.0) * whole)
    names = ("freundlich_exponent", "feed_concentration", "bulk_density", "freundlich_coefficient", "porosity")
    batch = len(sample.values("concentration"))
    kappa = isotherm({name: sample.number(name) for name in names}, batch).kappa
    return whole * (level + kappa * level ** sample.number("freundlich_exponent"))


def highest(sample: Sample) -> float:
    """Return the highest relative concentration of the feed."""
    fed = sample.settings.get("input", "step")
    return max(fed.value) if isinstance(fed, Series) else 1.0


def times_of(sample: Sample) -> Tensor:
    """Return the output times, shape (times,); none where there are none."""
    time = sample.outputs["concentration"].time
    return torch.zeros(0) if time is None else time


def flows_plainly(sample: Sample) -> bool:
    """Whether a curve stays within the feed: a flux close to a held inlet does not."""
    return not (says(sample, "reading", "flux") and says(sample, "inlet", "first-type"))


def amount_fed(sample: Sample) -> Tensor:
    """Return what has been fed (m) with the flow by each time, shape (batch, times)."""
    time, fed = times_of(sample), sample.settings.get("input", "step")
    velocity = for_batch(sample, sample.number("velocity"))[:, None]
    if isinstance(fed, Series):
        return velocity * torch.from_numpy(grown(fed, time.numpy()))
    if fed == "pulse":
        return velocity * torch.minimum(time, for_batch(sample, sample.number("pulse_duration"))[:, None])
    return velocity * (torch.zeros_like(time) if fed == "leach" else time)


def leaving_curve(sample: Sample) -> Tensor | None:
    """Return the curve that flows out, shape (batch, times), if it was read."""
    if says(sample, "outlet", "closed"):
        if bool((last_place(sample) != sample.number("length")).any()):
            return None
    elif not says(sample, "reading", "flux"):
        return None
    values, several = sample.values("concentration"), places(sample)
    return values[..., several.index(max(several))] if several else values


def has_settled(sample: Sample, share: Tensor) -> Tensor:
    """Return whether the curve at `share` of the reference length has settled by the last time, shape (batch,)."""
    velocity, whole, fed = sample.number("velocity"), reference(sample), sample.settings.get("input", "step")
    spread, slow, unit = torch.zeros(()), torch.zeros(()), sample.number("retardation", 1.0) * whole / velocity
    if "exchange" in sample.settings:
        omega = (sample.number("exchange") * whole / sample.number("length")).clamp(min=1e-9)
        slow = (1.0 - sample.number("mobile_fraction")) / omega
        spread = 2.0 * slow * (1.0 - sample.number("mobile_fraction"))
    end = 6.0 * slow + duration(
        velocity * whole / sample.number("dispersion"), share, says(sample, "outlet", "closed"), spread
    )
    off = torch.tensor(max(0.0, fed.time[-1])) if isinstance(fed, Series) else sample.number("pulse_duration", 0.0)
    time = times_of(sample)
    enough = len(time) >= 5 and float(time.min()) == 0.0 and not says(sample, "isotherm", "freundlich")
    return for_batch(sample, (time.max() >= 0.999 * (end * unit + off)) if enough else torch.tensor(False))


def sensors(sample: Sample) -> list[tuple[Tensor, Tensor]]:
    """Return each sensor's share of the reference length and its curve (batch, times)."""
    values, several, whole = sample.values("concentration"), places(sample), reference(sample)
    if several is None:
        return [(_place(sample) / whole, values)]
    return [(place / whole, values[..., k]) for k, place in enumerate(several)]


def steady_value(sample: Sample, share: Tensor, extra: float = 0.0) -> Tensor:
    """Return the steady state of a unit feed with the rate of decay raised by `extra`, in units of v / (R l)."""
    whole, velocity = reference(sample), sample.number("velocity")
    rate = sample.number("decay", 0.0) * whole / velocity + extra
    if "exchange" in sample.settings:
        omega = sample.number("exchange") * whole / sample.number("length")
        rest = 1.0 - sample.number("mobile_fraction")
        rate = rate * (1.0 - rest + rest * omega / (rest * rate + omega).clamp(min=1e-300))
    kind = {"first_type": says(sample, "inlet", "first-type"), "closed": says(sample, "outlet", "closed")}
    peclet = velocity * whole / sample.number("dispersion")
    return steady_state(peclet, rate, place=share, flux=says(sample, "reading", "flux"), **kind)


def last_feed(sample: Sample) -> float:
    """Return the relative concentration that is fed in the end."""
    fed = sample.settings.get("input", "step")
    return fed.value[-1] if isinstance(fed, Series) else 1.0 if fed == "step" else 0.0


def known_area(sample: Sample, share: Tensor) -> Tensor | None:
    """Return the integral of a settled curve over the times (s), shape (batch,); None where it is unknown."""
    whole, velocity = reference(sample), sample.number("velocity")
    unit, small = sample.number("retardation", 1.0) * whole / velocity, 1e-4
    steady = steady_value(sample, share)
    if says(sample, "isotherm", "freundlich"):
        return None
    ahead, twice = steady_value(sample, share, small), steady_value(sample, share, 2.0 * small)
    lag = (3.0 * steady - 4.0 * ahead + twice) / (2.0 * small) * unit
    if says(sample, "input", "leach"):
        rate = sample.number("decay", 0.0) / sample.number("retardation", 1.0)
        left = (1.0 - steady) / rate.clamp(min=1e-300)
        return for_batch(sample, torch.where(rate * unit > 1e-6, left, lag))
    fed, end = sample.settings.get("input", "step"), times_of(sample).max()
    if isinstance(fed, Series):
        total = torch.from_numpy(grown(fed, end.reshape(1).numpy()))[0]
    else:
        total = torch.minimum(end, sample.number("pulse_duration")) if fed == "pulse" else end
    return for_batch(sample, steady * total - last_feed(sample) * lag)


def closed_form(sample: Sample, share: Tensor, time: Tensor) -> Tensor:
    """Return the closed form of a step, or of leaching, at the times (times,) or (batch, times)."""
    velocity, whole = sample.number("velocity").reshape(-1, 1), reference(sample).reshape(-1, 1)
    unit, leach = sample.number("retardation", 1.0).reshape(-1, 1) * whole / velocity, says(sample, "input", "leach")
    rate = sample.number("decay", 0.0).reshape(-1, 1) * whole / velocity
    values = step_response(
        velocity * whole / sample.number("dispersion").reshape(-1, 1),
        time / unit,
        place=share.reshape(-1, 1),
        damkohler=torch.zeros_like(rate) if leach else rate,
        first_type=says(sample, "inlet", "first-type"),
        closed=says(sample, "outlet", "closed"),
        flux=says(sample, "reading", "flux"),
    )
    return torch.exp(-rate * time / unit) * (1.0 - values) if leach else values
