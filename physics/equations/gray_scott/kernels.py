"""What a step of `gray_scott` does between its Fourier transforms, compiled for the processor.

The equation is linear but for the spectra r_i of A B^2 at the stages, so each stage is a sum over U (the state at
the start of the step) and the r_i so far, with weights that are real and even in the wavenumber. Both species go
back to the grid in one complex transform, of A + i B.

U (members, 2, n, 2 m) and r (4, members, n, 2 m) are spectra with real and imaginary parts in turn, m = n // 2 + 1;
weights (members, 2, terms, m, m) are those of the positive quarter. The kernels release the GIL.
"""

from __future__ import annotations

import torch
from numba import njit
from torch import Tensor

from physics.equations.gray_scott.scheme import Rates, diffusion_rates, kept
from physics.integrate import etdrk4


def expansion(rates: Rates, cells: int, h: float) -> tuple[list[Tensor], Tensor]:
    """Return the weights of U, r_1, ... in the three later stages and in the new state, and what is added to <A>.

    Returns:
        Four tensors (batch, 2, terms, m, m) with 2, 3, 4 and 5 terms, and (batch, 4), the constant term of the
        spectrum of A at k = 0.
    """
    by = etdrk4.weights(diffusion_rates(rates, cells, half=False), h)
    loss = torch.stack([rates.feed, rates.feed + rates.kill], 1)[:, :, None, None]
    shape = by.whole.shape
    sign = torch.tensor([-1.0, 1.0], dtype=by.whole.dtype, device=by.whole.device)[:, None, None]
    sign = sign * kept(cells, by.whole)[: cells // 2 + 1]
    fed = torch.zeros_like(by.whole)
    fed[:, 0, 0, 0] = rates.feed * cells**2
    state = torch.zeros(6, *shape, dtype=by.whole.dtype, device=by.whole.device)  # in U, r_1 ... r_4 and 1
    state[0] = 1.0

    def rest(stage: Tensor, number: int) -> Tensor:
        terms = -loss * stage
        terms[number] += sign
        terms[5] += fed
        return terms

    one = rest(state, 1)
    a = by.half * state + by.a1 * one
    two = rest(a, 2)
    b = by.half * state + by.b1 * one + by.b2 * two
    three = rest(b, 3)
    c = by.whole * state + by.c1 * one + by.c3 * three
    new = by.whole * state + by.w1 * one + by.w23 * (two + three) + by.w4 * rest(c, 4)
    stages = (a, b, c, new)
    added = torch.stack([stage[5, :, 0, 0, 0] for stage in stages], 1)
    return [stage[: terms + 2].movedim(0, 2).contiguous() for terms, stage in enumerate(stages)], added


def _combiner(terms):
    """Compile `combine` for a stage with `terms` reactions: what is constant is unrolled."""

    @njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
    def combine(weights, added, u, r, mirror, packed, share, feed, kill, sums):
        n = packed.shape[1]
        m = n // 2 + 1
        for g in range(packed.shape[0]):
            sums[g, 0] += share * feed[g] * (1.0 - packed[g, 0, 0] / n**2)
            sums[g, 1] += share * r[terms - 1, g, 0, 0] / n**2
            sums[g, 2] += share * (feed[g] + kill[g]) * packed[g, 0, 1] / n**2
            for quarter in range(m):
                for side in range(2 if 0 < quarter < n // 2 else 1):
                    i = n - quarter if side else quarter
                    for j in range(m):
                        x, y = 2 * j, 2 * j + 1
                        w, v = weights[g, 0, 0, quarter, j], weights[g, 1, 0, quarter, j]
                        ax, ay = w * u[g, 0, i, x], w * u[g, 0, i, y]
                        bx, by = v * u[g, 1, i, x], v * u[g, 1, i, y]
                        w, v = weights[g, 0, 1, quarter, j], weights[g, 1, 1, quarter, j]
                        ax, ay = ax + w * r[0, g, i, x], ay + w * r[0, g, i, y]
                        bx, by = bx + v * r[0, g, i, x], by + v * r[0, g, i, y]
                        if terms > 1:
                            w, v = weights[g, 0, 2, quarter, j], weights[g, 1, 2, quarter, j]
                            ax, ay = ax + w * r[1, g, i, x], ay + w * r[1, g, i, y]
                            bx, by = bx + v * r[1, g, i, x], by + v * r[1, g, i, y]
                        if terms > 2:
                            w, v = weights[g, 0, 3, quarter, j], weights[g, 1, 3, quarter, j]
                            ax, ay = ax + w * r[2, g, i, x], ay + w * r[2, g, i, y]
                            bx, by = bx + v * r[2, g, i, x], by + v * r[2, g, i, y]
                        if terms > 3:
                            w, v = weights[g, 0, 4, quarter, j], weights[g, 1, 4, quarter, j]
                            ax, ay = ax + w * r[3, g, i, x], ay + w * r[3, g, i, y]
                            bx, by = bx + v * r[3, g, i, x], by + v * r[3, g, i, y]
                            u[g, 0, i, x], u[g, 0, i, y] = ax, ay
                            u[g, 1, i, x], u[g, 1, i, y] = bx, by
                        packed[g, i, x], packed[g, i, y] = ax - by, ay + bx
                        mirror[x], mirror[y] = ax + by, bx - ay
                    opposite = 0 if i == 0 else n - i
                    for j in range(1, m - 1):
                        packed[g, opposite, 2 * (n - j)] = mirror[2 * j]
                        packed[g, opposite, 2 * (n - j) + 1] = mirror[2 * j + 1]
            packed[g, 0, 0] += added[g, terms - 1]
            if terms > 3:
                u[g, 0, 0, 0] += added[g, terms - 1]

    return combine


COMBINE = tuple(_combiner(terms) for terms in (1, 2, 3, 4))
"""`COMBINE[s](weights, added, u, r, mirror, packed, share, feed, kill, sums)`: from one stage to the next.

Adds what the stage fed, reacted and drained, weighted by `share`, to `sums` (members, 3); then sums the next stage
over U and the reactions so far and writes the spectrum of its A + i B, (members, n, 2 n). The last one overwrites U.
`mirror` (2 m) is room to work in.
"""


@njit(cache=True, nogil=True, error_model="numpy")
def pack(u, packed):
    """Write the spectrum (members, n, 2 n) of A + i B from those of A and B, (members, 2, n, 2 m)."""
    n = packed.shape[1]
    for g in range(packed.shape[0]):
        for i in range(n):
            opposite = 0 if i == 0 else n - i
            for j in range(n // 2 + 1):
                packed[g, i, 2 * j] = u[g, 0, i, 2 * j] - u[g, 1, i, 2 * j + 1]
                packed[g, i, 2 * j + 1] = u[g, 0, i, 2 * j + 1] + u[g, 1, i, 2 * j]
            for j in range(1, n // 2):
                packed[g, opposite, 2 * (n - j)] = u[g, 0, i, 2 * j] + u[g, 1, i, 2 * j + 1]
                packed[g, opposite, 2 * (n - j) + 1] = u[g, 1, i, 2 * j] - u[g, 0, i, 2 * j + 1]


@njit(cache=True, nogil=True, error_model="numpy")
def multiply(both, product):
    """Write A B^2, (members, n, n), from A + i B, (members, n, 2 n)."""
    for g in range(product.shape[0]):
        for i in range(product.shape[1]):
            for j in range(product.shape[2]):
                product[g, i, j] = both[g, i, 2 * j] * both[g, i, 2 * j + 1] * both[g, i, 2 * j + 1]
