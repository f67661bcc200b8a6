"""1024 columns against a loop over SciPy's BDF with a sparse Jacobian, at equal error.

Both march the same finite-volume columns (third-type inlet, closed outlet, Peclet numbers spread over 5 to
200) to the same 41 output times; the error of a column is its largest distance from the exact curve. SciPy
is given what suits it: for every column and target the coarsest grid whose semi-discrete error leaves room or
one of the next two, the loosest `rtol` and `atol` that keep within the target, and the constant sparse Jacobian;
the search for them is not timed. Ours chooses its own resolution inside the timed call, from a tolerance that
is the target itself.

The loop is timed over every 32nd column of the batch, sorted by Peclet number, and scaled by 32.
"""

from __future__ import annotations

import platform
import statistics
from pathlib import Path
from time import perf_counter

import numpy as np
import scipy
import scipy.sparse as sparse
import torch
from scipy.integrate import solve_ivp

from physics.equations.advection_dispersion_exact import step_response
from physics.experiments.column import simulate

COLUMNS, SAMPLE, REPEATS = 1024, 32, 5
TIMES = np.linspace(0.05, 2.0, 41)
TARGETS = (1e-3, 1e-4, 1e-5)
GRIDS = [round(12 * 2 ** (k / 2)) for k in range(21)]  # 12 ... 12288
RESULTS = Path(__file__).with_name("RESULTS.md")


def exact(peclet: float) -> np.ndarray:
    return step_response(torch.tensor(peclet, dtype=torch.float64), torch.from_numpy(TIMES)).numpy()


def system(peclet: float, cells: int) -> tuple[sparse.csc_matrix, np.ndarray]:
    """dc/dT = J c + s of the finite volumes of `physics.equations.advection_dispersion`."""
    h = 1.0 / cells
    ahead, behind = 0.5 + 1.0 / (peclet * h), 0.5 - 1.0 / (peclet * h)
    diag = np.full(cells, -(ahead - behind) / h)
    diag[0], diag[-1] = -ahead / h, -(1.0 - behind) / h
    jacobian = sparse.diags([np.full(cells - 1, ahead / h), diag, np.full(cells - 1, -behind / h)], [-1, 0, 1])
    source = np.zeros(cells)
    source[0] = 1.0 / h
    return jacobian.tocsc(), source


def bdf(peclet: float, cells: int, tolerance: float) -> np.ndarray:
    jacobian, source = system(peclet, cells)
    run = solve_ivp(
        lambda _, c: jacobian @ c + source,
        (0.0, TIMES[-1]),
        np.zeros(cells),
        method="BDF",
        t_eval=TIMES,
        jac=jacobian,
        rtol=tolerance,
        atol=tolerance,
    )
    return run.y[-1]


def error(values: np.ndarray, peclet: float) -> float:
    return float(np.abs(values - exact(peclet)).max())


def tune(peclet: float, target: float) -> tuple[int, float]:
    """Return the cheapest of a few (cells, tolerance) that keep within the target."""
    best, settings = np.inf, (GRIDS[-1], target / 100)
    tight = target / 300
    start = next((k for k, n in enumerate(GRIDS) if error(bdf(peclet, n, tight), peclet) < 0.9 * target), None)
    for k in range(start or 0, min((start or 0) + 3, len(GRIDS))):
        for tolerance in target * 10.0 ** -np.arange(-1.0, 2.6, 0.25):
            begin = perf_counter()
            within = error(bdf(peclet, GRIDS[k], tolerance), peclet) <= target
            spent = perf_counter() - begin
            if within:
                if spent < best:
                    best, settings = spent, (GRIDS[k], tolerance)
                break
    return settings


def main() -> None:
    peclet = np.sort(np.random.default_rng(0).uniform(5.0, 200.0, COLUMNS))
    settings = {
        "length": torch.ones(COLUMNS, dtype=torch.float64),
        "velocity": torch.ones(COLUMNS, dtype=torch.float64),
        "dispersion": torch.from_numpy(1.0 / peclet),
    }
    times = torch.from_numpy(TIMES)
    sample = peclet[:: COLUMNS // SAMPLE]
    truth = np.stack([exact(pe) for pe in peclet])
    rows = []
    for target in TARGETS:
        print(f"[benchmark] target {target:g}: tuning SciPy for {len(sample)} columns", flush=True)
        chosen = [tune(pe, target) for pe in sample]
        simulate(settings, times, tolerance=target)
        ours, theirs = [], []
        for repeat in range(REPEATS):
            print(f"[benchmark] target {target:g}: repeat {repeat + 1} of {REPEATS}", flush=True)
            begin = perf_counter()
            run = simulate(settings, times, tolerance=target).require()
            ours.append(perf_counter() - begin)
            begin = perf_counter()
            curves = [bdf(pe, *setting) for pe, setting in zip(sample, chosen, strict=True)]
            theirs.append((perf_counter() - begin) * COLUMNS / len(sample))
        our_error = np.abs(run.outputs["concentration"].values.numpy() - truth).max()
        their_error = max(error(curve, pe) for curve, pe in zip(curves, sample, strict=True))
        cells = [cells for cells, _ in chosen]
        rows.append((target, statistics.median(ours), our_error, statistics.median(theirs), their_error, cells))
    write(rows)


def write(rows: list) -> None:
    lines = [
        "# Results",
        "",
        "Written by `python -m benchmarks`; what is compared stands at the head of `benchmarks/column.py`.",
        "",
        f"Machine: {processor()}, {torch.get_num_threads()} threads, {platform.system()}; Python "
        f"{platform.python_version()}, SciPy {scipy.__version__}, torch {torch.__version__}.",
        "",
        f"## Column: {COLUMNS} breakthrough curves at equal error, median of {REPEATS} repeats",
        "",
        f"The SciPy loop is timed over {SAMPLE} of the columns and scaled; ours is timed over all {COLUMNS}. "
        "Ours splits the batch over the threads, the loop runs on one, as such loops do.",
        "",
        "| target | ours, s | largest error | SciPy BDF, s | largest error | its cells | ratio |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for target, ours, our_error, theirs, their_error, cells in rows:
        lines.append(
            f"| {target:.0e} | {ours:.3f} | {our_error:.1e} | {theirs:.1f} | {their_error:.1e} "
            f"| {min(cells)} to {max(cells)} | {theirs / ours:.0f} |"
        )
    RESULTS.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def processor() -> str:
    """Return the processor's name where the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()
