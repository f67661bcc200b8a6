"""Calibration of a column: one fit, a hundred at once, and the same fit by SciPy and by diffrax with optimistix.

The data are 35 points of a step through 11 cm of sand (velocity 2.45 cm/h, dispersion 0.154 cm2/h, a column that goes
on) with noise of 0.007. Every fit begins at the start that the curve itself gives and finds velocity and dispersion;
ours includes the covariance, the intervals and the verdict on what is identifiable. The errors are the sum of squares
over the least one, less one.

`budget` rows compare with a number of seconds that is asked for. The loop fits the hundred sets one after the other;
at once, values and intervals stand in arrays, and the object that the loop makes of each fit is made when asked for.

Against the peers each is given the loosest tolerance that comes within a millionth of the least misfit, ours too; the
misfit of the parameters found is computed in the closed form. SciPy differentiates our own model by two-point
differences: in the closed form, which is what a fit of such a column uses, and marched at our finest tolerance, as
columns without a closed form are. One of these is fitted too, 30 cm of sand with water at rest, velocity, dispersion,
mobile share and exchange from 60 points, judged by a march that is finer still. Our marched fits begin on coarse curves
and end on the same ones as SciPy's. SciPy gives no posterior; where the row says so its covariance and intervals are
computed after it. diffrax integrates the cells of our march, at a resolution good for `COARSE`, which moves the misfit
by less than that millionth; ours stays on that resolution. How each is set up stands in
`benchmarks/calibration_peers.py`. Fits in closed form and those of the hundred sets are run several in a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks import calibration_peers as peers
from benchmarks.calibration_peers import Method
from benchmarks.face import Row, median_seconds, peer, say
from physics.calibrate.differences import fixed_of, model_of
from physics.calibrate.fit import Fit, fit, fit_batch
from physics.calibrate.posterior import posterior
from physics.calibrate.problem import DataSet, Free, Problem
from physics.calibrate.sensitivity import Model
from physics.calibrate.solve import solve
from physics.calibrate.start import start_column
from physics.equations.advection_dispersion.analytic import Curves
from physics.equations.advection_dispersion.marched import Marched, marched
from physics.equations.advection_dispersion.scaling import Scheme, choose_resolution
from physics.experiments.column import EXPERIMENT

LENGTH, POINTS, SETS, NOISE = 0.11, 35, 100, 0.007
TRUTH = {"velocity": 2.45e-2 / 3600, "dispersion": 0.154e-4 / 3600}
KNOWN = {"length": LENGTH, "outlet": "semi-infinite"}
FIXED = {"length": LENGTH}
BUDGET, LOOP, PEER = 0.030, 10.0, 3.0  # what is asked for
CURVES, COARSE, EQUAL = 1e-7, 3e-5, 1e-6  # tolerances of the marched curves, of the misfits
SOLVERS = {"Tsit5": (1e-4, 3), "Kvaerno5": (1e-5, 1)}  # of diffrax: the tolerance, and how often to run it
DESCENT = 1e-4  # the tolerance of optimistix
METHODS: tuple[Method, ...] = ("trf", "lm")
LOOSE = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)  # tolerances to try, of the descent
TIMES = torch.linspace(2.6, 7.2, POINTS, dtype=torch.float64) * 3600
BED = {"length": 0.3}
REGIONS = {"velocity": 1e-5, "dispersion": 5e-8, "mobile_fraction": 0.6, "exchange": 1.0}
AWAY = {"velocity": 1.2, "dispersion": 2.0, "mobile_fraction": 1.25, "exchange": 0.5}  # the start over the truth
LATE = torch.linspace(2.5, 33.0, 60, dtype=torch.float64) * 3600


def data() -> torch.Tensor:
    """Return `SETS` simulated curves, (sets, points)."""
    exact = EXPERIMENT.model(KNOWN | TRUTH, TIMES)({name: _one(v) for name, v in (FIXED | TRUTH).items()}, TIMES)  # type: ignore[misc]
    noise = torch.randn(SETS, POINTS, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return exact + NOISE * noise


def _one(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64)


def started(values: torch.Tensor) -> dict[str, float]:
    return start_column(TIMES, values, LENGTH)


def calibrated(values: torch.Tensor) -> Fit:
    """One fit as a caller makes it: start, model, descent, posterior."""
    start = started(values)
    given = KNOWN | start
    return fit(
        model_of(EXPERIMENT, given, TIMES, 1e-7), TIMES, values, start, fixed=fixed_of(EXPERIMENT, given, [*start])
    )


def checked(values: torch.Tensor) -> Mapping[str, object]:
    """The same as a problem, with its examination and a posterior that profiles check."""
    start = started(values)
    model = model_of(EXPERIMENT, KNOWN | start, TIMES, 1e-7)
    problem = Problem((DataSet("curve", TIMES, values, model, FIXED),), tuple(Free(*item) for item in start.items()))
    return posterior(solve(problem)).intervals


def run() -> Iterator[Row]:
    values = data()
    one = values[0]
    name = f"velocity and dispersion, {POINTS} points"
    seconds, _ = median_seconds({"fit": lambda: calibrated(one), "checked": lambda: checked(one)}, 51, warm=3)
    yield Row(f"{name}: start, fit and Laplace posterior", "budget", seconds["fit"], BUDGET, target=1.0)
    note = "examined, the posterior checked by profiles"
    yield Row(f"{name}: the same as a problem", "budget", seconds["checked"], BUDGET, target=1.0, note=note)
    yield _at_once(values, name)
    yield from _against(one, name)


def _at_once(values: torch.Tensor, name: str) -> Row:
    model, start = model_of(EXPERIMENT, KNOWN | TRUTH, TIMES, 1e-7), started(values[0])

    def loop() -> dict[str, torch.Tensor]:
        fits = [fit(model, TIMES, each, start, fixed=FIXED).parameters for each in values]
        return {
            key: torch.tensor([(one[key].value, one[key].lower, one[key].upper) for one in fits], dtype=torch.float64)
            for key in start
        }

    def at_once() -> dict[str, torch.Tensor]:
        fits = fit_batch(model, TIMES, values, start, fixed=FIXED)
        return {key: torch.stack([fits.values[key], *fits.intervals[key]], 1) for key in start}

    def objects() -> list[Fit]:
        return list(fit_batch(model, TIMES, values, start, fixed=FIXED))

    seconds, found = _warm({"ours": at_once, "loop": loop, "objects": objects}, 11, 10)
    apart = max(float((found["ours"][key] / found["loop"][key] - 1).abs().max()) for key in start)
    note = f"error: values and intervals against the loop's; with every fit's object made {seconds['objects']:.3g} s"
    return Row(
        f"{name}, {SETS} sets at once", "a loop of fits", seconds["ours"], seconds["loop"], apart, 0.0, LOOP, note
    )


def _warm(
    competitors: Mapping[str, Callable[[], Any]], repeats: int, count: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """As `median_seconds`, with `count` calls in a row for one, so that short works are timed with warm caches."""

    def in_a_row(work: Callable[[], Any]) -> Callable[[], Any]:
        return lambda: [work() for _ in range(count)][-1]

    seconds, found = median_seconds({name: in_a_row(work) for name, work in competitors.items()}, repeats)
    return {name: value / count for name, value in seconds.items()}, found


def _against(values: torch.Tensor, name: str) -> Iterator[Row]:
    start, scheme = started(values), Scheme(outlet="semi-infinite")
    closed = model_of(EXPERIMENT, KNOWN | start, TIMES, CURVES)
    assert isinstance(closed, Curves)
    case = Case.of(TIMES, values, FIXED, start, closed)
    for method in METHODS:
        yield _scipy(case, f"{name}, closed form", closed, method, None, 11, 20)
        yield _scipy(case, f"{name}, closed form", closed, method, 0.95, 11, 20)
    marching = marched(_columns(FIXED | start), TIMES, scheme, CURVES)
    for method in METHODS:
        yield _scipy(case, f"{name}, marched", marching, method, None, 11)
    yield from _two_regions()
    if peer("diffrax") is None or peer("optimistix") is None:
        return
    at = choose_resolution(_columns(FIXED | start), TIMES, scheme, COARSE)
    ours = _loosest(_ours(case, Marched(scheme, at)), LOOSE, case)
    for solver, (tolerance, repeats) in SOLVERS.items():
        say(f"calibration: diffrax {solver} compiles")
        found = peers.diffrax_fit(at, LENGTH, TIMES.numpy(), values.numpy(), start, solver, tolerance, DESCENT)
        work = f"{name}, marched on {at.cells} cells"
        yield _row(case, work, f"diffrax {solver} and optimistix", ours, (found, tolerance), repeats)


def _two_regions() -> Iterator[Row]:
    """A column with water at rest, which has no closed form; judged by curves of a finer march."""
    start = {name: factor * REGIONS[name] for name, factor in AWAY.items()}
    exact = Marched(Scheme(), choose_resolution(_columns(BED | REGIONS), LATE, Scheme(), CURVES / 100))
    noise = torch.randn(len(LATE), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    values = exact(_columns(BED | REGIONS), LATE)[0] + NOISE * noise
    case = Case.of(LATE, values, BED, start, exact)
    marching = marched(_columns(BED | start), LATE, Scheme(), CURVES)
    for method in METHODS:
        yield _scipy(case, f"two regions: {len(start)} parameters, {len(LATE)} points", marching, method, None, 11)


@dataclass(frozen=True)
class Case:
    """The curve that is fitted, what is known of it, the start, the curves that judge, and the least misfit by them."""

    times: torch.Tensor
    values: torch.Tensor
    fixed: dict[str, float]
    start: dict[str, float]
    judge: Model
    least: float

    @classmethod
    def of(
        cls,
        times: torch.Tensor,
        values: torch.Tensor,
        fixed: dict[str, float],
        start: dict[str, float],
        judge: Model,
    ) -> Case:
        return cls(
            times, values, fixed, start, judge, fit(judge, times, values, start, fixed=fixed, tolerance=1e-9).sse
        )

    def over(self, theta: np.ndarray) -> float:
        """Return the misfit of parameters over the least one, less one."""
        free = {name: float(value) for name, value in zip(self.start, theta, strict=True)}
        return (
            float(((self.judge(_columns(self.fixed | free), self.times)[0] - self.values) ** 2).sum()) / self.least - 1
        )


def _columns(numbers: Mapping[str, float]) -> dict[str, torch.Tensor]:
    return {name: _one(value) for name, value in numbers.items()}


def _scipy(
    case: Case, work: str, model: Curves | Marched, method: Method, level: float | None, repeats: int, count: int = 1
) -> Row:
    names, held = (*case.fixed, *case.start), [_one(value) for value in case.fixed.values()]

    def curve(theta: np.ndarray) -> np.ndarray:
        return model.values(names, [*held, *torch.from_numpy(theta)[:, None]], case.times)[0]

    def differences(tolerance: float) -> Callable[[], peers.Found]:
        return peers.scipy_differences(curve, case.values.numpy(), case.start, tolerance, method, level)

    ours, theirs = _loosest(_ours(case, model), LOOSE, case), _loosest(differences, LOOSE, case)
    word = "the fit alone" if level is None else "with covariance and intervals"
    return _row(case, work, f"SciPy least_squares, {method}, {word}", ours, theirs, repeats, count)


def _ours(case: Case, model: Model) -> Callable[[float], Callable[[], peers.Found]]:
    def make(tolerance: float) -> Callable[[], peers.Found]:
        def work() -> peers.Found:
            found = fit(model, case.times, case.values, case.start, fixed=case.fixed, tolerance=tolerance)
            return found.u.exp().numpy(), found.sse, found.iterations

        return work

    return make


def _loosest(
    make: Callable[[float], Callable[[], peers.Found]], tolerances: tuple[float, ...], case: Case
) -> tuple[Callable[[], peers.Found], float]:
    """Return the work at the loosest tolerance that comes within `EQUAL` of the least misfit, and that tolerance."""
    for tolerance in tolerances:
        work = make(tolerance)
        reached = case.over(work()[0])
        say(f"calibration: at {tolerance:g} {reached:+.1e} from the least misfit")
        if abs(reached) <= EQUAL:
            break
    return work, tolerance


def _row(
    case: Case,
    work: str,
    who: str,
    ours: tuple[Callable[[], peers.Found], float],
    theirs: tuple[Callable[[], peers.Found], float],
    repeats: int,
    count: int = 1,
) -> Row:
    seconds, found = _warm({"ours": ours[0], "theirs": theirs[0]}, repeats, count)
    gaps = [abs(case.over(found[side][0])) for side in ("ours", "theirs")]
    told = (
        f"ours with its posterior, at {ours[1]:g}, {found['ours'][2]} steps; "
        f"theirs at {theirs[1]:g}, {found['theirs'][2]} evaluations or steps"
    )
    if gaps[1] > EQUAL:
        told += "; theirs did not reach an equal misfit"
    return Row(work, who, seconds["ours"], seconds["theirs"], *gaps, PEER, told)
