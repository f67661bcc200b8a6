"""The peers of `benchmarks/calibration.py`: what each is given, set up as its documentation advises.

SciPy's `least_squares` gets our own model as a function of the logarithms of the parameters and takes two-point
differences of it, by "trf", its default, and by "lm" (MINPACK), its quickest without bounds. The closed form is called
where it is compiled, without the tape that a model keeps for derivatives.

diffrax integrates the cells of our march: the same three grids, the same fluxes, the same extrapolation to the sixth
order in space, the third grid's law held at the start's Peclet number. In time it takes the explicit Tsit5, which is
the quickest, or the implicit Kvaerno5, with an adaptive step that meets every output time, so that its dense output
adds no error. The implicit stages are solved by a chord iteration whose linear solver reads the three diagonals from
three products (a dense factorisation of hundreds of cells would be slower by orders). optimistix' Levenberg-Marquardt
takes the Jacobian in forward mode, as advised for few parameters. All is compiled before the clock starts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from scipy.optimize import least_squares
from scipy.special import stdtrit

from physics.equations.advection_dispersion.equation import extended_grid
from physics.equations.advection_dispersion.response import DIVISOR, Resolution
from physics.integrate.richardson import LEVELS, weights

Method = Literal["trf", "lm"]
Found = tuple[np.ndarray, float, int]
"""The parameters, the sum of squares and how many curves it took."""


Curve = Callable[[np.ndarray], np.ndarray]
"""velocity and dispersion -> the curve, (n,)."""


def scipy_differences(
    curve: Curve,
    values: np.ndarray,
    start: dict[str, float],
    tolerance: float,
    method: Method,
    level: float | None = None,
) -> Callable[[], Found]:
    """Return the fit by `least_squares`; with a level, covariance and intervals of Student's t follow it."""
    begin = np.log(list(start.values()))

    def residual(u: np.ndarray) -> np.ndarray:
        return curve(np.exp(u)) - values

    def run() -> Found:
        found = least_squares(residual, begin, method=method, xtol=tolerance, ftol=tolerance, gtol=tolerance)
        if level is not None:
            freedom = len(values) - len(begin)
            covariance = np.linalg.inv(found.jac.T @ found.jac) * (2 * found.cost / freedom)
            half = stdtrit(freedom, 0.5 + level / 2) * np.sqrt(np.diag(covariance))
            _ = np.exp(found.x - half), np.exp(found.x + half)
        return np.exp(found.x), 2 * float(found.cost), int(found.nfev)

    return run


def _grid(cells: int, tail: int, peclet: float) -> tuple[np.ndarray, np.ndarray]:
    grid = extended_grid(cells, tail, torch.tensor([peclet], dtype=torch.float64))
    return grid.widths[:, 0].numpy(), grid.gaps[:, 0].numpy()


def diffrax_fit(
    at: Resolution,
    length: float,
    times: np.ndarray,
    values: np.ndarray,
    start: dict[str, float],
    scheme: str,
    tolerance: float,
    descent: float,
) -> Callable[[], Found]:
    """Compile a fit of velocity and dispersion of a column that goes on, fed with the flow, read as resident.

    Args:
        scheme: the name of diffrax' solver.
        tolerance: of its steps, relative and absolute.
        descent: that of optimistix.
    """
    import diffrax
    import jax
    import jax.numpy as jnp
    import optimistix

    jax.config.update("jax_enable_x64", True)
    peclet = start["velocity"] * length / start["dispersion"]
    grids = [_grid(at.cells * n // DIVISOR, at.tail * n // DIVISOR, peclet) for n in LEVELS]
    factors, chord = weights(LEVELS), diffrax.VeryChord(tolerance, tolerance, linear_solver=_banded())
    chosen = getattr(diffrax, scheme)
    stepper = chosen(root_finder=chord) if issubclass(chosen, diffrax.AbstractImplicitSolver) else chosen()
    steps = diffrax.ClipStepSizeController(diffrax.PIDController(rtol=tolerance, atol=tolerance), step_ts=times)

    def curve(velocity: Any, dispersion: Any) -> Any:
        total = 0.0
        for (widths, gaps), factor, n in zip(grids, factors, LEVELS, strict=True):
            # Times in units of the arrival: the stages are scaled as ours are.
            exchange = dispersion / (length * jnp.asarray(gaps[1:]))
            ahead, behind = 0.5 * velocity + exchange, 0.5 * velocity - exchange

            def rate(_: Any, c: Any, args: Any, widths: Any = widths) -> Any:
                ahead, behind, velocity = args
                inner = ahead * c[:-1] + behind * c[1:]
                faces = jnp.concatenate([velocity[None], inner, (velocity * c[-1])[None]])
                return (faces[:-1] - faces[1:]) / (widths * length)

            cells = at.cells * n // DIVISOR
            found = diffrax.diffeqsolve(
                diffrax.ODETerm(rate), stepper, 0.0, times[-1], times[0] / 100,
                jnp.zeros(len(widths)), args=(ahead, behind, velocity),
                saveat=diffrax.SaveAt(ts=times, fn=lambda _, c, __, cells=cells: 0.5 * (c[cells - 1] + c[cells])),
                stepsize_controller=steps, adjoint=diffrax.ForwardMode(), max_steps=100_000,
            )  # fmt: skip
            total = total + factor * found.ys
        return total

    def residual(u: Any, _: Any) -> Any:
        velocity, dispersion = jnp.exp(u)
        return curve(velocity, dispersion) - values

    solver = optimistix.LevenbergMarquardt(rtol=descent, atol=descent)

    @jax.jit
    def solve(u: Any) -> Any:
        found = optimistix.least_squares(residual, solver, u, options={"jac": "fwd"}, max_steps=60, throw=False)
        return found.value, (residual(found.value, None) ** 2).sum(), found.stats["num_steps"]

    begin = jnp.log(jnp.asarray([start["velocity"], start["dispersion"]]))
    solve(begin)[0].block_until_ready()

    def run() -> Found:
        u, sse, steps = solve(begin)
        return np.exp(np.asarray(u)), float(sse), int(steps)

    return run


def _banded() -> Any:
    """Return a linear solver for tridiagonal operators that are only known by their products."""
    import jax
    import jax.numpy as jnp
    import lineax

    class Banded(lineax.AbstractLinearSolver):
        def init(self, operator: Any, options: Any) -> Any:
            size = operator.in_size()
            place = jnp.arange(size)
            products = jnp.stack([operator.mv((place % 3 == k).astype(float)) for k in range(3)])
            rows = [products[(place + shift) % 3, place] for shift in (-1, 0, 1)]
            return jnp.where(place > 0, rows[0], 0.0), rows[1], jnp.where(place < size - 1, rows[2], 0.0)

        def compute(self, state: Any, vector: Any, options: Any) -> Any:
            solution = jax.lax.linalg.tridiagonal_solve(*state, vector[:, None])[:, 0]
            return solution, lineax.RESULTS.successful, {}

        def transpose(self, state: Any, options: Any) -> Any:
            lower, diag, upper = state
            return (jnp.roll(upper, 1), diag, jnp.roll(lower, -1)), options

        def conj(self, state: Any, options: Any) -> Any:
            return state, options

        def assume_full_rank(self) -> bool:
            return True

    return Banded()
