"""The march of `sorption` in array operations, for devices other than the processor.

Newton's iteration runs without derivatives; one further step of it, whose matrix is held fixed, gives the
solution the derivatives of the equation it solves, in both modes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import forward_ad

from physics.integrate.sorption_kernels import CLOSE, EXTRA, GAMMA, MOST
from physics.linalg.tridiagonal import CyclicReduction, Tridiagonal


def _primal(value: Tensor) -> Tensor:
    return forward_ad.unpack_dual(value).primal.detach()


def power(w: Tensor, p: Tensor) -> Tensor:
    """Return sign(w) |w|^p, with a derivative at zero too."""
    size = w.abs()
    safe = torch.where(size > 0, size, torch.ones_like(size))
    return torch.where(size > 0, w * safe ** (p - 1.0), w * (p == 1.0))


class _Stage:
    """c + kappa s + h L c = r + fed."""

    def __init__(self, matrix: Tridiagonal, kappa: Tensor, a: Tensor, b: Tensor) -> None:
        self.matrix, self.kappa, self.a, self.b = matrix, kappa, a, b

    def residual(self, w: Tensor, h: Tensor, r: Tensor, fed: Tensor) -> Tensor:
        """Return what is left of the equation, shape (cells, batch)."""
        c = power(w, self.a)
        left = c + self.kappa * power(w, self.b) + h * self.matrix.times(c) - r
        return torch.cat([left[:1] - fed, left[1:]])

    def jacobian(self, w: Tensor, h: Tensor) -> CyclicReduction:
        """Return the factors of its derivative in w."""
        dc, ds = (p * w.abs() ** (p - 1.0) for p in (self.a, self.b))
        dc, ds = (torch.where(p == 1.0, torch.ones_like(w), d) for p, d in ((self.a, dc), (self.b, ds)))
        lower, upper = self.matrix.lower * torch.roll(dc, 1, 0), self.matrix.upper * torch.roll(dc, -1, 0)
        return CyclicReduction(Tridiagonal(h * lower, dc + self.kappa * ds + h * self.matrix.diag * dc, h * upper))

    def gain(self, c: Tensor, h: Tensor, fed: Tensor) -> Tensor:
        """Return what the fluxes of a stage bring, shape (cells, batch)."""
        moved = -h * self.matrix.times(c)
        return torch.cat([moved[:1] + fed, moved[1:]])

    def plain(self) -> _Stage:
        """Return the same stage without derivatives."""
        parts = (self.matrix.lower, self.matrix.diag, self.matrix.upper, self.kappa, self.a, self.b)
        lower, diag, upper, *rest = (_primal(part) for part in parts)
        return _Stage(Tridiagonal(lower, diag, upper), *rest)

    def solve(self, w: Tensor, h: Tensor, r: Tensor, fed: Tensor) -> Tensor:
        """Return w, not a number where it did not converge."""
        plain, w, held = self.plain(), _primal(w), (_primal(h), _primal(r), _primal(fed))
        largest = torch.full_like(w[0], torch.inf)
        for _ in range(MOST):
            change = plain.jacobian(w, held[0]).solve(plain.residual(w, *held))
            w, largest = w - change, change.abs().amax(0)
            if not bool((largest > CLOSE).any()):
                break
        w = torch.where(largest <= CLOSE, w, torch.nan)
        return w - plain.jacobian(w, held[0]).solve(self.residual(w, h, r, fed))


def march(
    lower: Tensor, diag: Tensor, upper: Tensor, source: Tensor, steps: Tensor, feed: Tensor, kappa: Tensor,
    a: Tensor, b: Tensor, full: float, window: Tensor, mass: Tensor, size: int, face: int,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Return the watched cells (steps, size, batch) and the sums (steps + 1, 5, batch)."""
    stage = _Stage(Tridiagonal(lower, diag, upper), kappa, a, b)
    rows = window + torch.arange(size, device=window.device)[:, None]
    w = torch.full_like(diag, full)
    y = full * (1.0 + kappa).expand_as(diag)
    seen, sums = [], [_first(mass, y, face)]
    for h, level in zip(steps, feed, strict=True):
        fed = h * source * level
        w = stage.solve(w, h, y, fed)
        early = power(w, a)
        y = y + EXTRA * stage.gain(early, h, fed)
        w = stage.solve(w, h, y, fed)
        late = power(w, a)
        y = y + stage.gain(late, h, fed)
        seen.append(late.gather(0, rows))
        if len(mass):
            with torch.no_grad():
                mean = (1.0 - GAMMA) * early + GAMMA * late
                after = mean[face] if face < len(mean) else torch.zeros_like(mean[0])
                whole = [(mass[:face] * value[:face]).sum(0) for value in (y, mean)]
                sums.append(torch.stack([whole[0], mean[0], mean[face - 1], after, whole[1]]))
    return torch.stack(seen), torch.stack(sums) if len(mass) else diag.new_empty(0, 5, diag.shape[1])


def _first(mass: Tensor, y: Tensor, face: int) -> Tensor:
    held = (mass[:face] * y[:face]).sum(0) if len(mass) else torch.zeros_like(y[0])
    return torch.stack([held.detach(), *(torch.zeros_like(held) for _ in range(4))])
