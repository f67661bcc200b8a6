"""Two-dimensional incompressible flow with a passive tracer, doubly periodic, in vorticity form.

    dw/dt + u . grad w = nu lap w,      ds/dt + u . grad s = D lap s
    w = dv/dx - du/dy,   u = dpsi/dy,  v = -dpsi/dx,  lap psi = -w

    dw/dt = -(dxx - dyy)(u v) - dxy (v^2 - u^2) + nu lap w        (Basdevant's form: two products)

nu: kinematic viscosity, D: diffusivity of the tracer (length^2/time); without dimension 1/Re and 1/(Re Sc).
Grid: `physics.linalg.spectral.Grid`, products dealiased by the two-thirds rule, time by ETDRK4 (order 4;
diffusion exactly). The divergence of u is zero by construction. The state is (fields, lost): the kept
coefficients of w and s (batch, 2, nx, ny_kept), of w alone where there is no tracer (batch, 1, ...), and
what diffusion has taken, (batch, 3) or (batch, 2), from

    d<|u|^2>/2 /dt = -nu <w^2>,   d<w^2>/2 /dt = -nu <|grad w|^2>,   d<s^2>/2 /dt = -D <|grad s|^2>

integrated by the same Runge-Kutta scheme: the semi-discrete budgets are exact, so what they fail to close by is
the error of the step in time. The means of w and s are kept to round-off.

Fails where the smallest scales are not resolved (energy piles up at the cut: the error estimate says so) and
where max|u| dt k_cut > 2.8. Start from dt = 0.5 dx / max|u|.

Sources: C. Basdevant, Technical improvements for direct numerical simulation of homogeneous three-dimensional
turbulence, J. Comput. Phys. 50 (1983) 209-214, doi:10.1016/0021-9991(83)90064-5; `physics.integrate.etdrk4`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from physics import device as devices
from physics.equations import shear_flow_kernels as kernels
from physics.errors import ParameterError
from physics.integrate import etdrk4
from physics.integrate.lanes import each_member
from physics.linalg.spectral import Grid
from physics.solution import Balance

State = tuple[Tensor, ...]
BUDGET = 1e-6  # to which the budgets of a run close, relative: the error of the step in time


@dataclass(frozen=True)
class ShearFlow:
    """The equation on a grid; its parameters are of shape (batch,) each.

    Attributes:
        drift: the mean velocity (u, v), which nothing changes.
        tracer: whether one is carried.
    """

    grid: Grid
    drift: tuple[float, float] = (0.0, 0.0)
    tracer: bool = True

    order = 4
    judged = ("velocity", "tracer")
    ratio = 2
    advice = "halve the step, raise the viscosity or take more points"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Their names; without a tracer the viscosity alone."""
        return ("viscosity", "diffusivity")[: 1 + self.tracer]

    @property
    def coordinates(self) -> dict[str, Tensor]:
        """The axes of the fields."""
        return {"x": self.grid.x, "y": self.grid.y}

    def start(self, u: Tensor, v: Tensor, tracer: Tensor | None = None) -> State:
        """Return the state of a velocity given on the grid, (batch, nx, ny), without its divergence and mean."""
        kx, ky = self.grid.kx[:, None], self.grid.ky
        fields = [1j * (kx * self.grid.forward(v) - ky * self.grid.forward(u))]
        if self.tracer:
            fields.append(self.grid.forward(torch.zeros_like(u) if tracer is None else tracer))
        return torch.stack(fields, 1), u.new_zeros(u.shape[0], 1 + len(fields))

    def finer(self) -> ShearFlow:
        """Return the equation on twice as many points in each direction."""
        return replace(self, grid=replace(self.grid, nx=2 * self.grid.nx, ny=2 * self.grid.ny))

    def velocity(self, vorticity: Tensor) -> tuple[Tensor, Tensor]:
        """Return u and v on the grid, (batch, nx, ny)."""
        stream = vorticity * self.grid.inverse
        u = self.grid.backward(1j * self.grid.ky * stream) + self.drift[0]
        return u, self.grid.backward(-1j * self.grid.kx[:, None] * stream) + self.drift[1]

    def check(self, parameters: State) -> None:
        """Refuse a negative viscosity or diffusivity.

        Raises:
            ParameterError: with the bounds.
        """
        for name, value in zip(self.parameters, parameters, strict=True):
            if not bool((value >= 0).all()):
                raise ParameterError(f"shear_flow: {name} must be 0 or above; below it nothing stays finite")

    def longest(self, state: State, parameters: State, courant: float = 0.5) -> Tensor:
        """Return the step of a Courant number, shape (batch,), from detached values."""
        with torch.no_grad():
            u, v = self.velocity(state[0][:, 0])
            rate = u.abs() * (self.grid.nx / self.grid.lx) + v.abs() * (self.grid.ny / self.grid.ly)
            return courant / rate.amax((-2, -1)).clamp(min=1e-300)

    def stepper(self, dt: float) -> Callable[[State, State, int], State]:
        """Return the differentiable step `step(state, parameters, index)` of length `dt`."""

        def step(state: State, parameters: State, index: int) -> State:
            return self._step(state, parameters, self._weights(parameters, dt), dt)

        return step

    def advance(self, state: State, parameters: State, dt: float, steps: int) -> State:
        """Take steps without a tape: compiled on the processor, else as `stepper`."""
        with torch.no_grad():
            by = self._weights(parameters, dt)
            if state[0].device.type == "cpu":
                return _advance(self, state, parameters, by, dt, steps)
            for _ in range(steps):
                state = self._step(state, parameters, by, dt)
            return state

    def _weights(self, parameters: State, dt: float) -> etdrk4.Weights:
        rates = torch.stack(parameters, 1)
        return etdrk4.weights(-rates[:, :, None, None] * self.grid.square, dt)

    def _step(self, state: State, parameters: State, by: etdrk4.Weights, dt: float) -> State:
        fields, stages = etdrk4.step(state[0], self._slope, by)
        lost = state[1]
        for share, stage in zip(etdrk4.WEIGHTS, stages, strict=True):
            lost = lost + dt * share * self._losses(stage, parameters)
        return fields, lost

    def _slope(self, fields: Tensor) -> Tensor:
        kx, ky = self.grid.kx[:, None], self.grid.ky
        u, v = self.velocity(fields[:, 0])
        slopes = [(kx**2 - ky**2) * self.grid.forward(u * v) - kx * ky * self.grid.forward(u**2 - v**2)]
        if self.tracer:
            s = self.grid.backward(fields[:, 1])
            slopes.append(-1j * (kx * self.grid.forward(u * s) + ky * self.grid.forward(v * s)))
        return torch.stack(slopes, 1)

    def _losses(self, fields: Tensor, parameters: State) -> Tensor:
        rough = self.grid.mean_product(fields, self.grid.square * fields)
        losses = [parameters[0] * self.grid.mean_product(fields[:, 0], fields[:, 0])]
        return torch.stack(losses + [parameters[k] * rough[:, k] for k in range(fields.shape[1])], 1)

    def pressure(self, vorticity: Tensor) -> Tensor:
        """Return the pressure over the density on the grid, of zero mean: lap p = -div div (u u)."""
        kx, ky = self.grid.kx[:, None], self.grid.ky
        u, v = self.velocity(vorticity)
        forward = self.grid.forward
        sums = kx**2 * forward(u * u) + 2.0 * kx * ky * forward(u * v) + ky**2 * forward(v * v)
        return self.grid.backward(-sums * self.grid.inverse)

    def observe(self, state: State, parameters: State) -> dict[str, Tensor]:
        """Return `sums` and the fields: velocity, vorticity, pressure and tracer."""
        vorticity = state[0][:, 0]
        found = self.sums(state) | {"velocity": torch.stack(self.velocity(vorticity), -1)}
        found |= {"vorticity": self.grid.backward(vorticity), "pressure": self.pressure(vorticity)}
        return found | ({"tracer": self.grid.backward(state[0][:, 1])} if self.tracer else {})

    def balances(self, first: State, last: State, parameters: State) -> list[Balance]:
        """Return the budgets of energy, enstrophy and tracer; the last one for its mean is exact."""
        before, after = self.sums(first), self.sums(last)
        names = ["energy", "enstrophy"] + (["tracer_square"] if self.tracer else [])
        found = []
        for k, name in enumerate(names):
            terms = {"before": before[name], "after": after[name], "lost": last[1][:, k] - first[1][:, k]}
            left = terms["before"] - terms["after"] - terms["lost"]
            found.append(Balance(name, terms, left, before[name].clamp(min=1e-300), BUDGET, ""))
        if self.tracer:
            terms = {"before": before["tracer_mean"], "after": after["tracer_mean"]}
            scale = (2.0 * before["tracer_square"]).sqrt().clamp(min=1e-300)
            found.append(Balance("tracer_mean", terms, terms["before"] - terms["after"], scale, 1e-12, ""))
        return found

    def sums(self, state: State) -> dict[str, Tensor]:
        """Return energy and enstrophy, and the mean and half the mean square of the tracer, each (batch,)."""
        vorticity = state[0][:, 0]
        energy = 0.5 * self.grid.mean_product(vorticity, vorticity * self.grid.inverse)
        energy = energy + 0.5 * (self.drift[0] ** 2 + self.drift[1] ** 2)
        found = {"energy": energy, "enstrophy": 0.5 * self.grid.mean_product(vorticity, vorticity)}
        if self.tracer:
            tracer = state[0][:, 1]
            found["tracer_mean"] = tracer[:, 0, 0].real
            found["tracer_square"] = 0.5 * self.grid.mean_product(tracer, tracer)
        return found


def _advance(equation: ShearFlow, state: State, parameters: State, by: etdrk4.Weights, dt: float, steps: int) -> State:
    fields, lost = state[0].clone(), state[1].clone()
    diffusivities = torch.stack(parameters, 1)

    def member(index: int) -> None:
        factors = [tuple(f[index, k].numpy() for f in by) for k in range(fields.shape[1])]
        lane = _Lane(equation, factors, dt * diffusivities[index].numpy())
        for _ in range(steps):
            lane.step(fields[index].numpy(), lost[index].numpy())

    with devices.one_thread():
        each_member(len(fields), member)
    return fields, lost


class _Lane:
    """Buffers and factors of one member."""

    def __init__(self, equation: ShearFlow, factors: list[tuple[np.ndarray, ...]], decay: np.ndarray) -> None:
        grid = equation.grid
        self.decay, self.drift = decay, complex(*equation.drift)
        self.stages = [_stages(etdrk4.Weights(*f)) for f in factors]  # type: ignore[arg-type]
        self.kx, self.ky = grid.kx.numpy(), grid.ky.numpy()
        self.rows = np.flatnonzero(grid.mask[:, 0].numpy())
        self.shape = (grid.nx, grid.ny)
        self.spectrum = torch.zeros(self.shape, dtype=torch.complex128)
        self.flow, self.product, self.transform = (torch.empty_like(self.spectrum) for _ in range(3))
        self.velocity, self.pairs = (torch.view_as_real(part).numpy() for part in (self.flow, self.product))
        self.columns = torch.empty(grid.nx, len(self.ky), dtype=torch.complex128)
        self.tracer = torch.empty(self.shape, dtype=torch.float64)
        self.kept, self.total, *self.ahead = (
            np.zeros((len(factors), grid.nx, len(self.ky)), complex) for _ in range(4)
        )

    def step(self, fields: np.ndarray, lost: np.ndarray) -> None:
        """Advance `fields` in place and add to `lost`."""
        current = fields
        for stage, share in enumerate(etdrk4.WEIGHTS):
            spent = kernels.velocity(current[0], self.kx, self.ky, self.rows, self.drift, self.spectrum.numpy())
            lost[0] += share * self.decay[0] * spent[0]
            lost[1] += share * self.decay[0] * spent[1]
            torch.fft.ifft2(self.spectrum, norm="forward", out=self.flow)
            ahead = self.ahead[stage % 2]
            for k in range(len(fields)):
                if k == 0:
                    kernels.squared(self.velocity, self.pairs)
                else:
                    lost[2] += share * self.decay[1] * kernels.roughness(current[1], self.kx, self.ky, self.rows)
                    torch.fft.ifft(torch.from_numpy(current[1]), dim=0, norm="forward", out=self.columns)
                    torch.fft.irfft(self.columns, n=self.shape[1], dim=1, norm="forward", out=self.tracer)
                    kernels.carried(self.velocity, self.tracer.numpy(), self.pairs)
                torch.fft.fft2(self.product, norm="forward", out=self.transform)
                kernels.combine(
                    self.transform.numpy(), k == 1, self.kx, self.ky, self.rows,
                    stage, fields[k], *self.stages[k][stage], self.kept[k], self.total[k], ahead[k],
                )  # fmt: skip
            current = ahead
        fields[...] = self.total


def _stages(by: etdrk4.Weights) -> tuple[tuple[np.ndarray, ...], ...]:
    """Return (whole, growth, old, new, weight) of the four stages, as `kernels.combine` takes them."""
    rows = (
        (by.whole, by.half, by.a1, by.a1, by.w1),
        (by.whole, by.half, by.b1, by.b2, by.w23),
        (by.whole, by.whole, by.c1, by.c3, by.w23),
        (by.whole, by.whole, by.c1, by.c3, by.w4),
    )
    return rows  # type: ignore[return-value]
