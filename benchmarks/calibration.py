"""Calibration of a column: one fit, a hundred at once, and the same fit by SciPy and by diffrax with optimistix.

The data are 35 points of a step through 11 cm of sand (velocity 2.45 cm/h, dispersion 0.154 cm2/h, a column that goes
on) with noise of 0.007. Every fit begins at the start that the curve itself gives and finds velocity and dispersion;
ours includes the covariance, the intervals and the verdict on what is identifiable. The errors are the sum of squares
over the least one, less one.

`budget` rows compare with a number of seconds that is asked for. The loop fits the hundred sets one after the other.

Against the peers each side minimises the same curves, and each, ours too, is given the loosest tolerance that comes
within a millionth of the least misfit. SciPy differentiates our own model by two-point differences, once in the closed
form, which is what a fit of such a column uses, and once marched, as columns without one are; for the latter no ratio
is asked. diffrax integrates the cells of the march itself. How each is set up stands in
`benchmarks/calibration_peers.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

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
from physics.equations.advection_dispersion.scaling import Scheme, choose_resolution, concentration
from physics.experiments.column import EXPERIMENT

LENGTH, POINTS, SETS, NOISE = 0.11, 35, 100, 0.007
TRUTH = {"velocity": 2.45e-2 / 3600, "dispersion": 0.154e-4 / 3600}
KNOWN = {"length": LENGTH, "outlet": "semi-infinite"}
FIXED = {"length": LENGTH}
BUDGET, LOOP, PEER = 0.030, 10.0, 3.0  # what is asked for
CURVES, EQUAL = 1e-7, 1e-6  # tolerance of the marched curves; of the misfits
METHODS: tuple[Method, ...] = ("trf", "lm")
LOOSE = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)  # tolerances to try, of the descent
TIMES = torch.linspace(2.6, 7.2, POINTS, dtype=torch.float64) * 3600


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

    def loop() -> list[Fit]:
        return [fit(model, TIMES, each, start, fixed=FIXED) for each in values]

    seconds, found = median_seconds(
        {"ours": lambda: fit_batch(model, TIMES, values, start, fixed=FIXED), "loop": loop}, 11, warm=2
    )
    apart = max(abs(a.sse / b.sse - 1) for a, b in zip(found["ours"], found["loop"], strict=True))
    return Row(f"{name}, {SETS} sets at once", "a loop of fits", seconds["ours"], seconds["loop"], apart, 0.0, LOOP)


def _against(values: torch.Tensor, name: str) -> Iterator[Row]:
    start, scheme = started(values), Scheme(outlet="semi-infinite")
    closed = model_of(EXPERIMENT, KNOWN | start, TIMES, CURVES)
    at = choose_resolution({key: _one(v) for key, v in (FIXED | start).items()}, TIMES, scheme, CURVES)

    def marched(parameters: dict[str, torch.Tensor], times: torch.Tensor) -> torch.Tensor:
        return concentration(parameters, times, scheme, at)

    least = fit(closed, TIMES, values, start, fixed=FIXED, tolerance=1e-9).sse
    times, numbers = TIMES.numpy(), values.numpy()
    for word, model, repeats, aim in (("closed form", closed, 51, PEER), ("marched", marched, 3, None)):
        for method in METHODS:

            def differences(
                tolerance: float, model: Model = model, method: Method = method
            ) -> Callable[[], peers.Found]:
                return peers.scipy_differences(model, FIXED, times, numbers, start, tolerance, method)

            ours, theirs = _ours(model, values, start, least), _loosest(differences, LOOSE, least)
            yield _row(f"{name}, {word}", f"SciPy least_squares, {method}", ours, theirs, least, repeats, aim)
    if peer("diffrax") is None or peer("optimistix") is None:
        return
    say("calibration: diffrax takes minutes to compile, and minutes to run")

    def compiled(tolerance: float) -> Callable[[], peers.Found]:
        return peers.diffrax_fit(at, LENGTH, times, numbers, start, tolerance)

    theirs = _loosest(compiled, (1e-8,), least)
    yield _row(f"{name}, marched", "diffrax Kvaerno5 and optimistix", ours, theirs, least, 1, PEER)


def _ours(
    model: Model, values: torch.Tensor, start: dict[str, float], least: float
) -> tuple[Callable[[], peers.Found], float]:
    def make(tolerance: float) -> Callable[[], peers.Found]:
        def work() -> peers.Found:
            found = fit(model, TIMES, values, start, fixed=FIXED, tolerance=tolerance)
            return found.u.exp().numpy(), found.sse, found.iterations

        return work

    return _loosest(make, LOOSE, least)


def _loosest(
    make: Callable[[float], Callable[[], peers.Found]], tolerances: tuple[float, ...], least: float
) -> tuple[Callable[[], peers.Found], float]:
    """Return the work at the loosest tolerance that comes within `EQUAL` of the least misfit, and that tolerance."""
    for tolerance in tolerances:
        work = make(tolerance)
        reached = work()[1] / least - 1
        say(f"calibration: at {tolerance:g} {reached:+.1e} from the least misfit")
        if abs(reached) <= EQUAL:
            break
    return work, tolerance


def _row(
    work: str,
    who: str,
    ours: tuple[Callable[[], peers.Found], float],
    theirs: tuple[Callable[[], peers.Found], float],
    least: float,
    repeats: int,
    aim: float | None,
) -> Row:
    seconds, found = median_seconds({"ours": ours[0], "theirs": theirs[0]}, repeats, warm=int(repeats > 1))
    gaps = [abs(float(found[side][1]) / least - 1) for side in ("ours", "theirs")]
    told = "; ".join(
        f"{word} at {side[1]:g}, {found[key][2]} {unit}"
        for word, key, side, unit in (
            ("ours", "ours", ours, "steps"),
            ("theirs", "theirs", theirs, "evaluations or steps"),
        )
    )
    return Row(work, who, seconds["ours"], seconds["theirs"], gaps[0], gaps[1], aim, told)
