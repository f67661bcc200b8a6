"""The nonlinear Klein-Gordon equation in one dimension, by symplectic splittings.

    phi_tt = c^2 phi_xx - m^2 V'(phi)         sine-Gordon: V = 1 - cos phi;  phi^4: V = (phi^2 - 1)^2 / 4
    H = sum_i h [pi_i^2 / 2 + m^2 V(phi_i)] + c^2/(2h) sum_ij w_j (phi_{i+j} - phi_i)^2,    pi = phi_t

c: speed, m: mass (1/time); without dimension both are 1. Grid: x_i = i h, i = 0 ... n-1, and beyond its ends
phi(x + L) = sign phi(x) + jump: periodic (1, 0), a sine-Gordon kink of charge Q (1, 2 pi Q), a phi^4 kink
(-1, 0). The second difference is of order 8 in space and the gradient of H, so that the splitting
(`physics.integrate.symplectic`) keeps the symplectic form of the lattice exactly: the energy stays within
O(dt^p) of its start without drift. The charge is exact by construction, and so is the balance of sum h pi,

    sum h pi |_0^t = what V gave + what passed the seam (nothing unless sign = -1)

both summed kick by kick; the state is (phi, pi, given), given (batch, 2) holding the two. Momentum
-sum h pi phi_x is kept to the order in space only, the lattice being fixed.

Fails where dt c / h > 0.78 (Stormer-Verlet) or 0.6 (Yoshida); with Blanes-Moan the energy creeps over
thousands of periods from 0.8 on. Fails as well where a moving kink is narrower than a few h: the width is that
at rest times sqrt(1 - v^2 / c^2). Start from h = 0.1 c / m, dt = 0.3 h / c.

Source: R. I. McLachlan, Symplectic integration of Hamiltonian wave equations, Numer. Math. 66 (1993) 465-492,
doi:10.1007/BF01385708.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from physics.equations import klein_gordon_kernels as kernels
from physics.errors import ParameterError
from physics.integrate import symplectic
from physics.integrate.lanes import each_member
from physics.integrate.symplectic import BLANES_MOAN, Splitting
from physics.solution import Balance

State = tuple[Tensor, ...]
SECOND = (8.0 / 5.0, -1.0 / 5.0, 8.0 / 315.0, -1.0 / 560.0)  # of phi_{i+j} - 2 phi_i + phi_{i-j}
FIRST = (4.0 / 5.0, -1.0 / 5.0, 4.0 / 105.0, -1.0 / 280.0)  # of phi_{i+j} - phi_{i-j}
POTENTIALS = ("sine-gordon", "phi4")
_REACH = len(SECOND)


@dataclass(frozen=True)
class KleinGordon:
    """The equation on a lattice; its parameters are (speed, mass), each of shape (batch,).

    Attributes:
        potential: "sine-gordon" or "phi4".
        points: at least 9.
        left, length: of the lattice.
        sign, jump: how the field goes on beyond the ends.
        splitting: the scheme in time.
    """

    potential: str
    points: int
    left: float
    length: float
    sign: int = 1
    jump: float = 0.0
    splitting: Splitting = BLANES_MOAN
    device: str = "cpu"

    parameters = ("speed", "mass")
    judged = ("field",)
    ratio = 2
    advice = "shorten the step below half of h / c"

    def __post_init__(self) -> None:
        if self.potential not in POTENTIALS:
            raise ParameterError(f"potential = {self.potential!r} is not one of {', '.join(POTENTIALS)}")
        if self.sign not in (1, -1) or self.points <= 2 * _REACH or not self.length > 0:
            raise ParameterError(f"klein_gordon: give sign 1 or -1, a length > 0 and more than {2 * _REACH} points")

    @property
    def order(self) -> int:
        """Of the error where h and dt are halved together."""
        return self.splitting.order

    @property
    def spacing(self) -> float:
        """The lattice constant h."""
        return self.length / self.points

    @property
    def coordinates(self) -> dict[str, Tensor]:
        """The axis of the field."""
        return {"x": self.left + self.spacing * torch.arange(self.points, dtype=torch.float64, device=self.device)}

    def finer(self) -> KleinGordon:
        """Return the equation on twice as many points."""
        return replace(self, points=2 * self.points)

    def start(self, phi: Tensor, pi: Tensor) -> State:
        """Return the state of a field and its rate, each (batch, points)."""
        return phi, pi, phi.new_zeros(phi.shape[0], 2)

    def check(self, parameters: State) -> None:
        """Refuse what is no wave equation.

        Raises:
            ParameterError: with the bounds.
        """
        if not bool((parameters[0] > 0).all() and (parameters[1] > 0).all()):
            raise ParameterError("klein_gordon: speed and mass must be above 0")

    def longest(self, state: State, parameters: State) -> Tensor:
        """Return 0.3 h / c, and a tenth of a radian of the mass term where that is shorter."""
        with torch.no_grad():
            return torch.minimum(0.3 * self.spacing / parameters[0], 0.2 / parameters[1])

    def stepper(self, dt: float) -> Callable[[State, State, int], State]:
        """Return the differentiable step `step(state, parameters, index)` of length `dt`."""

        def step(state: State, parameters: State, index: int) -> State:
            phi, pi, given = state

            def force(q: Tensor) -> Tensor:
                bend, pull = self._forces(q, parameters)
                return bend + pull

            phi, pi, kicked = symplectic.step(phi, pi, force, dt, self.splitting)
            for share, q in kicked:
                given = given + share * torch.stack(
                    [self._forces(q, parameters)[1].sum(1), self._seam(q, parameters)], 1
                )
            return phi, pi, given

        return step

    def advance(self, state: State, parameters: State, dt: float, steps: int) -> State:
        """Take steps without a tape: compiled on the processor, else as `stepper`."""
        if state[0].device.type == "cpu":
            return self._compiled(state, parameters, dt, steps)
        step = self.stepper(dt)
        with torch.no_grad():
            for index in range(steps):
                state = step(state, parameters, index)
        return state

    def _compiled(self, state: State, parameters: State, dt: float, steps: int) -> State:
        result = tuple(part.detach().clone() for part in state)
        phi, pi, given = (part.numpy() for part in result)
        stiffness = (parameters[0].detach() ** 2 / self.spacing**2).numpy()
        mass = (parameters[1].detach() ** 2).numpy()
        potential = POTENTIALS.index(self.potential)
        tables = [np.array(values) for values in (SECOND, self.splitting.drifts, self.splitting.kicks)]

        def member(k: int) -> None:
            kernels.march(
                phi[k], pi[k], given[k], tables[0], stiffness[k], mass[k], potential, float(self.sign), self.jump,
                tables[1], tables[2], dt, steps,
            )  # fmt: skip

        each_member(len(phi), member)
        return result

    def _padded(self, phi: Tensor) -> Tensor:
        right = self.sign * phi[:, :_REACH] + self.jump
        return torch.cat([self.sign * (phi[:, -_REACH:] - self.jump), phi, right], 1)

    def _bonds(self, phi: Tensor, j: int) -> Tensor:
        """Return phi_i - phi_{i-j} for i = 0 ... n-1+j, shape (batch, n + j)."""
        padded, end = self._padded(phi), _REACH + self.points
        return padded[:, _REACH : end + j] - padded[:, _REACH - j : end]

    def _forces(self, phi: Tensor, parameters: State) -> tuple[Tensor, Tensor]:
        """Return the pulls of the neighbours and of the potential, each (batch, points)."""
        stiffness, mass = (parameters[0] / self.spacing)[:, None] ** 2, parameters[1][:, None] ** 2
        bend = torch.zeros_like(phi)
        for j, weight in enumerate(SECOND, start=1):
            bonds = self._bonds(phi, j)
            bend = bend + weight * (bonds[:, j:] - bonds[:, :-j])
        slope = torch.sin(phi) if self.potential == "sine-gordon" else (phi * phi - 1.0) * phi
        return stiffness * bend, -mass * slope

    def _seam(self, phi: Tensor, parameters: State) -> Tensor:
        """Return what the neighbours' pulls add up to: the flux through the ends, shape (batch,)."""
        total = torch.zeros_like(phi[:, 0])
        for j, weight in enumerate(SECOND, start=1):
            bonds = self._bonds(phi, j)
            total = total + weight * (bonds[:, -j:] - bonds[:, :j]).sum(1)
        return (parameters[0] / self.spacing) ** 2 * total

    def energy(self, state: State, parameters: State) -> Tensor:
        """Return H, shape (batch,)."""
        phi, pi, _ = state
        height = 1.0 - torch.cos(phi) if self.potential == "sine-gordon" else 0.25 * (phi * phi - 1.0) ** 2
        bent = sum(w * (self._bonds(phi, j)[:, j:] ** 2).sum(1) for j, w in enumerate(SECOND, start=1))
        still = (0.5 * pi**2 + (parameters[1] ** 2)[:, None] * height).sum(1)
        return self.spacing * still + 0.5 * parameters[0] ** 2 / self.spacing * bent

    def momentum(self, state: State) -> Tensor:
        """Return -sum h pi phi_x, shape (batch,)."""
        phi, pi, _ = state
        padded, n = self._padded(phi), self.points
        total = torch.zeros_like(phi[:, 0])
        for j, weight in enumerate(FIRST, start=1):
            ahead, behind = padded[:, _REACH + j : _REACH + j + n], padded[:, _REACH - j : _REACH - j + n]
            total = total - weight * (pi * (ahead - behind)).sum(1)
        return total

    def observe(self, state: State, parameters: State) -> dict[str, Tensor]:
        """Return energy, momentum, and the field with its rate."""
        numbers = {"energy": self.energy(state, parameters), "momentum": self.momentum(state)}
        return numbers | {"field": state[0], "rate": state[1]}

    def balances(self, first: State, last: State, parameters: State) -> list[Balance]:
        """Return the balance of sum h pi."""
        h = self.spacing
        terms = {"before": h * first[1].sum(1), "after": h * last[1].sum(1)}
        terms |= {"potential": h * (last[2] - first[2])[:, 0], "seam": h * (last[2] - first[2])[:, 1]}
        left = terms["before"] + terms["potential"] + terms["seam"] - terms["after"]
        scale = h * last[1].abs().sum(1) + sum(term.abs() for term in terms.values())
        return [Balance("impulse", terms, left, scale.clamp(min=1e-300), 1e-12, "")]
