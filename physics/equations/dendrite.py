"""Kobayashi's dendrite: an anisotropic phase field p with latent heat.

    tau p_t = div J + p (1 - p) (p - 1/2 + m),      m = (alpha / pi) atan(-gamma T)
    J = (e^2 p_x - e e' p_y,  e^2 p_y + e e' p_x),  e(theta) = w (1 + d cos j (theta - theta_0))
    T_t = lap T + K p_t,                            -n . grad T = c (T - T_wall) at the walls, n . J = 0

p: 1 in the solid, 0 in the melt; theta: direction of grad p; T: temperature above the equilibrium one, in units
of the undercooling, so that the melt starts at -1; K: latent heat, d: anisotropy of j folds, w: width of the
interface, tau: relaxation time, alpha < 1: coupling, gamma: steepness, c: cooling of the walls, zero by default.
Without dimension; his values are those of `TYPICAL`, on a square of side 9.

Grid: nodes (i h, j h) with half cells at the walls; fluxes at the faces, so that the sum of (T - K p) over the
cells changes only by the flux through the walls, to rounding, and that is exported (`lost`, the third of the
state, shape (batch, 1)). Heun's method; of order 2 in h with dt ~ h^2, and of order 2 in dt. A fourfold crystal
along the axes keeps its mirror lines and the exchange of axes bit by bit; other folds keep what the grid has.

Fails where dt > h^2 / 4 or dt > tau, where the interface (about 6 w) is under four cells wide, and where
d (j^2 - 1) > 1: directions then vanish from the surface and the equation is ill-posed. Start from h = 3 w,
better h = w for tip velocities within a few per cent.

Source: R. Kobayashi, Modeling and numerical simulations of dendritic crystal growth, Physica D 63 (1993)
410-423, doi:10.1016/0167-2789(93)90120-P.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from physics.equations import dendrite_kernels as kernels
from physics.errors import ParameterError
from physics.integrate.lanes import each_member
from physics.solution import Balance

State = tuple[Tensor, ...]
TYPICAL = {
    "latent": 1.6,
    "anisotropy": 0.04,
    "width": 0.01,
    "relaxation": 3e-4,
    "coupling": 0.9,
    "steepness": 10.0,
}


@dataclass(frozen=True)
class Dendrite:
    """The equation on a grid; its parameters are those of `TYPICAL`, each of shape (batch,).

    The state is (p, T, lost): p and T of shape (batch, nx, ny).

    Attributes:
        cells: along x and along y.
        spacing: h.
        folds: j, even.
        orientation: theta_0, radians.
        cooling, wall: c and the temperature beyond the walls.
        seed: the node, in shares of the two sides, where the crystal starts and its tip is measured from.
    """

    cells: tuple[int, int]
    spacing: float
    folds: int = 4
    orientation: float = 0.0
    cooling: float = 0.0
    wall: float = -1.0
    seed: tuple[float, float] = (0.0, 0.0)
    device: str = "cpu"

    order = 2
    parameters = tuple(TYPICAL)
    judged = ("phase", "temperature")
    ratio = 4
    advice = "shorten the step below h^2 / 4 and a third of the relaxation time"

    def __post_init__(self) -> None:
        if min(self.cells) < 4 or not self.spacing > 0 or self.folds < 2 or self.folds % 2 or self.cooling < 0:
            raise ParameterError("dendrite: give 4 cells or more a side, spacing > 0, even folds and cooling >= 0")

    @property
    def coordinates(self) -> dict[str, Tensor]:
        """The axes of the fields."""
        x, y = (torch.arange(n + 1, dtype=torch.float64, device=self.device) * self.spacing for n in self.cells)
        return {"x": x, "y": y}

    @property
    def weights(self) -> Tensor:
        """The area of each node's cell, (nx, ny)."""
        x, y = (torch.ones(n + 1, dtype=torch.float64, device=self.device) for n in self.cells)
        x[0] = x[-1] = y[0] = y[-1] = 0.5
        return self.spacing**2 * x[:, None] * y

    def finer(self) -> Dendrite:
        """Return the equation on cells half as wide."""
        return replace(self, cells=(2 * self.cells[0], 2 * self.cells[1]), spacing=0.5 * self.spacing)

    def check(self, parameters: State) -> None:
        """Refuse parameters under which the equation is ill-posed.

        Raises:
            ParameterError: with the parameter and its bound.
        """
        latent, strength, width, relaxation, coupling, steepness = parameters
        most = 1.0 / (self.folds**2 - 1)
        bounds = (
            ("latent", bool((latent >= 0).all()), "at least 0"),
            ("anisotropy", bool(((strength >= 0) & (strength < most)).all()), f"from 0 to below {most:.3g}"),
            ("width", bool((width > 0).all()), "above 0"),
            ("relaxation", bool((relaxation > 0).all()), "above 0"),
            ("coupling", bool(((coupling >= 0) & (coupling < 1)).all()), "from 0 to below 1"),
            ("steepness", bool((steepness > 0).all()), "above 0"),
        )
        for name, fine, span in bounds:
            if not fine:
                raise ParameterError(f"dendrite: {name} is outside its range, {span}")

    def start(self, radius: float, width: float, batch: int = 1) -> State:
        """Return a round seed in undercooled melt, T = -1 everywhere, with the profile of a flat front at rest."""
        offsets = [
            (torch.arange(n + 1, dtype=torch.float64, device=self.device) - round(share * n)) * self.spacing
            for n, share in zip(self.cells, self.seed, strict=True)
        ]
        apart = torch.hypot(offsets[0][:, None], offsets[1])
        p = 0.5 * (1.0 - torch.tanh((apart - radius) / (2.0 * math.sqrt(2.0) * width)))
        p = p.expand(batch, *p.shape).clone()
        return p, torch.full_like(p, -1.0), p.new_zeros(batch, 1)

    def longest(self, state: State, parameters: State) -> Tensor:
        """Return 0.8 of the stable step of diffusion, or a fifth of the relaxation time, shape (batch,)."""
        _, strength, width, relaxation, _, _ = (part.detach() for part in parameters)
        most = torch.maximum((width * (1.0 + strength * self.folds)) ** 2 / relaxation, torch.ones_like(width))
        most = most + 0.5 * self.cooling * self.spacing
        return torch.minimum(0.2 * self.spacing**2 / most, 0.2 * relaxation)

    def stepper(self, dt: float) -> Callable[[State, State, int], State]:
        """Return the differentiable step `step(state, parameters, index)` of length `dt`."""

        def step(state: State, parameters: State, index: int) -> State:
            first = self._rates(state, parameters)
            ahead = tuple(s + dt * r for s, r in zip(state, first, strict=True))
            second = self._rates(ahead, parameters)
            return tuple(s + 0.5 * dt * (a + b) for s, a, b in zip(state, first, second, strict=True))

        return step

    def advance(self, state: State, parameters: State, dt: float, steps: int) -> State:
        """Take steps without a tape: compiled on the processor, else as `stepper`."""
        if state[0].device.type != "cpu":
            step = self.stepper(dt)
            with torch.no_grad():
                for index in range(steps):
                    state = step(state, parameters, index)
            return state
        p, t, lost = result = tuple(part.detach().clone(memory_format=torch.contiguous_format) for part in state)
        angle = self.folds * self.orientation

        def member(k: int) -> None:
            given = tuple(float(part[k]) for part in parameters)
            kernels.march(
                p[k].numpy(), t[k].numpy(), lost[k].numpy(), self.spacing, given, self.folds, math.cos(angle),
                math.sin(angle), self.cooling, self.wall, dt, steps,
            )  # fmt: skip

        each_member(len(p), member)
        return result

    def _rates(self, state: State, parameters: State) -> State:
        p, t, _ = state
        h, given = self.spacing, [part[:, None, None] for part in parameters]
        latent, strength, width, relaxation, coupling, steepness = given
        q = torch.nn.functional.pad(p[:, None], (1, 1, 1, 1), mode="reflect")[:, 0]
        rise = q[:, :, 2:] - q[:, :, :-2]
        run = q[:, 2:] - q[:, :-2]
        px, py = p.diff(dim=1) / h, (rise[:, 1:-2] + rise[:, 2:-1]) / (4.0 * h)
        qy, qx = p.diff(dim=2) / h, (run[:, :, 1:-2] + run[:, :, 2:-1]) / (4.0 * h)
        shape, slope = self._shape(px, py, strength)
        along_x = width**2 * (shape**2 * px - shape * slope * py)
        shape, slope = self._shape(qx, qy, strength)
        along_y = width**2 * (shape**2 * qy + shape * slope * qx)
        drive = coupling / math.pi * torch.atan(steepness * -t)
        dp = (self._divergence(along_x, along_y) + p * (1.0 - p) * (p - 0.5 + drive)) / relaxation
        loss = self.cooling * (t - self.wall)
        heat = self._divergence(t.diff(dim=1) / h, t.diff(dim=2) / h, loss)
        ends = torch.full((self.cells[0] + 1,), h, dtype=p.dtype, device=p.device)
        sides = torch.full((self.cells[1] + 1,), h, dtype=p.dtype, device=p.device)
        ends[0], ends[-1], sides[0], sides[-1] = (0.5 * h,) * 4
        lost = ((loss[:, 0] + loss[:, -1]) * sides).sum(1) + ((loss[:, :, 0] + loss[:, :, -1]) * ends).sum(1)
        return dp, heat + latent * dp, lost[:, None]

    def _divergence(self, along_x: Tensor, along_y: Tensor, loss: Tensor | None = None) -> Tensor:
        """Return the divergence of fluxes through the faces, and of `loss` outwards through the walls."""
        parts = []
        for axis, flux in ((1, along_x), (2, along_y)):
            first, last = (torch.zeros_like(flux.narrow(axis, 0, 1)) for _ in range(2))
            if loss is not None:
                first, last = loss.narrow(axis, 0, 1), -loss.narrow(axis, loss.shape[axis] - 1, 1)
            wide = torch.full((flux.shape[axis] + 1,), self.spacing, dtype=flux.dtype, device=flux.device)
            wide[0], wide[-1] = 0.5 * self.spacing, 0.5 * self.spacing
            change = torch.cat([first, flux, last], axis).diff(dim=axis)
            parts.append(change / (wide[:, None] if axis == 1 else wide))
        return parts[0] + parts[1]

    def _shape(self, px: Tensor, py: Tensor, strength: Tensor) -> tuple[Tensor, Tensor]:
        """Return e / w and its derivative with the direction."""
        scale = torch.rsqrt(px * px + py * py + kernels.TINY)
        a, b = px * scale, py * scale
        c, s, power = torch.ones_like(a), torch.zeros_like(a), self.folds
        while power > 0:
            if power & 1:
                c, s = c * a - s * b, c * b + s * a
            a, b, power = a * a - b * b, 2.0 * (a * b), power >> 1
        angle = self.folds * self.orientation
        cosine = c * math.cos(angle) + s * math.sin(angle)
        sine = s * math.cos(angle) - c * math.sin(angle)
        return 1.0 + strength * cosine, -strength * self.folds * sine

    def tip(self, p: Tensor) -> Tensor:
        """Return how far p = 1/2 lies from the seed along +x, shape (batch,): linear in log p / (1 - p)."""
        first, row = (round(share * n) for share, n in zip(self.seed, self.cells, strict=True))
        line = p[:, first:, row].clamp(1e-12, 1.0 - 1e-12)
        level = torch.log(line / (1.0 - line))
        index = ((level > 0).long() * torch.arange(1, line.shape[1] + 1, device=p.device)).argmax(1)
        index = index.clamp(max=line.shape[1] - 2)
        near, far = (level.gather(1, (index + k)[:, None])[:, 0] for k in (0, 1))
        return self.spacing * (index + near / (near - far))

    def observe(self, state: State, parameters: State) -> dict[str, Tensor]:
        """Return tip, solid share, enthalpy and heat lost, and the fields."""
        p, t, lost = state
        numbers = {"tip": self.tip(p), "solid": (self.weights * p).sum((1, 2)) / self.weights.sum()}
        numbers |= {"enthalpy": self.enthalpy(state, parameters), "lost": lost[:, 0]}
        return numbers | {"phase": p, "temperature": t}

    def enthalpy(self, state: State, parameters: State) -> Tensor:
        """Return the sum of T - K p over the area, shape (batch,)."""
        return (self.weights * (state[1] - parameters[0][:, None, None] * state[0])).sum((1, 2))

    def balances(self, first: State, last: State, parameters: State) -> list[Balance]:
        """Return the balance of enthalpy."""
        terms = {"before": self.enthalpy(first, parameters), "after": self.enthalpy(last, parameters)}
        terms["lost"] = (last[2] - first[2])[:, 0]
        left = terms["before"] - terms["after"] - terms["lost"]
        scale = (self.weights * (last[1].abs() + parameters[0][:, None, None] * last[0].abs())).sum((1, 2))
        return [Balance("enthalpy", terms, left, scale, 1e-12, "")]
