"""The laser flash: a disc is heated by a pulse on its front, and its rear face is read.

    theta_rear(t) = sum_n front_n rear_n c_n(alpha t / L^2)        T_rear = amplitude * rise * theta_rear
    rise = absorptivity E / (rho c L pi d^2 / 4)

with the modes of `physics.equations.flash.heat_modes` and what they keep of the pulse from `heat_pulse`; L thickness
(m), alpha diffusivity (m^2/s), E energy of the pulse (J) on a spot of diameter d (m), rho c (J/(m^3 K)); `rise` is
the adiabatic rise (K), 1 where no energy is named, and `amplitude` what the detector gives for one kelvin. Time
counts from the begin of the pulse, t_half to half of the maximum, and alpha = K L^2 / t_half.

The maximum and the half-rise time are roots, found on plain numbers; one Newton step on live numbers gives them the
derivatives of the implicit function theorem. It fails where the flow of heat has more than one dimension, where
properties change within the rise, and for a pulse that outlasts the half-rise.

Source: W. J. Parker et al., J. Appl. Phys. 32 (1961) 1679, doi:10.1063/1.1728417; R. D. Cowan, J. Appl. Phys. 34
(1963) 926, doi:10.1063/1.1729564.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from physics.equations.flash.heat_modes import UNSEEN, Modes, modes
from physics.equations.flash.heat_pulse import (
    Pulse,
    at_end,
    delivered,
    instant,
    measured,
    respond,
    square,
    triangular,
)
from physics.series import Series

NUMBERS = (
    "thickness",
    "diffusivity",
    "biot",
    "biot_rear",
    "pulse_width",
    "density",
    "heat_capacity",
    "pulse_energy",
    "spot_diameter",
    "absorptivity",
    "amplitude",
)
_END = 6.0  # without loss the rear is then level to rounding
_SCAN, _HALVINGS = 64, 24
_SLOW = 16  # modes that roots are found with: the others have gone before the rear has risen by a hundredth


class Disc(NamedTuple):
    """A batch of flashed discs; every tensor has the shape (batch,).

    Attributes:
        rate: alpha / L^2, 1/s.
        front_biot, rear_biot: of the faces.
        pulse: in the disc's own time.
        rise: the adiabatic rise, K, or 1.
        heat: what is absorbed, J, or 1.
        amplitude: of the detector.
        absolute: whether rise and heat carry units.
    """

    rate: Tensor
    front_biot: Tensor
    rear_biot: Tensor
    pulse: Pulse
    rise: Tensor
    heat: Tensor
    amplitude: Tensor
    absolute: bool


class Readings(NamedTuple):
    """What a resolution gives, in the disc's own units: curves (batch, n), numbers (batch,).

    Attributes:
        rear, front: temperatures over the adiabatic rise.
        entered, stored, lost_front, lost_rear: shares of the heat absorbed, up to each time.
        maximum, half: the largest rear temperature and the time of its half, over L^2 / alpha.
    """

    rear: Tensor
    front: Tensor
    entered: Tensor
    stored: Tensor
    lost_front: Tensor
    lost_rear: Tensor
    maximum: Tensor
    half: Tensor


def disc_of(numbers: Mapping[str, Tensor], pulse: str | Series) -> Disc:
    """Bring SI numbers, each a scalar or of shape (batch,), to the disc's own units."""
    names = [name for name in NUMBERS if name in numbers]
    wide = torch.broadcast_tensors(*(numbers[name].reshape(-1) for name in names))
    given = dict(zip(names, wide, strict=True))
    one = torch.ones_like(given["diffusivity"])
    rate = given["diffusivity"] / given["thickness"] ** 2
    biot = given.get("biot", torch.zeros_like(one))
    absolute = "pulse_energy" in given
    heat, rise = one, one
    if absolute:
        heat = given.get("absorptivity", one) * given["pulse_energy"]
        area = math.pi / 4 * given["spot_diameter"] ** 2
        rise = heat / (given["density"] * given["heat_capacity"] * given["thickness"] * area)
    return Disc(
        rate,
        biot,
        given.get("biot_rear", biot),
        _pulse(pulse, rate, given.get("pulse_width")),
        rise,
        heat,
        given.get("amplitude", one),
        absolute,
    )


def _pulse(pulse: str | Series, rate: Tensor, width: Tensor | None) -> Pulse:
    if isinstance(pulse, Series):
        return measured(pulse, rate)
    if pulse == "instant" or width is None:
        return instant(rate)
    return (square if pulse == "square" else triangular)(width * rate)


def rear(disc: Disc, found: Modes, time: Tensor, ended: Tensor | None = None) -> Tensor:
    """theta at the rear, shape (batch, n), at times of shape (batch, n) over L^2 / alpha."""
    weight, c = _arrived(disc, found, time, ended)
    return torch.einsum("bn,btn->bt", weight, c)


def slope(disc: Disc, found: Modes, time: Tensor, ended: Tensor | None = None) -> Tensor:
    """d theta / dt at the rear, shape (batch, n)."""
    weight, c = _arrived(disc, found, time, ended)
    return -torch.einsum("bn,btn->bt", weight * found.rate, c)


def _arrived(disc: Disc, found: Modes, time: Tensor, ended: Tensor | None) -> tuple[Tensor, Tensor]:
    """Weights (batch, modes) and modes (batch, n, modes) that give the rear.

    Heat on its way for less than `UNSEEN` has not arrived to rounding. Left out, fast modes, which the polynomials
    do not resolve, have gone whatever the pulse, and its edges cost no accuracy.
    """
    c, _ = respond(disc.pulse, found.rate, time - UNSEEN, ended=ended)
    return found.front * found.rear * torch.exp(-found.rate * UNSEEN), c


def signal(disc: Disc, seconds: Tensor, degree: int) -> Tensor:
    """What the detector shows, shape (batch, n), at times of shape (n,) in seconds; differentiable."""
    found = modes(disc.front_biot, disc.rear_biot, degree)
    return (disc.amplitude * disc.rise)[:, None] * rear(disc, found, disc.rate[:, None] * seconds)


def read(disc: Disc, seconds: Tensor, degree: int) -> Readings:
    """Everything that a run returns, from polynomials up to `degree`."""
    found = modes(disc.front_biot, disc.rear_biot, degree)
    time = disc.rate[:, None] * seconds
    c, d = respond(disc.pulse, found.rate, time, accumulated=True)
    if d is None:
        raise RuntimeError("the accumulated heat was asked for")
    at_front, at_rear = found.front**2, found.front * found.rear
    maximum, half = peak_and_half(disc, found)
    return Readings(
        rear(disc, found, time),
        _front(disc, time, torch.einsum("bn,btn->bt", at_front, c)),
        delivered(disc.pulse, time),
        torch.einsum("bn,btn->bt", found.front * found.mean, c),
        disc.front_biot[:, None] * torch.einsum("bn,btn->bt", at_front, d),
        disc.rear_biot[:, None] * torch.einsum("bn,btn->bt", at_rear, d),
        maximum,
        half,
    )


def _front(disc: Disc, time: Tensor, theta: Tensor) -> Tensor:
    """Before the rear is reached, an instant pulse heats a half-space, whose front is known (Carslaw & Jaeger 2.7)."""
    if not disc.pulse.instant:
        return theta
    early = (time > 0) & (time < UNSEEN)
    root, biot = torch.where(early, time, 1.0).sqrt(), disc.front_biot[:, None]
    return torch.where(early, 1.0 / (math.sqrt(math.pi) * root) - biot * torch.special.erfcx(biot * root), theta)


def peak_and_half(disc: Disc, found: Modes) -> tuple[Tensor, Tensor]:
    """The maximum of theta at the rear and the time at which half of it is reached, each (batch,)."""
    with torch.no_grad():
        at_top = _top(*_still(disc, found))
    maximum = rear(disc, found, at_top)
    return maximum[:, 0], _reached(disc, found, 0.5 * maximum)[:, 0]


def time_of(disc: Disc, found: Modes, share: float) -> Tensor:
    """When the rear first reaches a share of its maximum, shape (batch,), over L^2 / alpha."""
    with torch.no_grad():
        at_top = _top(*_still(disc, found))
    return _reached(disc, found, share * rear(disc, found, at_top))[:, 0]


def _still(disc: Disc, found: Modes) -> tuple[Disc, Modes]:
    """Return the numbers alone, without tangents and graphs, and the modes that roots can be found with."""
    still = disc._replace(
        rate=_plain(disc.rate),
        front_biot=_plain(disc.front_biot),
        rear_biot=_plain(disc.rear_biot),
        pulse=Pulse(*map(_plain, disc.pulse)),
    )
    return still, Modes(*(_plain(part)[:, :_SLOW] for part in found))


def _scan(disc: Disc) -> Tensor:
    """Times from the first sign of heat to the level end, shape (batch, scan), in a geometric row."""
    row = torch.linspace(0, 1, _SCAN, dtype=disc.rate.dtype, device=disc.rate.device)
    return UNSEEN * ((disc.pulse.stop[:, None] + _END) / UNSEEN) ** row


def _top(disc: Disc, found: Modes) -> Tensor:
    """When the rear is hottest, shape (batch, 1)."""
    ended, grid = at_end(disc.pulse, found.rate), _scan(disc)
    top = rear(disc, found, grid, ended).argmax(-1, keepdim=True)
    ends = (grid.gather(1, (top + shift).clamp(0, _SCAN - 1)) for shift in (-1, 1))
    return _bisect(lambda time: -slope(disc, found, time, ended), *ends)


def _reached(disc: Disc, found: Modes, level: Tensor) -> Tensor:
    """When the rear first reaches a level, both (batch, 1); one Newton step carries the derivatives."""
    with torch.no_grad():
        (still, slow), at = _still(disc, found), _plain(level)
        ended, grid = at_end(still.pulse, slow.rate), _scan(still)
        first = (rear(still, slow, grid, ended) >= at).to(torch.int8).argmax(-1, keepdim=True).clamp_min(1)
        ends = (grid.gather(1, first + shift) for shift in (-1, 0))
        time = _bisect(lambda time: rear(still, slow, time, ended) - at, *ends)
        steep = slope(still, slow, time, ended)
    return time - (rear(disc, found, time) - level) / steep


def front_peak(disc: Disc, degree: int) -> Tensor:
    """The largest theta at the front, shape (batch,); infinite for an instant pulse.

    It is reached at the end of a square pulse; within other pulses it is looked for at 64 times.
    """
    if disc.pulse.instant:
        return torch.full_like(disc.rate, math.inf)
    found = modes(disc.front_biot, disc.rear_biot, degree)
    time = disc.pulse.stop[:, None] * torch.linspace(0, 1, 65, dtype=disc.rate.dtype, device=disc.rate.device)[1:]
    c, _ = respond(disc.pulse, found.rate, time)
    return torch.einsum("bn,btn->bt", found.front**2, c).amax(-1)


def _plain(value: Tensor) -> Tensor:
    """Return the number without the tangent of a dual pass and without a graph."""
    return torch.autograd.forward_ad.unpack_dual(value).primal.detach()


def _bisect(rises: Callable[[Tensor], Tensor], low: Tensor, high: Tensor) -> Tensor:
    """Halve brackets in which a function turns from negative to positive."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        positive = rises(middle) > 0
        low, high = torch.where(positive, low, middle), torch.where(positive, middle, high)
    return 0.5 * (low + high)
