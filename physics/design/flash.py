"""How to run a laser flash so that the diffusivity is good enough and the disc warms little enough.

    y_i = T_rear(t_i; alpha, Bi, A, w, L) + b + noise         A amplitude, b baseline, w pulse, L thickness
    F = N sum_i J_i J_i^T / s^2 + P                           h = z [F^-1]_alpha,alpha^(1/2)

J is in logarithms (b in kelvin), N the number of shots that are averaged, P what is known beforehand of Bi, w and L;
nothing is assumed of alpha, A and b. h is the expected relative half-width of the interval of the diffusivity, z the
normal quantile of its level. Shots average the noise away, but not the thickness: alpha goes as L^2, so that a
thickness good to 0.5 % leaves 1 % of the diffusivity (one standard deviation). The noise is white: `noise` at
`noise_rate` readings per second is noise (rate / noise_rate)^(1/2) at another rate, so that the rate need only
resolve the rise. Every number counts in the worst of nine scenarios, the 5, 50 and 95 % points of the priors of alpha
and Bi.

The adiabatic rise bounds the warming of the disc as a whole, and is reached only by the rear of a disc without loss;
the front is hotter for the length of the pulse, and its peak is given beside it. Fails where the flow of heat is not
one-dimensional or the disc is not opaque, of which this model knows nothing.

Source: A. C. Atkinson, A. N. Donev and R. D. Tobias, Optimum Experimental Designs, with SAS, Oxford 2007 (the
information); `physics.equations.flash.disc` (the curve).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.stats import norm
from torch import Tensor

from physics.calibrate.sensitivity import sensitivities
from physics.design.candidate import Unknown
from physics.design.flash_bench import Instrument, Specimen, Wish, check
from physics.design.information import relative_deviation
from physics.equations.flash.disc import Disc, disc_of, front_peak, peak_and_half, signal
from physics.equations.flash.heat_modes import modes
from physics.errors import ParameterError

NAMES = ("diffusivity", "biot", "amplitude", "pulse_width", "thickness")
LONGEST_PULSE = 0.2  # of the shortest half-rise time
READINGS = 100  # within the shortest half-rise time
_DEGREE = 36
_GRID = 450  # times at which the information is summed
_QUANTILES, _MEDIAN = (0.05, 0.5, 0.95), 4  # of each prior, and the scenario of both medians
_MANY = 1e6  # shots that stand for a record without noise
_COOLED = 0.01  # of the rise, before the next shot


@dataclass(frozen=True)
class FlashRun:
    """One way to run the flash.

    Attributes:
        energy, absorbed: of one pulse, on the spot and in the disc, J.
        width: of the pulse; record, before: length of the record after and before the pulse; rest: between shots, s.
        rate: readings per second; shots: to average.
        precision, nominal, floor: expected relative half-width of the diffusivity: in the worst scenario, at the
            medians, and in the worst scenario with any number of shots.
        half_time: its 5, 50 and 95 % points, s.
        rear_rise, front_rise: the most over all scenarios, K.
        duration: of all shots with their rests, s.
        meets: whether the wish is met.
    """

    energy: float
    absorbed: float
    width: float
    record: float
    before: float
    rest: float
    rate: float
    shots: int
    precision: float
    nominal: float
    floor: float
    half_time: tuple[float, float, float]
    rear_rise: float
    front_rise: float
    duration: float
    meets: bool


@dataclass(frozen=True)
class FlashProposal:
    """The runs, best first: those that meet the wish by duration and peak of the front, the rest by precision."""

    runs: tuple[FlashRun, ...]
    reason: str  # why the first does not meet the wish; empty if it does

    @property
    def best(self) -> FlashRun:
        """The run to recommend."""
        return self.runs[0]


def propose_flash(
    specimen: Specimen, instrument: Instrument, wish: Wish, *, records: Sequence[float] = (4.0, 6.0, 8.0, 10.0, 15.0)
) -> FlashProposal:
    """Choose energy, pulse, record, rate and number of shots.

    Args:
        records: lengths of the record, in half-rise times of the slowest scenario.

    Raises:
        ParameterError: a number is not usable, every pulse is too long, or the detector is too slow.
    """
    check(specimen, instrument, wish)
    energy = _energy(specimen, instrument, wish)
    cases = _cases(specimen)
    half = _half(disc_of(_parameters(specimen, energy, cases, min(instrument.widths)), "square"))
    widths = [width for width in instrument.widths if width <= LONGEST_PULSE * float(half.min())]
    if not widths:
        raise ParameterError(
            f"pulse_width: the shortest pulse, {min(instrument.widths):.3g} s, is over a fifth of the half-rise time, "
            f"which may be {float(half.min()):.3g} s; take a shorter pulse or a thicker disc"
        )
    rate = _round(READINGS / float(half.min()), up=True)
    if rate > instrument.rate:
        raise ParameterError(
            f"sampling_rate: {READINGS} readings within a half-rise time of {float(half.min()):.3g} s need {rate:.3g} "
            f"per second, and the detector gives {instrument.rate:.3g}; take a faster detector or a thicker disc"
        )
    runs = []
    for width in widths:
        runs += _runs(specimen, instrument, wish, energy, _parameters(specimen, energy, cases, width), records, rate)
    runs.sort(key=lambda run: (not run.meets, run.duration if run.meets else run.precision, run.front_rise, run.record))
    return FlashProposal(tuple(runs), "" if runs[0].meets else _reason(runs[0], wish))


def _round(value: float, up: bool) -> float:
    """Two digits, so that a person can set it."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    steps = value / unit
    return float(f"{(math.ceil(steps - 1e-9) if up else math.floor(steps + 1e-9)) * unit:.3g}")


def _energy(specimen: Specimen, instrument: Instrument, wish: Wish) -> float:
    """The most energy that keeps the adiabatic rise within its limit, J."""
    area = math.pi / 4 * specimen.spot_diameter**2
    heat = wish.rise * specimen.density * specimen.heat_capacity * specimen.thickness * area
    return _round(min(heat / specimen.absorptivity, instrument.energy), up=False)


def _cases(specimen: Specimen) -> dict[str, Tensor]:
    """The nine scenarios, diffusivity slowest; the fifth is that of the medians."""
    z = [float(norm.ppf(q)) for q in _QUANTILES]

    def points(belief: Unknown) -> list[float]:
        return [belief.median * math.exp(belief.log_deviation * each) for each in z]

    pairs = list(itertools.product(points(specimen.diffusivity), points(specimen.biot)))
    both = torch.tensor(pairs, dtype=torch.float64)
    return {"diffusivity": both[:, 0], "biot": both[:, 1]}


def _known(specimen: Specimen, energy: float) -> dict[str, float]:
    return {
        "density": specimen.density,
        "heat_capacity": specimen.heat_capacity,
        "spot_diameter": specimen.spot_diameter,
        "absorptivity": specimen.absorptivity,
        "pulse_energy": energy,
        "thickness": specimen.thickness,
        "amplitude": 1.0,
    }


def _parameters(specimen: Specimen, energy: float, cases: dict[str, Tensor], width: float) -> dict[str, Tensor]:
    one = torch.ones_like(cases["biot"])
    return {
        **{name: value * one for name, value in _known(specimen, energy).items()},
        **cases,
        "pulse_width": width * one,
    }


def _half(disc: Disc) -> Tensor:
    """Half-rise times in seconds, shape (batch,)."""
    return peak_and_half(disc, modes(disc.front_biot, disc.rear_biot, _DEGREE))[1] / disc.rate


def _runs(
    specimen: Specimen,
    instrument: Instrument,
    wish: Wish,
    energy: float,
    parameters: dict[str, Tensor],
    records: Sequence[float],
    rate: float,
) -> list[FlashRun]:
    """The runs with one pulse, one for each length of the record in half-rise times."""
    disc = disc_of(parameters, "square")
    found = modes(disc.front_biot, disc.rear_biot, _DEGREE)
    maximum, share = peak_and_half(disc, found)
    half = share / disc.rate
    before = _round(float(half[_MEDIAN]), up=True)
    lengths = [_round(count * float(half.max()), up=True) for count in records]
    each, prior = _information(specimen, instrument, parameters, lengths, before)
    rest = _round(math.log(1 / _COOLED) / float((found.rate[:, 0] * disc.rate)[_MEDIAN]), up=True)
    rear, front = (float((disc.rise * part).max()) for part in (maximum, front_peak(disc, _DEGREE)))
    warm = float(disc.rise.max()) <= wish.rise and front <= wish.front_rise
    runs = []
    for record, data in zip(lengths, each, strict=True):
        shots, expected, floor = _shots(data, prior, wish)
        runs.append(
            FlashRun(
                energy, energy * specimen.absorptivity, float(parameters["pulse_width"][0]), record, before, rest, rate,
                shots, float(expected.max()), float(expected[_MEDIAN]), float(floor.max()),
                (float(half.min()), float(half[_MEDIAN]), float(half.max())), rear, front,
                shots * (before + record) + (shots - 1) * rest, warm and float(expected.max()) <= wish.precision,
            )
        )  # fmt: skip
    return runs


def _shots(data: Tensor, prior: Tensor, wish: Wish) -> tuple[int, Tensor, Tensor]:
    """The fewest shots that meet the wish, or the most allowed; their half-widths, and those without noise."""
    z = float(norm.ppf(0.5 + wish.level / 2))

    def half_width(shots: float) -> Tensor:
        return z * relative_deviation(shots * data + prior)[:, 0]

    enough = (n for n in range(wish.least, wish.most) if float(half_width(n).max()) <= wish.precision)
    shots = next(enough, wish.most)
    return shots, half_width(shots), half_width(_MANY)


def _information(
    specimen: Specimen, instrument: Instrument, parameters: dict[str, Tensor], records: Sequence[float], before: float
) -> tuple[list[Tensor], Tensor]:
    """The information of one shot by each record, shape (cases, P, P), and that of the priors; the baseline is last."""
    step = max(records) / _GRID
    times = (torch.arange(_GRID, dtype=torch.float64) + 0.5) * step
    curve, slope = sensitivities(lambda p, t: signal(disc_of(p, "square"), t, _DEGREE), parameters, NAMES, times)
    scale = torch.stack([parameters[name] for name in NAMES], -1)[:, None, :]
    jacobian = torch.cat([slope * scale, torch.ones_like(curve)[..., None]], -1)
    per_second = instrument.noise_rate / instrument.noise**2
    found = []
    for record in records:
        within = jacobian[:, : int(record / step + 1e-9)]
        data = within.mT @ within * (step * per_second)
        data[:, -1, -1] += before * per_second
        found.append(data)
    spreads = {
        "biot": specimen.biot.log_deviation,
        "pulse_width": instrument.width_spread,
        "thickness": specimen.thickness_spread,
    }
    prior = [1.0 / max(spreads[name], 1e-6) ** 2 if name in spreads else 0.0 for name in (*NAMES, "baseline")]
    return found, torch.diag(torch.tensor(prior, dtype=torch.float64))


def _reason(run: FlashRun, wish: Wish) -> str:
    """Say what stands in the way of the best run."""
    if run.front_rise > wish.front_rise:
        return (
            f"the front would rise by {run.front_rise:.3g} K for the length of the pulse, over {wish.front_rise:g} K: "
            "allow more there, less energy, or a longer pulse"
        )
    if run.floor > wish.precision:
        return (
            f"even without noise the diffusivity would be known to {100 * run.floor:.2g} % only: "
            "measure the thickness and the pulse more closely"
        )
    return (
        f"{run.shots} shots give {100 * run.precision:.2g} % where {100 * wish.precision:.2g} % is asked for: "
        "allow more shots or a larger rise, or take a quieter detector"
    )
