"""Symplectic splittings of q' = p, p' = f(q), where f is a gradient.

    p += b_1 dt f(q);  q += a_1 dt p;  p += b_2 dt f(q);  ...  q += a_s dt p;  p += b_{s+1} dt f(q)

Each kick and each drift is a shear, so the step keeps the symplectic form exactly and, being symmetric, is its
own inverse under time reversal. Energy is not kept exactly but stays within O(dt^p) for times exponentially long
in 1/dt, without drift. f is evaluated s times a step, the last kick and the first of the next sharing one.
Explicit: stable while dt times the highest frequency stays below 2 (Stormer-Verlet), about 1.57 (Yoshida).

- STORMER_VERLET: order 2, one stage. E. Hairer, C. Lubich and G. Wanner, Acta Numerica 12 (2003) 399-450,
  doi:10.1017/S0962492902000144.
- YOSHIDA: order 4, three stages. H. Yoshida, Phys. Lett. A 150 (1990) 262-268,
  doi:10.1016/0375-9601(90)90092-3.
- BLANES_MOAN: order 4, six stages, with an error two to three powers of ten below Yoshida's at equal work; valid
  because f does not depend on p. S. Blanes and P. C. Moan, J. Comput. Appl. Math. 142 (2002) 313-330,
  doi:10.1016/S0377-0427(01)00492-7 (the Runge-Kutta-Nystrom scheme of order 4 with six stages).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Splitting:
    """Its shares of a step.

    Attributes:
        drifts: a_1 ... a_s.
        kicks: b_1 ... b_{s+1}.
    """

    name: str
    order: int
    drifts: tuple[float, ...]
    kicks: tuple[float, ...]


def _yoshida() -> Splitting:
    outer = 1.0 / (2.0 - 2.0 ** (1.0 / 3.0))
    inner = 1.0 - 2.0 * outer
    kicks = (outer / 2, (outer + inner) / 2, (outer + inner) / 2, outer / 2)
    return Splitting("yoshida", 4, (outer, inner, outer), kicks)


def _blanes_moan() -> Splitting:
    b1, b2, b3 = 0.0829844064174052, 0.396309801498368, -0.0390563049223486
    a1, a2 = 0.245298957184271, 0.604872665711080
    b4, a3 = 1.0 - 2.0 * (b1 + b2 + b3), 0.5 - (a1 + a2)
    return Splitting("blanes-moan", 4, (a1, a2, a3, a3, a2, a1), (b1, b2, b3, b4, b3, b2, b1))


STORMER_VERLET = Splitting("stormer-verlet", 2, (1.0,), (0.5, 0.5))
YOSHIDA = _yoshida()
BLANES_MOAN = _blanes_moan()


def step(
    position: Tensor, momentum: Tensor, force: Callable[[Tensor], Tensor], dt: float, by: Splitting
) -> tuple[Tensor, Tensor, list[tuple[float, Tensor]]]:
    """Return position and momentum after `dt`, and the positions kicked at with their shares of dt; differentiable."""
    kicked = []
    for k, kick in enumerate(by.kicks):
        momentum = momentum + (kick * dt) * force(position)
        kicked.append((kick * dt, position))
        if k < len(by.drifts):
            position = position + (by.drifts[k] * dt) * momentum
    return position, momentum, kicked
