"""How each peer computes a column: third-type inlet, closed outlet, central fluxes on `cells` equal cells.

Every function here returns `curves() -> (columns, times)`, ready to be timed: what a peer compiles, builds or
factors once for an equation is done before. A peer without a batch does one column at a time.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable

import numpy as np
import scipy.sparse as sparse
import torch
from scipy.integrate import solve_ivp

Curves = Callable[[], np.ndarray]
TIMES = np.linspace(0.05, 2.0, 40)


def system(peclet: float, cells: int) -> tuple[sparse.csc_matrix, np.ndarray]:
    """dc/dT = J c + s of the finite volumes of `physics.equations.advection_dispersion.equation`."""
    h = 1.0 / cells
    ahead, behind = 0.5 + 1.0 / (peclet * h), 0.5 - 1.0 / (peclet * h)
    diag = np.full(cells, -(ahead - behind) / h)
    diag[0], diag[-1] = -ahead / h, -(1.0 - behind) / h
    jacobian = sparse.diags([np.full(cells - 1, ahead / h), diag, np.full(cells - 1, -behind / h)], [-1, 0, 1])
    source = np.zeros(cells)
    source[0] = 1.0 / h
    return jacobian.tocsc(), source


def scipy_bdf(peclet: np.ndarray, cells: int, tolerance: float) -> Curves:
    """`solve_ivp` by BDF, with the constant sparse Jacobian."""
    jacobian, source = system(float(peclet[0]), cells)

    def curves() -> np.ndarray:
        run = solve_ivp(
            lambda _, c: jacobian @ c + source, (0.0, TIMES[-1]), np.zeros(cells), method="BDF", t_eval=TIMES,
            jac=jacobian, rtol=tolerance, atol=tolerance,
        )  # fmt: skip
        return run.y[-1:]

    return curves


def py_pde(peclet: np.ndarray, cells: int, tolerance: float) -> Curves:
    """py-pde's compiled adaptive Runge-Kutta-Fehlberg stepper, mixed condition at the inlet."""
    import pde

    pe = float(peclet[0])
    inlet, outlet = {"type": "mixed", "value": pe, "const": pe}, {"derivative": 0}
    equation = pde.PDE({"c": f"{1 / pe!r} * laplace(c) - d_dx(c)"}, bc={"x-": inlet, "x+": outlet})
    start = pde.ScalarField(pde.CartesianGrid([[0, 1]], cells), 0.0)
    stepper = pde.RungeKuttaSolver(equation, adaptive=True, tolerance=tolerance).make_stepper(start, dt=1e-4)
    stepper(start.copy(), 0.0, 1e-3)

    def curves() -> np.ndarray:
        state, time, found = start.copy(), 0.0, []
        for end in TIMES:
            time = stepper(state, time, float(end))
            found.append((9.0 * state.data[-1] - state.data[-2]) / 8.0)
        return np.array(found)[None]

    return curves


def fipy(peclet: np.ndarray, cells: int, per: float) -> Curves:
    """FiPy's implicit terms, `per` steps between output times; the midpoint of each is extrapolated (second order)."""
    os.environ.setdefault("FIPY_SOLVERS", "scipy")
    import fipy as fp

    mesh = fp.Grid1D(nx=cells, Lx=1.0)
    inner, entering, leaving = (fp.FaceVariable(mesh=mesh, rank=1, value=0.0) for _ in range(3))
    inner.setValue(1.0, where=~mesh.exteriorFaces)
    entering.setValue(1.0, where=mesh.facesLeft)
    leaving.setValue(1.0, where=mesh.facesRight)
    spread = fp.DiffusionTerm(coeff=1.0 / float(peclet[0])) - fp.CentralDifferenceConvectionTerm(coeff=inner)
    ends = -entering.divergence - fp.ImplicitSourceTerm(coeff=leaving.divergence)
    equation, solver, step = fp.TransientTerm() == spread + ends, fp.LinearLUSolver(), TIMES[0] / per

    def curves() -> np.ndarray:
        c, found = fp.CellVariable(mesh=mesh, value=0.0), []
        for k in range(len(TIMES) * int(per)):
            if k == 0:
                for _ in range(4):
                    equation.solve(var=c, dt=step / 4, solver=solver)
            else:
                before = c.value.copy()
                equation.solve(var=c, dt=step / 2, solver=solver)
                c.setValue(2 * c.value - before)
            if (k + 1) % int(per) == 0:
                found.append(float(c.value[-1]))
        return np.array(found)[None]

    return curves


def torchdiffeq(peclet: np.ndarray, cells: int, tolerance: float) -> Curves:
    """torchdiffeq's dopri5 on a whole batch; its implicit methods iterate by substitution and diverge here."""
    from torchdiffeq import odeint

    h, pe = 1.0 / cells, torch.from_numpy(peclet)[:, None]
    ahead, behind = 0.5 + 1.0 / (pe * h), 0.5 - 1.0 / (pe * h)
    times = torch.from_numpy(np.concatenate([[0.0], TIMES]))
    start, one = torch.zeros(len(peclet), cells, dtype=torch.float64), torch.ones_like(pe)

    def rate(_: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        flux = torch.cat([one, ahead * c[:, :-1] + behind * c[:, 1:], c[:, -1:]], 1)
        return (flux[:, :-1] - flux[:, 1:]) / h

    def curves() -> np.ndarray:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return odeint(rate, start, times, rtol=tolerance, atol=tolerance, method="dopri5")[1:, :, -1].T.numpy()

    return curves
