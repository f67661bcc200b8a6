"""A batch of layers on a ladder of grids, extrapolated to none, with the error that the ladder itself shows.

All schemes here err with the square of the grid spacing, so two grids a < b (rows) give

    y = y_b + (y_b - y_a) / ((b/a)^2 - 1)

and the error of that is taken from the same step one rung below. Grids of a ladder share their shape: the number of
columns over that of rows, and the stretching.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from scipy.interpolate import RectBivariateSpline
from torch import Tensor

from physics.equations.boussinesq.growth import growth
from physics.equations.boussinesq.layer import Layer, State, measures, perturbed
from physics.equations.boussinesq.onset import growth_rate
from physics.equations.boussinesq.run import Flow, Record, run

LADDER = (16, 24, 32, 48, 64, 96)
STRETCH = 2.0
SETTLED = 1e-6  # relative change of the flux still to come


@dataclass(frozen=True)
class Case:
    """What is to be marched: the shape of the layer and the members of the batch."""

    shape: Layer  # of any grid
    flow: Flow
    plates: str
    measured: Tensor | None = None  # growth rates of the solver, where linear theory has none

    def layer(self, rows: int) -> Layer:
        """Return the layer on the grid of this many rows."""
        columns = 4 * max(1, round(2 * self.shape.aspect)) * rows // 8
        s = self.shape
        return Layer(columns, rows, s.aspect, s.rigid, s.periodic, s.from_side, STRETCH)

    @property
    def wavenumber(self) -> float:
        """Of the first rolls."""
        return self.flow.rolls * math.pi / self.shape.aspect * (2.0 if self.shape.periodic else 1.0)

    def pace(self) -> Tensor:
        """Return the growth rates, measured or of a periodic layer of these rolls; of no meaning from the side."""
        if self.measured is not None:
            return self.measured
        pairs = zip(self.flow.rayleigh.tolist(), self.flow.prandtl.tolist(), strict=True)
        rates = [growth_rate(ra, pr, self.wavenumber, self.plates) for ra, pr in pairs]
        return torch.tensor(rates, dtype=torch.float64)

    def span(self) -> tuple[float, float, float]:
        """Return a time that shows the run, how long to wait at most, the longest chunk; in the unit of the clock."""
        clock = self.flow.clock
        if self.shape.from_side:
            tall = max(1.0, self.shape.aspect) * float(clock.max())
            return 0.6 * tall, 6.0 * tall, 0.02 * float(clock.min())
        rate = self.pace().abs().clamp_min(0.05)
        growing = (8.0 - self.flow.amplitude.clamp_min(1e-12).log()) / rate
        chunk = float(((0.3 / rate).clamp(0.01, 0.2) * clock).min())
        return float(((growing + 0.3) * clock).max()), float(((4.0 * growing + 1.0) * clock).max()), chunk

    def left(self) -> Tensor:
        """Return Nu - 1 that a growing member passes before it may count as settled."""
        if self.shape.from_side:
            return torch.full_like(self.flow.rayleigh, -1.0)
        rate = self.pace()
        return torch.where(rate > 0, 0.02 * (rate / 10.0).clamp_max(1.0), -torch.ones_like(rate))


@dataclass
class Level:
    """One grid: its run, its growth rates (None if not asked) and the numbers to be extrapolated, (batch,) each."""

    layer: Layer
    record: Record
    numbers: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Ladder:
    """The grids that were needed.

    Attributes:
        numbers: the extrapolated numbers, and `errors` their error estimates, shape (batch,).
        curve: the flux at the bottom, extrapolated, shape (batch, times), and `curve_error`.
        met: whether each member's Nusselt numbers met the tolerance.
    """

    levels: list[Level]
    numbers: dict[str, Tensor]
    errors: dict[str, Tensor]
    curve: Tensor
    curve_error: Tensor
    met: Tensor

    @property
    def finest(self) -> Level:
        """The last one."""
        return self.levels[-1]


def first_rung(rayleigh: float, from_side: bool) -> int:
    """Return where the ladder starts: a boundary layer, 1 / (2 Nu) thick, needs a few rows."""
    low, high = (2e4, 4e5) if from_side else (2e5, 6e5)
    return 0 if rayleigh < low else 1 if rayleigh < high else 2


def paced(case: Case) -> Case:
    """Return the case with growth rates of the solver on the first grid where walls hold the fluid back."""
    if case.shape.periodic or case.shape.from_side:
        return case
    first = first_rung(float(case.flow.rayleigh.max()), case.shape.from_side)
    return replace(case, measured=growth(case.layer(LADDER[first]), case.flow, case.pace()))


def climb(
    case: Case,
    times: np.ndarray,
    tolerance: float,
    patience: float,
    device: torch.device,
    progress: Callable[[float], None],
    rungs: int = 4,
) -> Ladder:
    """March on finer and finer grids until the Nusselt numbers meet the tolerance, three grids at least.

    A batch in which a member diverges or does not settle is not refined further than the second grid.
    """
    first = first_rung(float(case.flow.rayleigh.max()), case.shape.from_side)
    rows = LADDER[first : first + rungs]
    work = np.cumsum([float(n) ** 3 for n in rows])
    levels: list[Level] = []
    for k, n in enumerate(rows):
        begun = 0.0 if k == 0 else float(work[k - 1])

        def report(share: float, begun: float = begun, own: float = float(n) ** 3) -> None:
            progress((begun + share * own) / float(work[min(2, len(work) - 1)]))

        levels.append(_level(case, n, times, patience, device, k < 2, report))
        if k == 0:
            continue
        ladder = _ladder(levels, tolerance)
        unsettled = bool(torch.isnan(levels[-1].record.settled_at).any())
        if unsettled or (k >= 2 and bool(ladder.met.all())):
            break
    return ladder


def _level(
    case: Case,
    rows: int,
    times: np.ndarray,
    patience: float,
    device: torch.device,
    grows: bool,
    report: Callable[[float], None],
) -> Level:
    layer, flow = case.layer(rows), case.flow
    record = run(
        layer, flow, perturbed(layer, flow.amplitude, flow.rolls), times,
        chunk=case.span()[2], patience=patience, settled=SETTLED, left=case.left(), device=device, progress=report,
    )  # fmt: skip
    level = Level(layer, record)
    state = State(*(part.cpu() for part in record.state))
    last = measures(layer, state)
    along, across, speed = _peaks(layer, state)
    level.numbers = {
        "nusselt_bottom": record.means[0],
        "nusselt_top": record.means[1],
        "nusselt_volume": record.means[2],
        "thermal_dissipation": last.gradient,
        "viscous_dissipation": last.dissipation,
        "buoyancy_work": flow.rayleigh.cpu() * last.work,
        "velocity_max": speed,
        "along_max": along,
        "across_max": across,
        "settling_time": record.settled_at,
    }
    if grows:
        level.numbers["growth_rate"] = (
            record.relaxation * flow.clock if layer.from_side else growth(layer, flow, case.pace())
        )
    return level


def extrapolated(coarse: Tensor, fine: Tensor, ratio: float) -> Tensor:
    """Return the limit of a sequence whose error falls with the square of the spacing."""
    return fine + (fine - coarse) / (ratio**2 - 1.0)


def _ladder(levels: list[Level], tolerance: float) -> Ladder:
    rows = [level.layer.nz for level in levels]
    numbers: dict[str, Tensor] = {}
    errors: dict[str, Tensor] = {}
    for name in levels[0].numbers:
        values = [level.numbers[name] for level in levels if name in level.numbers]
        numbers[name], errors[name] = _limit(values, rows)
    curve, curve_error = _limit([level.record.bottom for level in levels], rows)
    worst = torch.stack([errors[name] for name in ("nusselt_bottom", "nusselt_top", "nusselt_volume")]).amax(0)
    return Ladder(levels, numbers, errors, curve, curve_error, worst <= tolerance)


def _limit(values: list[Tensor], rows: list[int]) -> tuple[Tensor, Tensor]:
    """Extrapolate from the last two grids and estimate the error of that.

    What is left falls with the fourth power, e / (a b)^2 on grids a and b, so that three grids tell e; half as much
    again is added. With two, the half of the last step stands for it.
    """
    best = extrapolated(values[-2], values[-1], rows[len(values) - 1] / rows[len(values) - 2])
    if len(values) == 2:
        return best, 0.5 * (best - values[-1]).abs()
    before = extrapolated(values[-3], values[-2], rows[len(values) - 2] / rows[len(values) - 3])
    a, c = rows[len(values) - 3], rows[len(values) - 1]
    return best, 1.5 * (best - before).abs() / ((c / a) ** 2 - 1.0)


def _peaks(layer: Layer, state: State) -> tuple[Tensor, Tensor, Tensor]:
    """Return the largest speed along the plates at mid-width, across them at mid-depth, and anywhere, shape (batch,).

    Each is the largest value of a cubic spline through the grid's own, so that it does not jump with the grid.
    """
    u, w = state.u.numpy(), state.w.numpy()
    middle_x, middle_z = layer.nx // 2, layer.nz // 2
    right = np.concatenate([u[..., 1:], u[..., :1]], axis=-1)
    speed = np.sqrt(0.25 * ((u + right) ** 2 + (w[:, 1:] + w[:, :-1]) ** 2))
    if not np.isfinite(speed).all():
        nothing = torch.full((len(u),), torch.nan, dtype=torch.float64)
        return nothing, nothing, nothing
    two = np.array([0.0, 1.0])
    z, x = layer.z_centres, layer.x_centres
    along = [_peak(z, two, np.repeat(np.abs(a)[:, None], 2, 1)) for a in u[:, :, middle_x]]
    across = [_peak(x, two, np.repeat(np.abs(a)[:, None], 2, 1)) for a in w[:, middle_z, :]]
    if layer.periodic:  # the peak goes to the middle, away from the ends of the spline
        speed = np.stack([np.roll(each, layer.nx // 2 - int(each.max(axis=0).argmax()), axis=1) for each in speed])
        across = [
            _peak(x, two, np.repeat(np.roll(a, layer.nx // 2 - int(a.argmax()))[:, None], 2, 1))
            for a in np.abs(w[:, middle_z, :])
        ]
    anywhere = [_peak(z, x, each) for each in speed]
    peaks = [torch.tensor(found, dtype=torch.float64) for found in (along, across, anywhere)]
    return peaks[0], peaks[1], peaks[2]


def _peak(a: np.ndarray, b: np.ndarray, values: np.ndarray) -> float:
    """Return the largest value of a spline near the largest of `values` (a, b)."""
    i, j = divmod(int(values.argmax()), values.shape[1])
    rows = slice(max(0, i - 4), min(len(a), i + 5))
    columns = slice(max(0, j - 4), min(len(b), j + 5))
    near_a, near_b = a[rows], b[columns]
    spline = RectBivariateSpline(near_a, near_b, values[rows, columns], kx=3, ky=min(3, len(near_b) - 1))
    fine_a = np.linspace(a[max(i - 1, 0)], a[min(i + 1, len(a) - 1)], 81)
    fine_b = np.linspace(b[max(j - 1, 0)], b[min(j + 1, len(b) - 1)], 81)
    return float(spline(fine_a, fine_b).max())
