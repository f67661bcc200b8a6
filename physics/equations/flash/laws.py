"""What every flash must keep, read from its settings and outputs alone.

    in(t) = stored(t) + lost_front(t) + lost_rear(t)                     energy
    d lost_rear / dt = heat Bi_r (alpha / L^2) theta_rear                third-kind condition at the rear
    theta(t) = sum_n X_n(0) X_n(x) / |X_n|^2 int g(s) exp(-mu_n^2 (t - s)) ds     three slowest modes, then a bound
    lost_front - lost_rear -> heat Bi / (2 + Bi)                         equal Biot numbers, once odd modes have gone

The last follows from the integral over time of the odd part, whose steady state is a straight line. Notation as in
`physics.equations.flash.disc`; the modes are those of `physics.equations.flash.heat_exact`, not the solver's. Shares
are over the adiabatic rise or the heat absorbed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from physics.equations.flash.disc import NUMBERS, Disc, disc_of
from physics.equations.flash.heat_exact import series
from physics.equations.flash.heat_pulse import delivered, respond
from physics.validate.bounds import bounded
from physics.validate.conservation import accumulates, closes
from physics.validate.law import Kind, Law, Sample, worst
from physics.validate.monotonicity import fall, monotone, single_peak

ROUND_OFF = 1e-9
_SLACK = 1e-6  # of the adiabatic rise, on top of what the outputs claim
_LATE = 0.05  # after the pulse, over L^2 / alpha: the fourth mode then bounds the sum of those above it
_EARLY = 0.06  # over L^2 / alpha: the rear changes the front by 2e-7 at most
_FINE = 10  # readings up to the half-rise time, with fewer of which its foot is not a cubic
_NEAR = 0.4  # of the difference of a straight line and a cubic: what the cubic may be wrong by


def _disc(sample: Sample) -> Disc:
    numbers = {name: sample.number(name).to(torch.float64) for name in NUMBERS if sample.settings.get(name) is not None}
    return disc_of(numbers, sample.settings.get("pulse", "instant"))


def _scale(sample: Sample) -> Tensor:
    disc = _disc(sample)
    return disc.amplitude * disc.rise


def _slack(sample: Sample) -> Tensor:
    """In the unit of the rear temperature, shape (batch,)."""
    return 2.0 * sample.tolerance + _SLACK * _scale(sample)


def _heat_slack(name: str) -> Callable[[Sample], Tensor]:
    """Slack of an energy, with twice the error that it claims, shape (batch,)."""

    def slack(sample: Sample) -> Tensor:
        return _SLACK * _disc(sample).heat + 2.0 * _claimed(sample, name)

    return slack


def _claimed(sample: Sample, name: str) -> Tensor | float:
    error = sample.outputs[name].error
    return 0.0 if error is None else worst(error.detach())


def _time(sample: Sample, name: str) -> Tensor:
    time = sample.outputs[name].time
    return torch.zeros(1, dtype=torch.float64) if time is None else time


def _pulse_energy(sample: Sample) -> Tensor:
    """Compare what has come in with the pulse that was set."""
    disc = _disc(sample)
    expected = delivered(disc.pulse, disc.rate[:, None] * _time(sample, "energy_in"))
    return worst((sample.values("energy_in") / disc.heat[:, None] - expected).abs())


def _rear_flux(sample: Sample) -> Tensor:
    disc = _disc(sample)
    share = sample.values("rear_temperature") / _scale(sample)[:, None]
    return (disc.heat * disc.rear_biot * disc.rate)[:, None] * share


def _slow(disc: Disc, time: Tensor, rear: bool) -> tuple[Tensor, Tensor]:
    """A face by the three slowest modes, and what the others can still hold; times and both (batch, n)."""
    found = series(disc.front_biot, disc.rear_biot, 4)
    amplitude = (found.rear if rear else found.front)[:, :3]
    modes, _ = respond(disc.pulse, found.rate[:, :3], time)
    after = time - disc.pulse.stop[:, None]
    others = torch.where(after >= _LATE, 2.2 * torch.exp(-found.rate[:, 3:] * after), math.inf)
    return torch.einsum("bn,btn->bt", amplitude, modes), others


def _slowest(sample: Sample, output: str) -> Tensor:
    """How far a face is from its slowest modes, beyond what the others can still hold."""
    disc, rear = _disc(sample), output == "rear_temperature"
    slow, others = _slow(disc, disc.rate[:, None] * _time(sample, output), rear)
    scale = _scale(sample) if rear else disc.rise
    return worst((sample.values(output) / scale[:, None] - slow).abs() - others).clamp_min(0.0)


def _half_of_slowest(sample: Sample) -> Tensor:
    """How far the slowest modes at the half-rise time are from half of the maximum, likewise."""
    disc = _disc(sample)
    slow, others = _slow(disc, (disc.rate * sample.values("half_time"))[:, None], True)
    half = 0.5 * sample.values("maximum") / _scale(sample)
    return ((slow[:, 0] - half).abs() - others[:, 0]).clamp_min(0.0)


def _even_split(sample: Sample) -> Tensor | None:
    """How far the losses are from parting as they must, beyond what the odd modes still hold."""
    disc = _disc(sample)
    if not bool((disc.front_biot == disc.rear_biot).all()):
        return None
    after = disc.rate[:, None] * _time(sample, "energy_lost_rear") - disc.pulse.stop[:, None]
    gap = (sample.values("energy_lost_front") - sample.values("energy_lost_rear")) / disc.heat[:, None]
    biot = disc.front_biot[:, None]
    odd = series(disc.front_biot, disc.rear_biot, 2).rate[:, 1:]
    rest = 4.4 * biot / odd * torch.exp(-odd * after)
    departure = (gap - biot / (2.0 + biot)).abs() - rest
    return worst(torch.where(after >= _LATE, departure, 0.0)).clamp_min(0.0)


def _front_above(sample: Sample) -> Tensor | None:
    """How far the front is below the rear; by reflection it never is where both faces lose alike."""
    disc = _disc(sample)
    if not bool((disc.front_biot == disc.rear_biot).all()):
        return None
    front = sample.values("front_temperature") / disc.rise[:, None]
    return worst(sample.values("rear_temperature") / _scale(sample)[:, None] - front).clamp_min(0.0)


def _front_slack(sample: Sample) -> Tensor:
    return _shares(sample) + 2.0 * _claimed(sample, "front_temperature") / _disc(sample).rise


def _front_falls(sample: Sample) -> Tensor:
    """How far the front rises again once the pulse has ended; all its modes then fade with one sign."""
    disc = _disc(sample)
    over = disc.rate[:, None] * _time(sample, "front_temperature") > disc.pulse.stop[:, None]
    share = sample.values("front_temperature") / disc.rise[:, None]
    falling = torch.where(over, -share, -share.amax(-1, keepdim=True))
    return worst(torch.where(over, fall(falling), 0.0))


def _front_half_space(sample: Sample) -> Tensor:
    """How far the front, soon after the pulse, is outside what a half-space would show.

    With loss, all heat at the begin of the pulse, it would be colder; without, all at its end, hotter.
    """
    disc = _disc(sample)
    time = disc.rate[:, None] * _time(sample, "front_temperature")
    after = time - disc.pulse.stop[:, None]
    early = (after > 0) & (time < _EARLY)
    begin, end = (torch.where(early, each, _EARLY).sqrt() for each in (time, after))
    biot = disc.front_biot[:, None]
    least = 1.0 / (math.sqrt(math.pi) * begin) - biot * torch.special.erfcx(biot * begin)
    most = 1.0 / (math.sqrt(math.pi) * end)
    share = sample.values("front_temperature") / disc.rise[:, None]
    return worst(torch.where(early, torch.maximum(least - share, share - most), 0.0)).clamp_min(0.0)


def _over_maximum(sample: Sample) -> Tensor:
    curve, maximum = sample.values("rear_temperature"), sample.values("maximum")
    return (worst(curve) - maximum).clamp_min(0.0)


def _at_half(sample: Sample) -> tuple[Tensor, Tensor]:
    """The curve at the half-rise time by a cubic through four readings, and how far a straight line is from it."""
    time, curve = _time(sample, "rear_temperature"), sample.values("rear_temperature")
    half = sample.values("half_time")
    after = torch.searchsorted(time, half.contiguous()).clamp(2, len(time) - 2)
    nodes = after[:, None] + torch.arange(-2, 2, device=time.device)
    t, y = time[nodes], curve.gather(1, nodes)
    linear = y[:, 1] + (y[:, 2] - y[:, 1]) * (half - t[:, 1]) / (t[:, 2] - t[:, 1])
    cubic = torch.zeros_like(half)
    for i in range(4):
        rest = [j for j in range(4) if j != i]
        weight = torch.stack([(half - t[:, j]) / (t[:, i] - t[:, j]) for j in rest]).prod(0)
        cubic = cubic + weight * y[:, i]
    return cubic, (cubic - linear).abs()


def _half_level(sample: Sample) -> Tensor | None:
    """How far the curve at the half-rise time is from half of the maximum."""
    time, half = _time(sample, "rear_temperature"), sample.values("half_time")
    if len(time) < 4 or bool((time.diff() <= 0).any()):
        return None
    apart = time.diff()[torch.searchsorted(time, half.contiguous()).clamp(1, len(time) - 1) - 1]
    covered = (half >= time[1]) & (half <= time[-2]) & (apart <= half / _FINE)
    return torch.where(covered, (_at_half(sample)[0] - 0.5 * sample.values("maximum")).abs(), 0.0)


def _half_slack(sample: Sample) -> Tensor:
    return _slack(sample) + _NEAR * _at_half(sample)[1]


def _half_bound(sample: Sample) -> Tensor:
    """How much longer than without loss the half-rise takes, over L^2 / alpha; a pulse delays it by its length."""
    disc = _disc(sample)
    share = sample.values("half_time") * disc.rate
    return torch.where(share > 0, (share - disc.pulse.stop - 0.138785297042).clamp_min(0.0), math.inf)


def _law(name: str, kind: Kind, meaning: str, departure: Any, limit: Any, *needs: str) -> Law:
    return Law(name, kind, "", meaning, departure, limit, needs)


def _maximum_share(sample: Sample) -> Tensor:
    """As `_shares`, where no curve need be there."""
    return 2.0 * sample.tolerance / _scale(sample) + _SLACK


def _shares(sample: Sample) -> Tensor:
    return _slack(sample) / _scale(sample)


LAWS = (
    closes("energy", ("energy_in",), ("energy_stored", "energy_lost_front", "energy_lost_rear"), limit=ROUND_OFF),
    _law("pulse energy", Kind.CONSERVATION, "what has come in less what the pulse brings, over the heat absorbed",
         _pulse_energy, lambda _: ROUND_OFF, "energy_in"),
    accumulates("energy_lost_rear", _rear_flux, ("rear_temperature",), name="flux at the rear", room=4.0),
    _law("slowest modes at the rear", Kind.CONSERVATION, "distance from the slowest modes, over the adiabatic rise",
         lambda s: _slowest(s, "rear_temperature"), _shares, "rear_temperature"),
    _law("slowest modes at the front", Kind.CONSERVATION, "distance from the slowest modes, over the adiabatic rise",
         lambda s: _slowest(s, "front_temperature"), _front_slack, "front_temperature", "rear_temperature"),
    _law("losses part evenly", Kind.SYMMETRY, "loss of front less rear from Bi / (2 + Bi), over the heat absorbed",
         _even_split, lambda _: _SLACK, "energy_lost_front", "energy_lost_rear"),
    _law("front above rear", Kind.SYMMETRY, "how far the front is below the rear, over the adiabatic rise",
         _front_above, _front_slack, "front_temperature", "rear_temperature"),
    _law("front falls", Kind.MONOTONICITY, "how far the front rises after the pulse, over the adiabatic rise",
         _front_falls, _front_slack, "front_temperature", "rear_temperature"),
    _law("front as of a half-space", Kind.POSITIVITY, "distance from what a half-space allows, over the adiabatic rise",
         _front_half_space, _front_slack, "front_temperature", "rear_temperature"),
    single_peak("rear_temperature", slack=_slack),
    *(monotone(name, slack=_heat_slack(name)) for name in ("energy_in", "energy_lost_front", "energy_lost_rear")),
    bounded("rear_temperature", 0.0, _scale, slack=_slack, name="rear temperature up to the adiabatic rise"),
    _law("maximum", Kind.POSITIVITY, "how far the curve rises over its maximum", _over_maximum, _slack,
         "rear_temperature", "maximum"),
    bounded("maximum", 0.0, _scale, slack=_slack, name="maximum up to the adiabatic rise"),
    _law("half of the maximum", Kind.CONSTRAINT, "the curve at the half-rise time less half of the maximum",
         _half_level, _half_slack, "rear_temperature", "half_time", "maximum"),
    _law("half-rise", Kind.CONSERVATION, "the slowest modes at the half-rise time less half of the maximum",
         _half_of_slowest, _maximum_share, "half_time", "maximum"),
    _law("half-rise time", Kind.POSITIVITY, "half-rise time over that without loss, over L^2 / alpha",
         _half_bound, lambda _: _SLACK, "half_time"),
)  # fmt: skip
